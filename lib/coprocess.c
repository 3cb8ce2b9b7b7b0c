/* coprocess: see coprocess.h. Nothing is left open and nobody unreaped on any path. */
#include "lib/coprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/log.h"
#include "lib/spawn.h"

enum { READ_PIECE = 4096 };

static void
close_both(int pair[2])
{
	for (size_t i = 0; i < 2; i++)
		if (pair[i] != -1)
			fd_close(pair[i]);
}

static bool
open_ends(int pair[2], int err[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && spawn_pipe(err) &&
	    ndelay_on(err[0]) == 0;
}

bool
coprocess_start(struct coprocess *p, const char *program, const char *argument)
{
	const char *slash = strrchr(program, '/');
	const char *argv[] = { program, argument, NULL };
	const char *const envp[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
	int pair[2] = { -1, -1 }, err[2] = { -1, -1 };
	pid_t pid = -1;

	if (open_ends(pair, err))
		pid = spawn_program(program, argv, envp, (int[]){ pair[1], pair[1], err[1] }, 3);
	if (pid == -1) {
		int e = errno;

		close_both(pair);
		close_both(err);
		errno = e;
		return false;
	}
	fd_close(pair[1]);
	fd_close(err[1]);
	p->pid = pid;
	p->fd = pair[0];
	p->err = err[0];
	snprintf(p->name, sizeof p->name, "%s", slash != NULL ? slash + 1 : program);
	p->out.len = p->in.len = p->complaint.len = 0;
	p->is_line_over = false;
	p->nlogged = 0;
	return true;
}

/* ---- what it says on fd 2 ---- */

void
coprocess_log_complaint(struct coprocess *p)
{
	if (p->complaint.len > 0 && p->nlogged++ < COPROCESS_LINES_MAX)
		log_line("%s: %.*s", p->name, (int)p->complaint.len, p->complaint.s);
	p->complaint.len = 0;
}

/* A whole line stays as the complaint until another one begins. */
static void
keep_line(struct coprocess *p, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p->is_line_over)
			coprocess_log_complaint(p);
		p->is_line_over = s[i] == '\n';
		if (s[i] != '\n' && p->complaint.len < COPROCESS_COMPLAINT_MAX)
			stralloc_append(&p->complaint, s[i]);
	}
}

static void
read_complaints(struct coprocess *p)
{
	char block[READ_PIECE];
	ssize_t n;

	while (p->err != -1 && (n = read(p->err, block, sizeof block)) != -1) {
		if (n > 0) {
			keep_line(p, block, (size_t)n);
			continue;
		}
		fd_close(p->err);
		p->err = -1;
	}
}

/* ---- question and answer ---- */

static bool
send_some(struct coprocess *p)
{
	ssize_t n = send(p->fd, p->out.s, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	memmove(p->out.s, p->out.s + n, p->out.len - (size_t)n);
	p->out.len -= (size_t)n;
	return true;
}

/* Whether there is more in p->in; false with errno EAGAIN where there is not yet. */
static bool
receive_some(struct coprocess *p)
{
	ssize_t n;

	if (p->in.len + READ_PIECE > COPROCESS_INPUT_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	if (!stralloc_readyplus(&p->in, READ_PIECE))
		return false;
	n = recv(p->fd, p->in.s + p->in.len, READ_PIECE, MSG_DONTWAIT);
	if (n > 0) {
		p->in.len += (size_t)n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		errno = EPIPE;
	return false;
}

/* Waits until something can be done. Fails with errno ETIMEDOUT. */
static bool
wait_for_some(struct coprocess *p, const tain *deadline)
{
	struct pollfd fds[2] = {
		{ .fd = p->fd, .events = (short)(POLLIN | (p->out.len > 0 ? POLLOUT : 0)) },
		{ .fd = p->err, .events = POLLIN },
	};
	tain now, left;

	tain_now(&now);
	if (!tain_less(&now, deadline)) {
		errno = ETIMEDOUT;
		return false;
	}
	tain_sub(&left, deadline, &now);
	if (poll(fds, 2, tain_to_millisecs(&left) + 1) == -1 && errno != EINTR)
		return false;
	if (fds[1].revents != 0)
		read_complaints(p);
	return true;
}

bool
coprocess_exchange(struct coprocess *p, const tain *deadline)
{
	for (;;) {
		if (p->out.len > 0 && !send_some(p) && errno != EPIPE && errno != ECONNRESET)
			return false;	/* of one that has died, the answer may still be there */
		if (receive_some(p))
			return true;
		if ((errno != EAGAIN && errno != EINTR) || !wait_for_some(p, deadline))
			return false;
	}
}

const char *
coprocess_describe(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return "does not answer";
	case EPIPE:
		return "has ended";
	case EMSGSIZE:
		return "says too much";
	default:
		return strerror(error);
	}
}

void
coprocess_take(struct coprocess *p, size_t n)
{
	memmove(p->in.s, p->in.s + n, p->in.len - n);
	p->in.len -= n;
}

bool
coprocess_is_quiet(const struct coprocess *p)
{
	char octet;

	return p->pid != 0 && p->in.len == 0 && p->out.len == 0 &&
	    recv(p->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	    (errno == EAGAIN || errno == EINTR);
}

/* ---- the end ---- */

int
coprocess_end(struct coprocess *p, bool at_once)
{
	tain deadline;
	int status = -1;

	if (p->pid == 0)
		return -1;
	fd_close(p->fd);
	p->fd = -1;
	tain_now(&deadline);
	if (!at_once)
		tain_addsec(&deadline, &deadline, COPROCESS_END_SECONDS);
	spawn_wait(p->pid, &status, &deadline);
	read_complaints(p);
	if (p->err != -1)
		fd_close(p->err);	/* a child of its own has it, too */
	p->err = -1;
	p->pid = 0;
	return status;
}

void
coprocess_free(struct coprocess *p)
{
	stralloc_free(&p->out);
	stralloc_free(&p->in);
	stralloc_free(&p->complaint);
}
