/* sendmail_other: see sendmail_other.h.
 *
 * sendmail runs as whoever called it, never set-id, so the other program gets
 * the caller's own environment and rights, and nothing more. */
#include "queue-inject/sendmail_other.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/tai.h>

#include "lib/die.h"
#include "lib/place.h"
#include "lib/queue.h"
#include "lib/spawn.h"

enum { WORDS_MAX = 3, HOST_MAX = 255, SCHEDULE_SECONDS = 60 };

/* The program's name and arguments of its own (NULL where it has fewer). */
struct other {
	const char *program;
	const char *words[WORDS_MAX];
};

static void
find(char path[PATH_MAX], const struct other *other)
{
	if (!place_program(path, PATH_MAX, other->program))
		die_errno(EX_OSERR, "%s", other->program);
}

static _Noreturn void
become(const struct other *other, const char *const *arguments)
{
	char path[PATH_MAX];
	size_t count = 0, n = 0;
	const char **argv;

	while (arguments[count] != NULL)
		count++;
	argv = calloc(count + WORDS_MAX + 2, sizeof *argv);
	if (argv == NULL)
		die_errno(EX_OSERR, "%s", other->program);
	argv[n++] = other->program;
	for (size_t i = 0; i < WORDS_MAX && other->words[i] != NULL; i++)
		argv[n++] = other->words[i];
	for (size_t i = 0; i < count; i++)
		argv[n++] = arguments[i];
	find(path, other);
	execv(path, (char *const *)(uintptr_t)argv);
	if (errno == ENOENT)
		die(EX_OSFILE, "%s is not installed", other->program);
	die_errno(EX_OSERR, "%s", path);
}

static void
require_queue(void)
{
	char path[PATH_MAX];
	const char *spool = place_spool();
	int n = snprintf(path, sizeof path, "%s/%s", spool, queue_place_names[QUEUE_NEW]);

	if (n > 0 && (size_t)n < sizeof path && access(path, R_OK | W_OK | X_OK) == -1 && errno == EACCES)
		die(EX_NOPERM, "only root and the owner of %s may run the queue", spool);
}

/* All that waits is due now: for the runner that is at work, or for the pass that follows. */
static void
make_due(void)
{
	static const char *const argv[] = { "smtpctl", "schedule", "all", NULL };
	char path[PATH_MAX];
	tain deadline;
	pid_t pid;
	int status;

	find(path, &(struct other){ .program = argv[0] });
	pid = spawn_program(path, argv, (const char *const *)environ, (int[]){ SPAWN_NULL, SPAWN_NULL }, 2);
	if (pid == -1) {
		complain("%s: %s: only what is due is tried", argv[0], strerror(errno));
		return;
	}
	tain_now_set_stopwatch_g();
	tain_addsec_g(&deadline, SCHEDULE_SECONDS);
	if (!spawn_wait(pid, &status, &deadline) || status != 0)
		complain("%s failed: only what is due is tried", argv[0]);
}

/* Where a runner is at work queue-run ends at once, and the runner has been told. */
static _Noreturn void
run_queue(const char *const *none)
{
	require_queue();
	make_due();
	become(&(struct other){ "queue-run", { NULL } }, none);
}

static _Noreturn void
schedule(const struct sendmail_options *o, const char *const *none)
{
	char target[HOST_MAX + 8];
	int n = o->domain != NULL ? snprintf(target, sizeof target, "@%s", o->domain) :
	    snprintf(target, sizeof target, "from:%s", o->sender != NULL ? o->sender : "");

	if (o->domain == NULL && o->sender == NULL)
		become(&(struct other){ "smtpctl", { "schedule", o->queue_id } }, none);
	if ((size_t)n >= sizeof target)
		die(EX_USAGE, "-q%c: that is too long", o->domain != NULL ? 'R' : 'S');
	become(&(struct other){ "smtpctl", { "schedule", target } }, none);
}

static _Noreturn void
rebuild_aliases(const struct sendmail_options *o)
{
	if (o->aliases == NULL || *o->aliases == '\0')
		become(&(struct other){ "newaliases", { NULL } }, o->arguments);
	become(&(struct other){ "makemap", { "-t", "aliases", o->aliases } }, o->arguments);
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
		become(&(struct other){ "smtp-recv", { "-b" } }, none);
	case SENDMAIL_DAEMON:
		become(&(struct other){ "smtpd", { o->is_foreground ? "-F" : NULL } }, none);
	case SENDMAIL_MAILQ:
		become(&(struct other){ "smtpctl", { "show", "queue" } }, o->arguments);
	case SENDMAIL_ALIASES:
		rebuild_aliases(o);
	case SENDMAIL_RUN_QUEUE:
		run_queue(none);
	case SENDMAIL_SCHEDULE:
		schedule(o, none);
	case SENDMAIL_NOTHING:
		exit(0);
	}
}
