/* command: see command.h.
 *
 * The text goes through a pipe that we feed, so the command has no way back
 * to the queue or the job socket. Only its exit status decides. */
#include "deliver-local/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/genalloc.h>
#include <skalibs/iopause.h>

#include "lib/log.h"
#include "lib/spawn.h"

enum {
	EXIT_QMAIL_DONE = 99,		/* qmail: delivered, and stop here */
	EXIT_QMAIL_FAILED = 100,	/* qmail: permanent */
	NAP_MS = 50,			/* between two looks where there is no pidfd */
};

/* A running command. */
struct command {
	const char *id;			/* queue id, for the log */
	pid_t pid;
	int pidfd;			/* -1 where the kernel has none */
	int in, out;			/* our ends of its fd 0 and of its fd 1 and 2; -1 when closed */
	bool has_ended;
	int status;			/* waitpid's */
	int error;			/* errno of a write to it that failed, 0 = none */
	size_t output_size;		/* octets of output in all */
	size_t output_len;		/* of them kept, the last ones */
	char output[COMMAND_OUTPUT_MAX];
};

/* ---- starting ---- */

/* In the child. Whatever fails here is "later". */
static _Noreturn void
become_command(const int in[2], const int out[2], const char *home, const char *command, char *const envp[])
{
	char *const argv[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c", (char *)(uintptr_t)command, NULL };
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (dup2(in[0], 0) == -1 || dup2(out[1], 1) == -1 || dup2(out[1], 2) == -1)
		_exit(EX_TEMPFAIL);
	if (close_range(3, ~0U, 0) == -1)
		for (int fd = 3; fd < 1024; fd++)
			close(fd);	/* an old kernel: all of ours are below, and close-on-exec anyway */
	if ((home[0] != '/' || chdir(home) == -1) && chdir("/") == -1)
		_exit(EX_TEMPFAIL);
	execve("/bin/sh", argv, envp);
	_exit(EX_TEMPFAIL);
}

/* Pointers to the strings of the environment, ended by NULL. */
static bool
list_environment(genalloc *list, const stralloc *environment)
{
	const char *end = NULL;

	for (size_t at = 0; at < environment->len; at += strlen(environment->s + at) + 1) {
		const char *one = environment->s + at;

		if (!genalloc_append(const char *, list, &one))
			return false;
	}
	return genalloc_append(const char *, list, &end);
}

static void
close_both(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static bool
start(struct command *c, const char *home, const char *command, char *const envp[])
{
	int in[2], out[2], error;

	if (!spawn_pipe(in))
		return false;
	if (!spawn_pipe(out)) {
		error = errno;
		close_both(in);
		errno = error;
		return false;
	}
	c->pid = fork();
	if (c->pid == 0)
		become_command(in, out, home, command, envp);
	if (c->pid == -1) {
		error = errno;
		close_both(in);
		close_both(out);
		errno = error;
		return false;
	}
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
	c->pidfd = pidfd_open(c->pid, 0);
	fcntl(c->in, F_SETFL, O_NONBLOCK);	/* both are ours alone: the child has the other ends */
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	return true;
}

/* ---- running ---- */

static void
keep_output(struct command *c, const char *s, size_t len)
{
	size_t drop;

	c->output_size += len;
	if (len > sizeof c->output) {
		s += len - sizeof c->output;
		len = sizeof c->output;
	}
	drop = c->output_len + len > sizeof c->output ? c->output_len + len - sizeof c->output : 0;
	memmove(c->output, c->output + drop, c->output_len - drop);
	memcpy(c->output + c->output_len - drop, s, len);
	c->output_len += len - drop;
}

static void
close_end(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Reads output once. False: there is none now, or it has ended. */
static bool
read_output(struct command *c)
{
	char piece[COMMAND_OUTPUT_MAX];
	ssize_t r;

	if (c->out == -1)
		return false;
	r = read(c->out, piece, sizeof piece);
	if (r == -1 && errno == EINTR)
		return true;
	if (r == 0 || (r == -1 && errno != EAGAIN))
		close_end(&c->out);
	if (r <= 0)
		return false;
	keep_output(c, piece, (size_t)r);
	return true;
}

static void
look_for_end(struct command *c)
{
	pid_t r = waitpid(c->pid, &c->status, WNOHANG);

	c->has_ended = r == c->pid || (r == -1 && errno == ECHILD);
}

/* Waits until it can take input, has given output, has ended, or the deadline
 * is there: false. */
static bool
wait_for_command(struct command *c, bool has_input, const tain *deadline)
{
	iopause_fd x[3] = {
		{ .fd = c->out, .events = IOPAUSE_READ },
		{ .fd = c->pidfd, .events = IOPAUSE_READ },
		{ .fd = has_input ? c->in : -1, .events = IOPAUSE_WRITE },
	};
	tain until = *deadline;
	int r;

	tain_now_g();
	if (!tain_future(deadline))
		return false;
	if (c->pidfd == -1) {
		tain_from_millisecs(&until, NAP_MS);
		tain_add_g(&until, &until);
		if (tain_less(deadline, &until))
			until = *deadline;
	}
	r = iopause_g(x, 3, &until);
	if (r > 0 && x[0].revents != 0)
		read_output(c);
	if (c->pidfd == -1 || (r > 0 && x[1].revents != 0))
		look_for_end(c);
	return true;
}

/* Offers s[*at..len). What it does not want to read any more is given up.
 * False with the errno of write: what it has got is not the whole message. */
static bool
offer(struct command *c, const char *s, size_t len, size_t *at)
{
	ssize_t r;

	if (c->in == -1)
		return true;
	r = write(c->in, s + *at, len - *at);
	if (r > 0)
		*at += (size_t)r;
	else if (r == -1 && errno == EPIPE)
		close_end(&c->in);	/* it has read what it wanted */
	else if (r == -1 && errno != EAGAIN && errno != EINTR)
		return false;
	return true;
}

/* Offers a piece until it is taken or not wanted. */
static bool
feed_piece(struct command *c, const char *s, size_t len, const tain *deadline)
{
	size_t at = 0;

	while (at < len && c->in != -1 && !c->has_ended) {
		size_t before = at;

		if (!offer(c, s, len, &at)) {
			c->error = errno;
			return false;
		}
		if (at == before && c->in != -1 && !wait_for_command(c, true, deadline))
			return false;
	}
	return true;
}

/* Feeds the whole text. False: the deadline came, a write failed, or the text is broken. */
static bool
feed(struct command *c, struct text *t)
{
	const char *s;
	size_t len;
	enum text_step step = TEXT_END;

	while (!c->has_ended && c->in != -1 && (step = text_next(t, &s, &len)) == TEXT_PIECE)
		if (!feed_piece(c, s, len, &t->deadline))
			return false;
	if (step == TEXT_BROKEN)
		return false;
	close_end(&c->in);
	while (!c->has_ended)
		if (!wait_for_command(c, false, &t->deadline))
			return false;
	return true;
}

/* Ends the session. Its input stays open until nobody is left who could take
 * the end of it for the end of the message. */
static void
stop(struct command *c, bool at_once)
{
	tain deadline;

	if (!at_once) {
		kill(-c->pid, SIGTERM);
		stream_deadline(&deadline, COMMAND_GRACE_SECONDS, NULL);
		while (!c->has_ended && wait_for_command(c, false, &deadline))
			;
	}
	kill(-c->pid, SIGKILL);
	if (!c->has_ended) {
		kill(c->pid, SIGKILL);	/* it may not have come as far as setsid() */
		while (waitpid(c->pid, &c->status, 0) == -1 && errno == EINTR)
			;
		c->has_ended = true;
	}
}

/* ---- the outcome ---- */

enum verdict
command_verdict(int exit_status)
{
	switch (exit_status) {
	case EX_OK:
	case EXIT_QMAIL_DONE:
		return VERDICT_DELIVERED;
	case EX_DATAERR:
	case EX_NOUSER:
	case EX_NOHOST:
	case EXIT_QMAIL_FAILED:
		return VERDICT_FAILED;
	default:
		return VERDICT_DEFERRED;
	}
}

static const char *
failure_code(int exit_status)
{
	switch (exit_status) {
	case EX_DATAERR:
		return "5.6.0";
	case EX_NOUSER:
		return "5.1.1";
	case EX_NOHOST:
		return "5.1.2";
	default:
		return "5.3.0";
	}
}

/* Steps through the lines of the output. */
static bool
next_line(const struct command *c, size_t *at, const char **line, size_t *len)
{
	const char *lf;

	if (*at >= c->output_len)
		return false;
	*line = c->output + *at;
	lf = memchr(*line, '\n', c->output_len - *at);
	*len = lf == NULL ? c->output_len - *at : (size_t)(lf - *line);
	*at += *len + 1;
	return true;
}

/* Logs the last lines and returns the last that is not empty in *last. */
static void
log_output(const struct command *c, const char **last, size_t *last_len)
{
	const char *line;
	size_t at = 0, len, nlines = 0, skip;

	*last = "";
	*last_len = 0;
	while (next_line(c, &at, &line, &len))
		nlines++;
	skip = nlines > COMMAND_LINES_MAX ? nlines - COMMAND_LINES_MAX : 0;
	if (skip > 0 || c->output_size > c->output_len)
		log_line("%s: output of %zu octets, its last lines:", c->id, c->output_size);
	at = 0;
	for (size_t n = 0; next_line(c, &at, &line, &len); n++) {
		if (len == 0)
			continue;
		*last = line;
		*last_len = len;
		if (n >= skip)
			log_line("%s: output: %.*s", c->id, (int)len, line);
	}
}

static void
judge(struct outcome *o, const struct command *c)
{
	const char *last, *before;
	size_t len;
	int status;

	log_output(c, &last, &len);
	before = len > 0 ? ": " : "";
	if (len > 500)
		len = 500;
	if (!WIFEXITED(c->status)) {
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 Command ended by signal %d%s%.*s", WTERMSIG(c->status), before,
		    (int)len, last);
		return;
	}
	status = WEXITSTATUS(c->status);
	switch (command_verdict(status)) {
	case VERDICT_DELIVERED:
		outcome_set(o, VERDICT_DELIVERED, "2.0.0 Delivered to command%s%.*s", before, (int)len, last);
		break;
	case VERDICT_FAILED:
		outcome_set(o, VERDICT_FAILED, "%s Command ended with status %d%s%.*s", failure_code(status), status,
		    before, (int)len, last);
		break;
	default:
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 Command ended with status %d%s%.*s", status, before, (int)len,
		    last);
		break;
	}
}

static void
run(struct outcome *o, struct command *c, const struct job *j, struct text *t)
{
	if (feed(c, t)) {
		for (size_t n = 0; n < COMMAND_DRAIN_MAX && read_output(c); n += COMMAND_OUTPUT_MAX)
			;
		judge(o, c);
	} else if (t->is_broken) {
		stop(c, true);
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 The message broke off");
	} else if (c->error != 0) {
		stop(c, true);
		errno = c->error;
		outcome_defer_errno(o, "command could not be given the message");
	} else {
		const char *last;
		size_t len;

		stop(c, false);
		log_output(c, &last, &len);
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 Command stopped after %lu seconds",
		    (unsigned long)j->deadline_seconds);
	}
}

void
command_deliver(struct outcome *o, const struct job *j, const char *command, const stralloc *environment,
    struct text *t)
{
	struct command c = { .id = j->id, .pidfd = -1, .in = -1, .out = -1 };
	genalloc envp = GENALLOC_ZERO;

	if (!list_environment(&envp, environment))
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 out of memory");
	else if (!start(&c, j->home, command, genalloc_s(char *, &envp)))
		outcome_defer_errno(o, "command could not be started");
	else
		run(o, &c, j, t);
	close_end(&c.in);
	close_end(&c.out);
	close_end(&c.pidfd);
	genalloc_free(const char *, &envp);
}
