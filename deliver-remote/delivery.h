/* delivery: one message on its way to one destination, and what has become of
 * each of its recipients. */
#ifndef PIPEPOST_DELIVER_REMOTE_DELIVERY_H
#define PIPEPOST_DELIVER_REMOTE_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "deliver-remote/outcome.h"
#include "deliver-remote/text.h"
#include "lib/job.h"
#include "lib/relay.h"

struct delivery {
	const struct job *job;
	struct text *text;
	tain deadline;			/* for all of it */
	stralloc reverse_path;		/* as it stands in MAIL, with NUL */
	size_t n;
	struct outcome *o;		/* of the job's recipients, in order */
};
#define DELIVERY_ZERO { .job = NULL, .reverse_path = STRALLOC_ZERO, .n = 0, .o = NULL }

/* Nobody is settled yet. The memory of an earlier delivery is used again.
 * Fails with errno ENOMEM. */
bool delivery_begin(struct delivery *d, const struct job *j, struct text *t);
void delivery_free(struct delivery *d);

/* Sets the reverse-path as the relay wants it. Where it cannot be sent everybody is settled. */
void delivery_set_reverse_path(struct delivery *d, const struct relay *r);

const struct job_recipient *delivery_recipient(const struct delivery *d, size_t i);
bool delivery_is_settled(const struct delivery *d);

/* Settles everybody who is not. */
void delivery_settle(struct delivery *d, const struct outcome *as);

#endif
