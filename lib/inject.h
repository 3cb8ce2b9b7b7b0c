/* inject: handing a message to queue-inject (or $QMAILQUEUE), as smtp-recv,
 * sendmail and queue-bounce do: start, stream the text, send the envelope,
 * learn the outcome. */
#ifndef PIPEPOST_INJECT_H
#define PIPEPOST_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

#include "lib/envelope.h"
#include "lib/facts.h"
#include "lib/queue.h"

enum {
	INJECT_SECONDS = 300,		/* for one inject_write, and from the text's end to the exit */
	INJECT_ABORT_SECONDS = 10,	/* for the exit of a program that was given up */
	INJECT_TEXT_MAX = 255,		/* octets of words */
	INJECT_REPORT_FD = 6,		/* where the program tells the queue id, or why not (qmail-queue(8)) */
};

struct injection {
	pid_t pid;
	int text_fd;		/* write end of its fd 0; -1 once closed */
	int envelope_fd;	/* write end of its fd 1 */
	int report_fd;		/* read end of its fd 6, non-blocking */
	bool is_broken;		/* it stopped reading: its exit status tells why */
};

/* Starts it. The facts go into its environment; the rest of the environment is
 * PATH, TZ and the PIPEPOST_* of the sandbox, or everything where $QMAILQUEUE is
 * set (filters want theirs). Its fd 2 is ours, but /dev/null where ours is the
 * client's socket (inetd).
 * From here on SIGPIPE does nothing in this process (sig_altignore: children
 * do not inherit that); a program that stops reading is seen as EPIPE.
 * Fails with errno; the injection may be used all the same: text is dropped,
 * and inject_finish then says QUEUE_NOT_STARTED. */
bool inject_start(struct injection *i, const struct facts *f);

/* Sends text. Once the program stopped reading, further text is dropped and
 * true returned: the outcome comes from inject_finish. Fails with errno
 * ETIMEDOUT only. */
bool inject_write(struct injection *i, const char *s, size_t len);

struct inject_result {
	enum queue_exit status;
	bool is_permanent;		/* reply 5xx, or bounce; else try again */
	char enhanced[12];		/* "4.3.0": enhanced status code for a reply */
	char id[QUEUE_ID_MAX + 1];	/* queue id, "" if the program did not tell */
	char text[INJECT_TEXT_MAX + 1];	/* printable words for a reply, without codes */
};

/* Ends the text, sends the envelope, waits. Only status QUEUE_OK means that
 * the message is queued. */
void inject_finish(struct injection *i, const stralloc *envelope, struct inject_result *r);

/* Gives up: the program sees no envelope and queues nothing. */
void inject_abort(struct injection *i);

/* What an exit of the program means: status is waitpid's, report[0..len) what it
 * wrote to fd 6. is_broken: it had stopped reading, so its 0 is not believed. Pure. */
void inject_explain(struct inject_result *r, int status, bool is_broken, const char *report, size_t len);

#endif
