/* walk: every message of a spool, one name at a time, in memory that does not grow with their number.
 *
 * Reads names and nothing else. A message that moves meanwhile may be seen
 * twice or not at all. */
#ifndef PIPEPOST_WALK_H
#define PIPEPOST_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/queue.h"

/* The places that hold messages, as bits (1 << place). */
#define WALK_ALIVE \
	(1U << QUEUE_NEW | 1U << QUEUE_CUR | 1U << QUEUE_WAIT | 1U << QUEUE_LATER | 1U << QUEUE_HOLD)
#define WALK_ALL (WALK_ALIVE | 1U << QUEUE_CORRUPT)

enum { WALK_DIRECTORY_MAX = 512 };	/* octets of a directory's name below the spool */

struct walk_entry {
	enum queue_place place;
	int directory;			/* the file is directory/name */
	const char *slot;		/* LATER, WAIT: the directory below the place; "" elsewhere */
	const char *name;
	size_t id_len;			/* of name: the queue id */
	uint64_t size;			/* octets of text */
	int64_t due;			/* LATER: second from which on it is due; 0 elsewhere */
};

/* Calls each() for every message of the places, later/ in the order of its slots, until it returns false.
 * Directories that are gone count as empty. Fails with the errno of a directory that could not be opened or
 * read, after all others have been walked; *what (if not NULL) is the place. */
bool walk_queue(const struct queue *q, unsigned places, bool (*each)(void *arg, const struct walk_entry *e),
    void *arg, const char **what);

/* Finds the message e->name below later/ or wait/, with one look into each of their directories. True: place and slot
 * of e are set, and directory, to which slot points, is where it is, below the spool. */
bool walk_find_waiting(const struct queue *q, struct walk_entry *e, char directory[WALK_DIRECTORY_MAX + 1]);

#endif
