/* show_queue: the queue, or what one user has in it, on standard output; for smtpctl, mailq and queue-peek. */
#ifndef PIPEPOST_SHOW_QUEUE_H
#define PIPEPOST_SHOW_QUEUE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/queue.h"
#include "queue-run/agent.h"
#include "queue-run/listing.h"

struct show_queue {
	const struct queue *queue;
	struct agent *agent;
	enum listing_form form;
	const char *only;		/* a queue id, the beginning of one, or ID.N; "" = everything */
	bool is_one_users;
	uid_t user;			/* is_one_users: mail that this user has submitted here, and nobody else's */
};

/* Whether a message was submitted on this host by the user. */
bool show_queue_belongs_to(const struct queue_file *f, uid_t user);

/* Prints it, beginning at once. Dies where standard output cannot be written; what cannot be read gets a
 * line on fd 2. Returns an exit code: 0, or EX_NOINPUT where `only` names nothing. */
int show_queue(const struct show_queue *s);

/* Whether a runner, or something that one has started, is at work in the spool. */
bool show_queue_has_runner(const struct queue *q);

#endif
