/* listing: one recipient of a queued message as a line of text, in three forms. Pure. */
#ifndef PIPEPOST_LISTING_H
#define PIPEPOST_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

#include "lib/queue.h"

enum listing_form {
	LISTING_SEED,		/* TYPE|UID|FLAGS|SENDER|RCPT|LASTTRY|RETRY, as OpenSMTPD had it in 2009 */
	LISTING_LONG,		/* the fourteen fields of OpenSMTPD 5.4 and later */
	LISTING_TABLE,		/* for people */
};

/* What delivers to a recipient, by today's rules. */
enum listing_agent { LISTING_UNKNOWN, LISTING_MDA, LISTING_MTA };

/* Where a message stands, and what does not depend on the recipient. */
struct listed {
	const struct queue_file *file;
	enum queue_place place;
	int64_t now;
	int64_t due;		/* LATER: when its slot is due */
	int64_t taken;		/* CUR: when it was taken up */
	bool is_runner_there;	/* somebody works on what is in cur/ */
	bool is_paused;		/* WAIT: what would deliver it is switched off */
};

/* Whether a recipient has still to be delivered to, or to be reported on. */
bool listing_is_open(const struct queue_recipient *r);

/* Appends the line about recipient i with its LF. expires: second from which on it may expire.
 * Fails with errno ENOMEM. */
bool listing_append(stralloc *to, enum listing_form form, const struct listed *m, size_t i, enum listing_agent agent,
    int64_t expires);

/* Appends the heading of a table with its LF; other forms have none. */
bool listing_append_heading(stralloc *to, enum listing_form form);

/* Writes a size as people read it: "471", "12.3K", "35M". Returns to. */
char *listing_size(char *to, size_t size, uint64_t octets);

/* The same for a time of at least a second: "59s", "12m", "3h", "4d"; "now" for less. */
char *listing_time(char *to, size_t size, int64_t seconds);

#endif
