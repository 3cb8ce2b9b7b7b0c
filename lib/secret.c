/* secret: see secret.h. What a secret passed through is wiped; a command that did
 * not end in time is killed with all that it has started. */
#include "lib/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/tai.h>

#include "lib/spawn.h"
#include "lib/wait.h"
#include "lib/wipe.h"

enum { LOOK_MS = 50 };	/* how often to look whether a command has ended that keeps its fd 1 open */

static bool
refuse(int error, const char **why, const char *words)
{
	*why = words;
	errno = error;
	return false;
}

void
secret_free(struct secret *s)
{
	wipe_and_free(&s->text);
	stralloc_free(&s->user);
}

/* ---- commands ---- */

static bool
has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == -1 || info.si_pid == pid;
}

/* Takes what is there into line, up to the first LF; the rest, and what is over the
 * limit, is read and forgotten, so that the command does not die of it. Returns
 * whether there may be more: not after the end of file. */
static bool
take_some(int fd, stralloc *line, bool *is_whole, bool *is_over)
{
	char block[4096];
	ssize_t n = read(fd, block, sizeof block);
	size_t len = n > 0 ? (size_t)n : 0;

	if (len > 0 && !*is_whole) {
		const char *end = memchr(block, '\n', len);

		*is_whole = end != NULL;
		if (end != NULL)
			len = (size_t)(end - block);
		if (line->len + len > SECRET_MAX)
			*is_over = true;
		else
			stralloc_catb(line, block, len);	/* there is room: see run() */
	}
	explicit_bzero(block, sizeof block);
	return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

/* Reads until the end of file, or until the command has ended (what it left running
 * may keep the pipe). False: not before the deadline. */
static bool
read_line(int fd, pid_t pid, stralloc *line, bool *is_over, const tain *deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool is_whole = false;

	for (;;) {
		bool is_last = has_ended(pid);
		int left = wait_milliseconds(deadline), r;

		if (left == 0)
			return false;
		r = poll(&p, 1, is_last ? 0 : left > LOOK_MS ? LOOK_MS : left);
		if (r > 0 && !take_some(fd, line, &is_whole, is_over))
			return true;
		if (r == 0 && is_last)
			return true;
	}
}

static bool
judge(const stralloc *line, int status, bool is_over, const char **why)
{
	if (WIFSIGNALED(status))
		return refuse(EPROTO, why, "its command was killed by a signal");
	if (WEXITSTATUS(status) != 0)
		return refuse(EPROTO, why, WEXITSTATUS(status) == 127 ? "its command was not found (exit code 127)" :
		    "its command failed (exit code other than 0)");
	if (is_over)
		return refuse(EPROTO, why, "its command printed too long a line");
	if (line->len == 0)
		return refuse(EPROTO, why, "its command printed nothing");
	return true;
}

/* Starts the command. *fd receives the end of a pipe, non-blocking, that its fd 1
 * writes to. Returns the pid, or -1. */
static pid_t
start(const char *command, int *fd)
{
	const char *const argv[] = { "sh", "-c", command, NULL };
	const char *const envp[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
	int p[2], fds[2] = { SPAWN_NULL, -1 }, e;
	pid_t pid;

	if (!spawn_pipe(p))
		return -1;
	fds[1] = p[1];
	pid = spawn_group("/bin/sh", argv, envp, fds, 2);
	e = errno;
	fd_close(p[1]);
	if (pid == -1)
		fd_close(p[0]);
	else
		fcntl(p[0], F_SETFL, O_NONBLOCK);
	*fd = p[0];
	errno = e;
	return pid;
}

/* Runs the command; line, empty, receives its first line. */
static bool
run(const char *command, stralloc *line, const char **why)
{
	bool is_over = false, is_read;
	tain now, deadline;
	int fd, status;
	pid_t pid;

	if (!stralloc_ready(line, SECRET_MAX))
		return refuse(ENOMEM, why, "out of memory");
	pid = start(command, &fd);
	if (pid == -1)
		return refuse(errno, why, strerror(errno));
	tain_now(&now);
	tain_addsec(&deadline, &now, SECRET_COMMAND_SECONDS);
	is_read = read_line(fd, pid, line, &is_over, &deadline);
	fd_close(fd);
	if (!is_read)
		kill(-pid, SIGKILL);
	/* One that has only closed its fd 1 has the rest of the time. */
	if (!spawn_wait(pid, &status, &deadline) || !is_read) {
		kill(-pid, SIGKILL);	/* what it has started */
		return refuse(ETIMEDOUT, why, "its command took too long");
	}
	return judge(line, status, is_over, why);
}

/* ---- values ---- */

/* Takes "Bearer " and a CR at the end off what the command has printed. */
static bool
read_output(struct secret *s, const char **why)
{
	static const char mark[] = "Bearer ";
	size_t n = sizeof mark - 1;

	if (s->text.len > 0 && s->text.s[s->text.len - 1] == '\r')
		s->text.len--;
	s->kind = SECRET_EITHER;
	if (s->text.len > n && strncasecmp(s->text.s, mark, n) == 0) {
		memmove(s->text.s, s->text.s + n, s->text.len - n);
		s->text.len -= n;
		s->kind = SECRET_TOKEN;
	}
	if (memchr(s->text.s, '\0', s->text.len) != NULL)
		return refuse(EPROTO, why, "its command printed a NUL");
	return s->text.len > 0 || refuse(EPROTO, why, "its command printed nothing");
}

static bool
read_command(struct secret *s, const char *text, size_t len, const char **why)
{
	stralloc command = STRALLOC_ZERO;
	bool is_good;

	if (!stralloc_catb(&command, text, len) || !stralloc_0(&command))
		is_good = refuse(ENOMEM, why, "out of memory");
	else if (strspn(command.s, " \t") == len)
		is_good = refuse(EPROTO, why, "there is no command after the \"!\"");
	else
		is_good = run(command.s, &s->text, why) && read_output(s, why);
	wipe_and_free(&command);
	return is_good;
}

bool
secret_read(struct secret *s, const char *label, const char *value, size_t len, const char **why)
{
	const char *colon = len > 0 && value[0] == '!' ? NULL : memchr(value, ':', len);
	const char *user = colon == NULL ? label : value;
	size_t user_len = colon == NULL ? strlen(label) : (size_t)(colon - value);
	size_t used = colon == NULL ? 0 : user_len + 1;

	wipe_text(&s->text);
	s->user.len = 0;
	s->kind = SECRET_PASSWORD;
	if (memchr(value, '\0', len) != NULL)
		return refuse(EPROTO, why, "it contains a NUL");
	if (user_len == 0 || used == len)
		return refuse(EPROTO, why, "it must be \"user:password\" or \"user:!command\"");
	if (user_len > SECRET_USER_MAX)
		return refuse(EPROTO, why, "its user name is too long");
	if (len - used > SECRET_MAX)
		return refuse(EPROTO, why, "it is too long");
	if (!stralloc_copyb(&s->user, user, user_len))
		return refuse(ENOMEM, why, "out of memory");
	if (value[used] == '!')
		return read_command(s, value + used + 1, len - used - 1, why);
	return stralloc_copyb(&s->text, value + used, len - used) || refuse(ENOMEM, why, "out of memory");
}
