/* stats: counters in a small mapped file per owner (stats/smtp, stats/remote,
 * stats/queue). A program without its file counts nothing and says nothing. */
#ifndef PIPEPOST_STATS_H
#define PIPEPOST_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Slots of stats/smtp. Their order is the file's format: add at the end only. */
enum stats_smtp {
	STATS_SMTP_SESSIONS,
	STATS_SMTP_SMTPS,
	STATS_SMTP_STARTTLS,
	STATS_SMTP_LINETOOLONG,
	STATS_SMTP_READ_EOF,
	STATS_SMTP_READ_SYSTEM,
	STATS_SMTP_READ_TIMEOUT,
	STATS_SMTP_WRITE_EOF,
	STATS_SMTP_WRITE_SYSTEM,
	STATS_SMTP_WRITE_TIMEOUT,
	STATS_SMTP_TEMPFAIL,
	STATS_SMTP_TOOFAST,
	STATS_SMTP_DELAYS,
	STATS_SMTP_ACCEPTED,		/* messages queued */
	STATS_SMTP_REJECTED,		/* recipients refused by rule */
	STATS_SMTP_COUNT
};

enum stats_queue {
	STATS_QUEUE_INSERTS_LOCAL,
	STATS_QUEUE_INSERTS_REMOTE,
	STATS_QUEUE_DELIVERED,
	STATS_QUEUE_DEFERRED,
	STATS_QUEUE_FAILED,
	STATS_QUEUE_EXPIRED,
	STATS_QUEUE_BOUNCES,
	STATS_QUEUE_REMOVED,
	STATS_QUEUE_COUNT
};

enum { STATS_SLOTS = 64 };	/* 64-bit little-endian counters: a file has 512 octets */

/* Maps $SPOOL/stats/NAME if it is there, writable and of the right size. */
void stats_open(const char *name);

/* Adds n to a slot, atomically; nothing happens without a mapped file. */
void stats_add(unsigned slot, uint64_t n);

#endif
