/* agent: what would deliver to a recipient by the rules as they are now, for lists of the queue.
 *
 * Asks for the rule alone, not for aliases and users, and remembers a bounded
 * number of answers: a list of 100,000 recipients has few different questions. */
#ifndef PIPEPOST_AGENT_H
#define PIPEPOST_AGENT_H

#include "lib/conf.h"
#include "lib/queue.h"
#include "lib/table.h"
#include "queue-run/listing.h"

struct agent_memory;

struct agent {
	struct conf *conf;		/* NULL: there is none that could be used, everything is UNKNOWN */
	struct table_set *tables;
	struct agent_memory *memory;
	bool may_wait;			/* programs may be asked */
	bool needs_sender, needs_recipient;	/* some rule looks at the whole address */
};

/* Reads the configuration at path. may_wait: tables that a program answers are asked too; without it
 * what depends on one is UNKNOWN. Never fails. */
void agent_open(struct agent *a, const char *path, bool may_wait);
void agent_close(struct agent *a);

/* For recipient i of f. *expire_seconds: how long it is tried. */
enum listing_agent agent_find(struct agent *a, const struct queue_file *f, size_t i, uint32_t *expire_seconds);

#endif
