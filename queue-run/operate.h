/* operate: has a request performed, by the runner or, where none is at work, here; for smtpctl and queue-peek. */
#ifndef PIPEPOST_OPERATE_H
#define PIPEPOST_OPERATE_H

#include <stdbool.h>

#include "lib/queue.h"
#include "queue-run/request.h"

enum {
	OPERATE_SECONDS = 20,		/* for queue-run to take a file of requests up */
};

enum operate_outcome {
	OPERATE_DONE,
	OPERATE_NOTHING,	/* no message is meant */
	OPERATE_AMBIGUOUS,	/* the beginning of more than one id */
	OPERATE_SILENCE,	/* the runner does not take it up: it was withdrawn */
	OPERATE_FAILED,		/* the system refused; was said on fd 2 or in the log */
};

struct operate_result {
	size_t messages, recipients;
	size_t left;		/* messages in cur/ that no runner has in its hands: the next one will find the request */
	bool was_performed_here;	/* no runner is at work */
};

/* q is open with all places. A beginning of an id in r is completed. */
enum operate_outcome operate(const struct queue *q, struct request *r, struct operate_result *result);

/* The same for a caller who could be stopped at any time by somebody who means no good: it never takes the lock, which
 * would keep queue-run from starting. Without a runner the request is left to the next one. */
enum operate_outcome operate_without_lock(const struct queue *q, struct request *r, struct operate_result *result);

#endif
