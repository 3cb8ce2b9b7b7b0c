/* spawn: see spawn.h.
 *
 * posix_spawn() shares the caller's memory until the exec (as vfork does), so
 * a start costs the same however large the caller is, and an exec that fails
 * is known at once. On failure nothing was started and nothing stays open. */
#include "lib/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/wait.h"

enum {
	FDS_MAX = 16,		/* descriptors a child may get */
	NAP_MAX_MS = 50,	/* longest sleep between two looks, where pidfd_open is missing */
};

bool
spawn_pipe(int fd[2])
{
	return pipe2(fd, O_CLOEXEC) == 0;
}

int
spawn_complaints_fd(int client)
{
	struct stat in, err;

	if (fstat(2, &err) == -1)
		return SPAWN_NULL;
	if (S_ISSOCK(err.st_mode) && fstat(client, &in) == 0 && in.st_dev == err.st_dev && in.st_ino == err.st_ino)
		return SPAWN_NULL;
	return 2;
}

/* A descriptor that stands where another is to go, copied out of the way: the
 * dup2 calls in the child overwrite 0..nfds in order. */
static bool
lift_descriptors(int *lifted, const int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++) {
		lifted[i] = -1;
		if (fds[i] < 0 || (size_t)fds[i] >= nfds || (size_t)fds[i] == i)
			continue;
		lifted[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)nfds);
		if (lifted[i] == -1) {
			for (size_t n = i + 1; n < nfds; n++)
				lifted[n] = -1;
			return false;
		}
	}
	return true;
}

static void
drop_descriptors(const int *lifted, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		if (lifted[i] != -1)
			close(lifted[i]);
}

/* Returns an error number, as the posix_spawn functions do. */
static int
plan_descriptors(posix_spawn_file_actions_t *plan, const int *lifted, const int *fds, size_t nfds)
{
	int e = 0;

	for (size_t i = 0; i < nfds && e == 0; i++) {
		if (fds[i] == SPAWN_CLOSED)
			e = posix_spawn_file_actions_addclose(plan, (int)i);
		else if (fds[i] < 0)
			e = posix_spawn_file_actions_addopen(plan, (int)i, "/dev/null", O_RDWR, 0);
		else	/* also for i itself: dup2(i, i) there takes close-on-exec off */
			e = posix_spawn_file_actions_adddup2(plan, lifted[i] != -1 ? lifted[i] : fds[i], (int)i);
	}
	return e;
}

static int
plan_attributes(posix_spawnattr_t *attributes, bool is_leader)
{
	sigset_t none, defaults;
	int e;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	e = posix_spawnattr_setflags(attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
	    (is_leader ? POSIX_SPAWN_SETPGROUP : 0)));	/* of the group 0: its own pid */
	if (e == 0)
		e = posix_spawnattr_setsigdefault(attributes, &defaults);
	if (e == 0)
		e = posix_spawnattr_setsigmask(attributes, &none);
	return e;
}

static int
start(pid_t *pid, const char *path, const char *const argv[], const char *const envp[], const int *lifted,
    const int *fds, size_t nfds, bool is_leader)
{
	posix_spawn_file_actions_t plan;
	posix_spawnattr_t attributes;
	int e;

	e = posix_spawn_file_actions_init(&plan);
	if (e != 0)
		return e;
	e = posix_spawnattr_init(&attributes);
	if (e != 0)
		goto without_attributes;
	e = plan_descriptors(&plan, lifted, fds, nfds);
	if (e == 0)
		e = plan_attributes(&attributes, is_leader);
	if (e == 0)
		e = posix_spawn(pid, path, &plan, &attributes, (char *const *)(uintptr_t)argv,
		    (char *const *)(uintptr_t)envp);
	posix_spawnattr_destroy(&attributes);
without_attributes:
	posix_spawn_file_actions_destroy(&plan);
	return e;
}

static pid_t
spawn(const char *path, const char *const argv[], const char *const envp[], const int *fds, size_t nfds,
    bool is_leader)
{
	int lifted[FDS_MAX];
	pid_t pid = -1;
	int e;

	if (nfds > FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	e = lift_descriptors(lifted, fds, nfds) ? start(&pid, path, argv, envp, lifted, fds, nfds, is_leader) : errno;
	drop_descriptors(lifted, nfds);
	if (e != 0) {
		errno = e;
		return -1;
	}
	return pid;
}

pid_t
spawn_program(const char *path, const char *const argv[], const char *const envp[], const int *fds, size_t nfds)
{
	return spawn(path, argv, envp, fds, nfds, false);
}

pid_t
spawn_group(const char *path, const char *const argv[], const char *const envp[], const int *fds, size_t nfds)
{
	return spawn(path, argv, envp, fds, nfds, true);
}

/* waitpid() without EINTR. */
static pid_t
reap(pid_t pid, int *status, int flags)
{
	pid_t r;

	do
		r = waitpid(pid, status, flags);
	while (r == -1 && errno == EINTR);
	return r;
}

/* Whether the child ended before the deadline, by short sleeps that grow: for
 * kernels (and sandboxes) without pidfd_open. */
static bool
doze_until_end(pid_t pid, int *status, const tain *deadline)
{
	int nap = 1;

	for (;;) {
		int left = wait_milliseconds(deadline);
		struct timespec ts;

		if (reap(pid, status, WNOHANG) != 0)
			return true;
		if (left == 0)
			return false;
		if (nap > left)
			nap = left;
		ts = (struct timespec){ .tv_sec = 0, .tv_nsec = nap * 1000000L };
		nanosleep(&ts, NULL);
		nap = nap * 2 > NAP_MAX_MS ? NAP_MAX_MS : nap * 2;
	}
}

static bool
wait_for_end(pid_t pid, int *status, const tain *deadline)
{
	struct pollfd p = { .events = POLLIN };
	int left, r = 0;

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd == -1)
		return doze_until_end(pid, status, deadline);
	while ((left = wait_milliseconds(deadline)) > 0) {
		r = poll(&p, 1, left);
		if (r == 1 || (r == -1 && errno != EINTR))
			break;
	}
	close(p.fd);
	return reap(pid, status, WNOHANG) != 0;
}

bool
spawn_wait(pid_t pid, int *status, const tain *deadline)
{
	pid_t r = reap(pid, status, WNOHANG);

	if (r == -1)
		return false;
	if (r == pid || wait_for_end(pid, status, deadline))
		return true;
	kill(pid, SIGKILL);
	reap(pid, status, 0);
	errno = ETIMEDOUT;
	return false;
}
