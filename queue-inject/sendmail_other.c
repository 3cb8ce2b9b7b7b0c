/* sendmail_other: see sendmail_other.h.
 *
 * sendmail runs as whoever called it, never set-id, so the other program gets
 * the caller's own environment and rights, and nothing more. */
#include "queue-inject/sendmail_other.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/place.h"

/* The program's name and arguments of its own (NULL where it has fewer). */
struct other {
	const char *program;
	const char *words[2];
};

static _Noreturn void
become(const struct other *other, const char *const *arguments)
{
	char path[PATH_MAX];
	size_t count = 0, n = 0;
	const char **argv;

	while (arguments[count] != NULL)
		count++;
	argv = calloc(count + 4, sizeof *argv);
	if (argv == NULL)
		die_errno(EX_OSERR, "%s", other->program);
	argv[n++] = other->program;
	for (size_t i = 0; i < 2 && other->words[i] != NULL; i++)
		argv[n++] = other->words[i];
	for (size_t i = 0; i < count; i++)
		argv[n++] = arguments[i];
	if (!place_program(path, sizeof path, other->program))
		die_errno(EX_OSERR, "%s", other->program);
	execv(path, (char *const *)(uintptr_t)argv);
	if (errno == ENOENT)
		die(EX_OSFILE, "%s is not installed", other->program);
	die_errno(EX_OSERR, "%s", path);
}

void
sendmail_become_other(const struct sendmail_options *o)
{
	static const char *const none[] = { NULL };

	switch (o->mode) {
	case SENDMAIL_SUBMIT:
	case SENDMAIL_VERIFY:
		return;
	case SENDMAIL_SMTP:
		become(&(struct other){ "smtp-recv", { "-b", NULL } }, none);
	case SENDMAIL_DAEMON:
		become(&(struct other){ "smtpd", { o->is_foreground ? "-d" : NULL, NULL } }, none);
	case SENDMAIL_MAILQ:
		become(&(struct other){ "smtpctl", { "show", "queue" } }, o->arguments);
	case SENDMAIL_ALIASES:
		become(&(struct other){ "newaliases", { NULL, NULL } }, o->arguments);
	case SENDMAIL_RUN_QUEUE:
		become(&(struct other){ "queue-run", { NULL, NULL } }, none);
	case SENDMAIL_SCHEDULE:
		become(&(struct other){ "smtpctl", { "schedule", o->queue_id } }, none);
	case SENDMAIL_NOTHING:
		exit(0);
	}
}
