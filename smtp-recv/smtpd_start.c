/* smtpd_start: what must be right before the first connection is taken.
 *
 * Whatever is not ends the program, with one line that says what. */
#include "smtp-recv/smtpd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/place.h"
#include "lib/queue.h"
#include "lib/spawn.h"

enum { QUEUE_INIT_SECONDS = 60 };

static const char door_account[] = "ppsmtp";

void
start_read_configuration(struct smtpd *s)
{
	s->conf = conf_read(s->conf_path, s->macros, s->nmacros);
	if (s->conf == NULL)
		die_errno(EX_OSERR, "%s", s->conf_path);
	conf_server_name(s->name, sizeof s->name);
}

static bool
is_complete(const char *spool)
{
	char path[4096];
	struct stat st;

	for (size_t i = 0; i < QUEUE_PLACES; i++) {
		int n = snprintf(path, sizeof path, "%s/%s", spool, queue_place_names[i]);

		/* A directory above that is closed to us (EACCES) is no reason to make one. */
		if (n < 0 || (size_t)n >= sizeof path || (stat(path, &st) == -1 && errno == ENOENT))
			return false;
	}
	return true;
}

void
start_prepare_spool(void)
{
	const char *spool = place_spool();
	char program[4096];
	const char *const argv[] = { "queue-init", spool, NULL };
	tain deadline;
	pid_t pid;
	int status;

	if (is_complete(spool))
		return;
	if (!place_program(program, sizeof program, "queue-init"))
		die_errno(EX_SOFTWARE, "queue-init");
	complain("%s is not a whole spool yet: running queue-init", spool);
	pid = spawn_program(program, argv, (const char *const *)environ, (int[]){ SPAWN_NULL,
	    SPAWN_NULL }, 2);
	if (pid == -1)
		die_errno(EX_OSERR, "%s", program);
	tain_now_set_stopwatch_g();
	tain_addsec_g(&deadline, QUEUE_INIT_SECONDS);
	if (!spawn_wait(pid, &status, &deadline))
		die_errno(EX_TEMPFAIL, "%s", program);
	if (status != 0)
		die(EX_CANTCREAT, "queue-init could not make %s", spool);
}

void
start_pause(const struct smtpd *s)
{
	char path[4096];

	for (size_t i = 0; i < PAUSABLE; i++) {
		int n, fd;

		if (!s->pauses[i])
			continue;
		n = snprintf(path, sizeof path, "%s/control/pause-%s", place_spool(), pausable_names[i]);
		fd = n > 0 && (size_t)n < sizeof path ?
		    open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644) : -1;
		if (fd == -1)
			die_errno(EX_CANTCREAT, "%s", path);
		close(fd);
	}
}

/* Installed, the spool belongs to ppqueue, and strangers are answered by
 * ppsmtp, who may touch nothing. In a sandbox everything is one user's. */
void
start_choose_identity(struct smtpd *s)
{
	const struct passwd *pw;
	char path[4096];
	struct stat st;

	if (!place_program(s->smtp_recv, sizeof s->smtp_recv, "smtp-recv") ||
	    !place_program(s->queue_run, sizeof s->queue_run, "queue-run"))
		die_errno(EX_SOFTWARE, "the programs");
	if (access(s->smtp_recv, X_OK) == -1 || access(s->queue_run, X_OK) == -1)
		die_errno(EX_OSFILE, "%s",
		    access(s->smtp_recv, X_OK) == -1 ? s->smtp_recv : s->queue_run);
	if (geteuid() != 0)
		return;
	snprintf(path, sizeof path, "%s/%s", place_spool(), queue_place_names[QUEUE_NEW]);
	if (stat(path, &st) == -1)
		die_errno(EX_OSFILE, "%s", path);
	if (st.st_uid == 0) {
		complain("warning: %s belongs to root, so nothing is "
			 "installed and smtp-recv runs as root",
		    path);
		return;
	}
	pw = getpwnam(door_account);
	if (pw == NULL || pw->pw_uid == 0)
		die(EX_NOUSER, "there is no account %s to run smtp-recv as", door_account);
	s->door_uid = pw->pw_uid;
	s->door_gid = pw->pw_gid;
}

static void
fork_away(void)
{
	pid_t pid = fork();

	if (pid == -1)
		die_errno(EX_OSERR, "fork");
	if (pid > 0)
		_exit(0);
}

void
start_background(const struct smtpd *s)
{
	int null;

	if (s->is_foreground)
		return;
	fork_away();
	if (setsid() == -1 || chdir("/") == -1)
		die_errno(EX_OSERR, "the background");
	fork_away();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1 || dup2(null, 2) == -1)
		die_errno(EX_OSERR, "/dev/null");
	if (null > 2)
		close(null);
}
