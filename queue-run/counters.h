/* counters: reading what programs have counted in stats/ (lib/stats.h), and how many of them are at work. */
#ifndef PIPEPOST_COUNTERS_H
#define PIPEPOST_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

#include "lib/queue.h"
#include "lib/stats.h"

/* One file of counters. */
struct counter_file {
	int fd;			/* -1: it is not there, everything is 0 */
	uid_t owner;
	uint64_t values[STATS_SLOTS];
	size_t active[STATS_GAUGES];
};

struct counters {
	struct counter_file smtp, remote, queue;
	int64_t now, uptime;	/* seconds; uptime: since the counters began, or the machine */
	bool has_lengths;	/* somebody has counted the queue: counters_add_lengths() */
	size_t lengths[QUEUE_PLACES];	/* messages in each place */
};

/* Reads all of them below spool. is_reset: what is read is taken out, in one step for each counter, so that
 * nothing is counted twice or never. Fails with errno (*what names the file) where a file is there but cannot be
 * read, or reset. */
bool counters_read(struct counters *c, const char *spool, bool is_reset, const char **what);

/* Counts the messages of the queue, by their names alone: 100,000 in some 40 ms. Fails as walk_queue() does. */
bool counters_add_lengths(struct counters *c, const struct queue *q, const char **what);

/* Appends "key=value" lines: first those that OpenSMTPD had in 2009, in its order, then others. Fail with ENOMEM. */
bool counters_format(stralloc *to, const struct counters *c);

/* The same numbers in the text format of Prometheus. */
bool counters_format_prometheus(stralloc *to, const struct counters *c);

#endif
