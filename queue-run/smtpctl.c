/* smtpctl: the operator's side of pipepost.
 *
 * Looks at the queue and the counters, has messages tried, removed, paused and
 * resumed, and explains what the rules would do. It works whether anything runs
 * or not, and is never set-id: what the caller may not read, it may not read.
 * Under another program's name (as mailer.conf starts it) it becomes that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"
#include "queue-run/ctl.h"

static int say_how_to_trace(struct ctl *c, const char *const *args);
static int say_how_to_stop(struct ctl *c, const char *const *args);
static int update_table(struct ctl *c, const char *const *args);

/* In the order in which the usage lists them. */
static const struct ctl_command commands[] = {
	{ "show queue", "[-l | -m | -t] [ID]", ctl_show_queue },
	{ "show stats", "[-p] [-q] [-z]", ctl_show_stats },
	{ "show message", "ID", ctl_show_message },
	{ "show envelope", "ID[.N]", ctl_show_envelope },
	{ "show status", "", ctl_show_status },
	{ "schedule", "ID | @DOMAIN | from:STRING | all", ctl_schedule },
	{ "runqueue", "", ctl_run_queue },
	{ "remove", "ID[.N] | @DOMAIN | all", ctl_remove },
	{ "pause envelope", "ID | @DOMAIN | from:STRING | all", ctl_pause_envelope },
	{ "resume envelope", "ID | @DOMAIN | from:STRING | all", ctl_resume_envelope },
	{ "pause domain", "DOMAIN", ctl_pause_domain },
	{ "resume domain", "DOMAIN", ctl_resume_domain },
	{ "pause mda", "", ctl_pause_mda },
	{ "pause local", "", ctl_pause_mda },
	{ "resume mda", "", ctl_resume_mda },
	{ "resume local", "", ctl_resume_mda },
	{ "pause mta", "", ctl_pause_mta },
	{ "pause outgoing", "", ctl_pause_mta },
	{ "resume mta", "", ctl_resume_mta },
	{ "resume outgoing", "", ctl_resume_mta },
	{ "pause smtp", "", ctl_pause_smtp },
	{ "pause incoming", "", ctl_pause_smtp },
	{ "resume smtp", "", ctl_resume_smtp },
	{ "resume incoming", "", ctl_resume_smtp },
	{ "log verbose", "", ctl_log_verbose },
	{ "log brief", "", ctl_log_brief },
	{ "show hosts", "[-m]", ctl_show_hosts },
	{ "show routes", "[-m]", ctl_show_hosts },
	{ "show hoststats", "", ctl_show_hoststats },
	{ "encrypt", "[-s KIND] [PASSWORD]", ctl_encrypt },
	{ "why", "ADDRESS [from CLIENT] [sender ADDRESS] [tagged TAG] [user LOGIN]", ctl_why },
	{ "doctor", "[-x DOMAIN | HOST:PORT] [DOMAIN ...]", ctl_doctor },
	{ "monitor", "", ctl_monitor },
	{ "discover", "ID", ctl_discover },
	{ "update table", "NAME", update_table },
	{ "trace", "WORD", say_how_to_trace },
	{ "untrace", "WORD", say_how_to_trace },
	{ "profile", "WORD", say_how_to_trace },
	{ "unprofile", "WORD", say_how_to_trace },
	{ "stop", "", say_how_to_stop },
};
enum { NCOMMANDS = sizeof commands / sizeof commands[0] };

/* ---- for the commands ---- */

bool
ctl_open_queue(struct ctl *c)
{
	const char *missing = "";

	if (c->is_open)
		return true;
	if (!place_become_queue_owner(c->spool))
		die_errno(EX_OSFILE, "%s (queue-init makes it)", c->spool);
	umask(077);
	c->is_open = queue_open(&c->queue, c->spool, (1U << QUEUE_PLACES) - 1, &missing);
	if (c->is_open || errno == EACCES || errno == EPERM)
		return c->is_open;
	die_errno(EX_OSFILE, "%s/%s (queue-init makes it)", c->spool, missing);
}

void
ctl_need_queue(struct ctl *c)
{
	if (!ctl_open_queue(c))
		die(EX_NOPERM, "%s: only root and the owner of the queue may do this", c->spool);
}

int
ctl_answer(bool has_succeeded)
{
	puts(has_succeeded ? "command succeeded" : "command failed");
	return has_succeeded ? 0 : CTL_FAILED;
}

int
ctl_answer_count(size_t n, const char *verb)
{
	printf("%zu envelope%s %s\n", n, n == 1 ? "" : "s", verb);
	return 0;
}

void
ctl_usage(const char *usage)
{
	die(EX_USAGE, "usage: smtpctl %s", usage);
}

void
ctl_become(const char *program, const char *name, const char *const *words, const char *const *args)
{
	char path[PATH_MAX];
	const char **argv;
	size_t n = 0, count = 0;

	for (const char *const *a = words; *a != NULL; a++)
		count++;
	for (const char *const *a = args; *a != NULL; a++)
		count++;
	argv = calloc(count + 2, sizeof *argv);
	if (argv == NULL || !place_program(path, sizeof path, program))
		die_errno(EX_OSERR, "%s", program);
	argv[n++] = name;
	while (*words != NULL)
		argv[n++] = *words++;
	while (*args != NULL)
		argv[n++] = *args++;
	execv(path, (char *const *)(uintptr_t)argv);
	if (errno == ENOENT)
		die(EX_OSFILE, "%s is not installed", program);
	die_errno(EX_OSERR, "%s", path);
}

/* ---- words that need no program here ---- */

static int
update_table(struct ctl *c, const char *const *args)
{
	(void)c;
	if (args[0] == NULL || args[1] != NULL)
		ctl_usage("update table NAME");
	return ctl_answer(true);	/* every process looks for itself whether a table has changed */
}

static int
say_how_to_trace(struct ctl *c, const char *const *args)
{
	(void)c;
	(void)args;
	die(CTL_FAILED, "nothing runs that could be told: start smtpd, smtp-recv or queue-run with -v, or say smtpctl log "
	    "verbose; smtpctl why shows what the rules do with an address");
}

static int
say_how_to_stop(struct ctl *c, const char *const *args)
{
	(void)c;
	(void)args;
	die(CTL_FAILED, "stop what supervises smtp-recv and queue-run (systemctl, svc, sv, s6-svc, or the pid of smtpd); "
	    "smtpctl pause smtp, mda and mta stop the mail alone");
}

/* ---- main ---- */

static const char *
basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* mailer.conf(5) starts smtpctl under the name that the user has typed. */
static void
become_namesake(const char *name, const char *const *args)
{
	static const char *const none[] = { NULL };
	static const struct namesake {
		const char *name, *program;
	} namesakes[] = {
		{ "sendmail", "sendmail" }, { "send-mail", "sendmail" }, { "mailq", "sendmail" },
		{ "newaliases", "newaliases" }, { "makemap", "makemap" },
	};

	for (size_t i = 0; i < sizeof namesakes / sizeof namesakes[0]; i++)
		if (strcmp(name, namesakes[i].name) == 0)
			ctl_become(namesakes[i].program, name, none, args);
	if (strcmp(name, "hoststat") == 0 || strcmp(name, "purgestat") == 0)
		exit(0);	/* there is no such status */
}

static _Noreturn void
print_usage(bool is_wanted)
{
	FILE *to = is_wanted ? stdout : stderr;

	fputs("usage: smtpctl command [argument ...]\n", to);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(to, "       smtpctl %s%s%s\n", commands[i].words, *commands[i].arguments != '\0' ? " " : "",
		    commands[i].arguments);
	exit(is_wanted ? 0 : EX_USAGE);
}

static const struct ctl_command *
find_command(const char *const *argv, size_t *used)
{
	bool is_ambiguous;
	const struct ctl_command *found = ctl_find_command(commands, NCOMMANDS, argv, used, &is_ambiguous);

	if (found == NULL && is_ambiguous)
		complain("%s: that could be the beginning of several commands", argv[*used > 0 ? *used - 1 : 0]);
	else if (found == NULL)
		complain("%s: there is no such command", argv[*used] != NULL ? argv[*used] : argv[0]);
	return found;
}

int
main(int argc, const char *const *argv)
{
	struct ctl c = { .spool = place_spool(), .conf = place_conf() };
	const struct ctl_command *command;
	size_t used;
	int status;

	PROG = "smtpctl";
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			_exit(EX_OSERR);
	log_open(PROG);
	if (argc > 0)
		become_namesake(basename_of(argv[0]), argv + 1);
	if (argc < 2 || strcmp(argv[1], "-h") == 0)
		print_usage(argc >= 2);
	command = find_command(argv + 1, &used);
	if (command == NULL)
		return EX_USAGE;
	status = command->run(&c, argv + 1 + used);
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
	return status;
}
