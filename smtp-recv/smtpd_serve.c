/* smtpd_serve: the loop of the super-server.
 *
 * It waits for connections, signals and due times, and never for a child. */
#include "smtp-recv/smtpd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <skalibs/iopause.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sig.h>

#include "lib/die.h"
#include "lib/log.h"

enum { ACCEPT_BURST = 32, ACCEPT_PAUSE_SECONDS = 1 };

/* ---- signals ---- */

static void
begin_stop(struct smtpd *s)
{
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	log_line("stopping: %zu sessions have %d seconds", s->nclients, SESSION_GRACE_SECONDS);
	listen_close(s);
	if (s->runner != 0)
		kill(s->runner, SIGTERM);
	tain_now_g();
	tain_addsec_g(&s->stop_due, SESSION_GRACE_SECONDS);
	tain_addsec_g(&s->stop_end, RUNNER_GRACE_SECONDS);
}

/* HUP: what can be read is used; what cannot changes nothing. */
static void
reread(struct smtpd *s)
{
	struct conf *fresh;

	if (s->is_stopping)
		return;		/* it would open the listeners anew */
	fresh = conf_read(s->conf_path, s->macros, s->nmacros);
	if (s->runner != 0)
		kill(s->runner, SIGHUP);
	if (fresh == NULL || fresh->nerrors > 0) {
		log_line("%s has errors, see smtpd -n; the listeners stay as they are",
		    s->conf_path);
		conf_free(fresh);
		return;
	}
	conf_free(s->conf);
	s->conf = fresh;
	log_line("%s read again: %zu listeners could not be opened", s->conf_path, listen_apply(s));
}

static void
handle_signals(struct smtpd *s)
{
	for (;;) {
		switch (selfpipe_read()) {
		case SIGCHLD: child_reap(s); break;
		case SIGHUP: reread(s); break;
		case SIGTERM:
		case SIGINT: begin_stop(s); break;
		default: return;	/* 0: no more */
		}
	}
}

static void
catch_signals(struct smtpd *s)
{
	static const int caught[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT };

	s->signal_fd = selfpipe_init();
	if (s->signal_fd == -1)
		die_errno(EX_OSERR, "selfpipe");
	for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
		if (selfpipe_trap(caught[i]) == -1)
			die_errno(EX_OSERR, "signal %d", caught[i]);
	sig_altignore(SIGPIPE);
	/* What a child leaves behind ends up here, also where process 1 of a container reaps
	 * nobody. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* ---- connections ---- */

static bool
is_past(const tain *due)
{
	return tain_less(due, &STAMP);
}

static void
accept_some(struct smtpd *s, const struct listener *l)
{
	for (size_t i = 0; i < ACCEPT_BURST; i++) {
		if (child_accept(s, l))
			continue;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_line("cannot take a connection: %s", strerror(errno));
			tain_addsec_g(&s->accept_due, ACCEPT_PAUSE_SECONDS);
		}
		return;
	}
}

/* ---- the end ---- */

/* Once TERM for the sessions, then KILL. */
static void
push_stop(struct smtpd *s)
{
	for (size_t i = 0; i < s->nclients; i++)
		kill(s->clients[i].pid, s->stop_step == 0 ? SIGTERM : SIGKILL);
	s->stop_step++;
	tain_addsec_g(&s->stop_due, SESSION_GRACE_SECONDS);
}

static bool
is_finished(const struct smtpd *s)
{
	if (!s->is_stopping || (s->nclients > 0 && !is_past(&s->stop_end)))
		return false;
	if (s->runner != 0 && is_past(&s->stop_end))
		log_line("queue-run, process %ld, is still at work and is left to itself",
		    (long)s->runner);
	return s->runner == 0 || is_past(&s->stop_end);
}

/* ---- the loop ---- */

static void
do_due(struct smtpd *s)
{
	if (s->is_stopping && s->nclients > 0 && is_past(&s->stop_due))
		push_stop(s);
	if (!s->is_stopping && s->runner == 0 && is_past(&s->runner_due))
		child_start_runner(s);
	if (s->nrefused > 0 && is_past(&s->refused_due))
		child_tell_refusals(s);
}

static tain
next_due(const struct smtpd *s)
{
	tain due;

	tain_add_g(&due, &tain_infinite_relative);
	if (s->is_stopping && s->nclients > 0 && tain_less(&s->stop_due, &due))
		due = s->stop_due;
	if (s->is_stopping && tain_less(&s->stop_end, &due))
		due = s->stop_end;
	if (!s->is_stopping && s->runner == 0 && tain_less(&s->runner_due, &due))
		due = s->runner_due;
	if (s->nrefused > 0 && tain_less(&s->refused_due, &due))
		due = s->refused_due;
	if (!is_past(&s->accept_due) && tain_less(&s->accept_due, &due))
		due = s->accept_due;
	return due;
}

static void
wait_and_do(struct smtpd *s)
{
	iopause_fd x[LISTENERS_MAX + 1] = { { .fd = s->signal_fd, .events = IOPAUSE_READ } };
	bool is_paused = !is_past(&s->accept_due);
	size_t n = 1;
	tain due = next_due(s);

	for (size_t i = 0; i < s->nlisteners && !is_paused; i++)
		x[n++] = (iopause_fd){ .fd = s->listeners[i].fd, .events = IOPAUSE_READ };
	if (iopause_g(x, (unsigned)n, &due) == -1)
		die_errno(EX_OSERR, "poll");
	/* Listeners first: signals may change the list. */
	for (size_t i = 0; i + 1 < n; i++)
		if (x[i + 1].revents & (IOPAUSE_READ | IOPAUSE_EXCEPT))
			accept_some(s, &s->listeners[i]);
	if (x[0].revents & IOPAUSE_READ)
		handle_signals(s);
	do_due(s);
}

void
serve(struct smtpd *s)
{
	tain_now_set_stopwatch_g();
	catch_signals(s);
	s->accept_due = s->runner_due = s->stop_due = s->stop_end = STAMP;
	log_line("started: pipepost %s, process %ld, %zu sockets, configuration %s", VERSION,
	    (long)getpid(), s->nlisteners, s->conf_path);
	child_start_runner(s);
	while (!is_finished(s))
		wait_and_do(s);
	child_tell_refusals(s);
	log_line("stopped");
}
