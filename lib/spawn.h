/* spawn: starting another program, safely.
 *
 * Absolute path, the given environment and nothing else, only the given
 * descriptors. The child is made by posix_spawn or vfork where no identity has
 * to change: starts are what a message costs. */
#ifndef PIPEPOST_SPAWN_H
#define PIPEPOST_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/tai.h>

/* In place of a descriptor in fds[]. */
enum {
	SPAWN_NULL = -1,	/* /dev/null */
	SPAWN_CLOSED = -2,	/* nothing */
};

/* fds[i] becomes descriptor i in the child, 16 at most, in any order; all
 * others are close-on-exec by the house rule and are not passed on. fd 2 is
 * inherited if nfds < 3. Returns the pid, or -1 with errno (EAGAIN, ENOMEM, ENOENT, EACCES ...:
 * also when the program could not be executed). SIGPIPE and the signal mask
 * are the default ones in the child. */
pid_t spawn_program(const char *path, const char *const argv[], const char *const envp[], const int *fds,
    size_t nfds);

/* The same, as leader of a process group of its own: kill(-pid, ...) reaches what it
 * has started, too. */
pid_t spawn_group(const char *path, const char *const argv[], const char *const envp[], const int *fds,
    size_t nfds);

/* Waits until the child ends or the deadline is there (then it is killed, with
 * SIGKILL, and reaped). *status is waitpid's. Fails with errno ETIMEDOUT (after
 * the kill), ECHILD (no child of ours). */
bool spawn_wait(pid_t pid, int *status, const tain *deadline);

/* For a child's fd 2: ours, but SPAWN_NULL where writing there would be talking to the client,
 * as under inetd, or where there is none. */
int spawn_complaints_fd(int client);

/* A pipe with close-on-exec ends. Fails with the errno of pipe2. */
bool spawn_pipe(int fd[2]);

#endif
