/* coprocess: a program that stays and answers questions over its fd 0 and 1.
 *
 * Both are one end of a stream socket; lines on its fd 2 are kept for a reason
 * or logged. Every wait has a deadline, whatever it sends has a limit. */
#ifndef PIPEPOST_COPROCESS_H
#define PIPEPOST_COPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

enum {
	COPROCESS_INPUT_MAX = 131072,	/* octets received and not yet used */
	COPROCESS_COMPLAINT_MAX = 1000,	/* octets kept of one line of its fd 2 */
	COPROCESS_LINES_MAX = 10,	/* lines of its fd 2 that are logged */
	COPROCESS_END_SECONDS = 1,	/* from end of file on its fd 0 until it is killed */
};

struct coprocess {
	pid_t pid;			/* 0: none */
	int fd, err;			/* err is -1 after its end */
	char name[64];			/* of the program, for the log */
	stralloc out;			/* on its way to it */
	stralloc in;			/* what it has sent; the user takes from the front */
	stralloc complaint;		/* the last, maybe unfinished, line of its fd 2 */
	bool is_line_over;		/* complaint is whole: the next octet begins another */
	unsigned nlogged;
};
#define COPROCESS_ZERO \
	{ .fd = -1, .err = -1, .out = STRALLOC_ZERO, .in = STRALLOC_ZERO, .complaint = STRALLOC_ZERO }

/* Starts the program (an absolute path) with that argument, a PATH and nothing
 * else in its environment. *p is a COPROCESS_ZERO, or one that has ended.
 * Fails with the errno of socketpair, pipe2 and spawn_program(). */
bool coprocess_start(struct coprocess *p, const char *program, const char *argument);

/* Sends of p->out what it takes, and waits for more in p->in. True: there is
 * more. Fails with errno ETIMEDOUT, EPIPE (it has closed its end or died),
 * EMSGSIZE (over COPROCESS_INPUT_MAX), ENOMEM. */
bool coprocess_exchange(struct coprocess *p, const tain *deadline);

/* What the errno of coprocess_exchange() says of the program: "has ended". */
const char *coprocess_describe(int error);

/* Removes the first n octets of p->in. */
void coprocess_take(struct coprocess *p, size_t n);

/* Whether it is there and has said nothing that nobody asked for. */
bool coprocess_is_quiet(const struct coprocess *p);

/* Closes its fd 0 and waits until it has ended, COPROCESS_END_SECONDS at most
 * (at_once: not at all), then kills it. Returns the status of waitpid(), -1 if
 * there was none. p->complaint holds its last words; memory is kept for the next start. */
int coprocess_end(struct coprocess *p, bool at_once);

/* Logs the line in p->complaint, if there is one. */
void coprocess_log_complaint(struct coprocess *p);

/* Frees the memory of one that is not running. */
void coprocess_free(struct coprocess *p);

#endif
