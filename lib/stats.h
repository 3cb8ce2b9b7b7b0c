/* stats: counters in a small mapped file per owner (stats/smtp, stats/remote,
 * stats/queue). A program without its file counts nothing and says nothing.
 *
 * How many processes are at something just now is not counted but marked: each
 * holds an fcntl lock on an octet of the file as long as it is. A crash leaves
 * no mark. queue-run/counters.h reads all this. */
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
	STATS_SMTP_AUTH,		/* logins */
	STATS_SMTP_AUTH_FAILED,		/* wrong passwords */
	STATS_SMTP_TLS_FAILED,		/* handshakes */
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
	STATS_QUEUE_MESSAGES,		/* committed */
	STATS_QUEUE_WORKERS,		/* not a counter: delivery processes of the runner that is marked */
	STATS_QUEUE_WINDOW,		/* the same: messages that it has in memory */
	STATS_QUEUE_RUNS,		/* runners started */
	STATS_QUEUE_COUNT
};

enum stats_remote {
	STATS_REMOTE_SESSIONS,		/* with a server that has greeted */
	STATS_REMOTE_UNREACHABLE,	/* connections that could not be made */
	STATS_REMOTE_TLS,		/* sessions with TLS */
	STATS_REMOTE_MESSAGES,		/* accepted by a server */
	STATS_REMOTE_COUNT
};

enum {
	STATS_SLOTS = 64,			/* 64-bit little-endian counters: a file has 512 octets */
	STATS_SINCE = STATS_SLOTS - 1,		/* second since which the others count, 0 = unknown */
};

/* What a process may mark itself as. Fixed: the marks of a gauge begin at the octet gauge << STATS_GAUGE_SHIFT,
 * and a process has the one of its pid there. */
enum stats_gauge {
	STATS_GAUGE_PROCESS,		/* it serves a session (smtp, remote), or is the runner (queue) */
	STATS_GAUGE_SMTPS,		/* smtp: with TLS from the start */
	STATS_GAUGE_STARTTLS,		/* smtp: with TLS after STARTTLS */
	STATS_GAUGES
};
enum { STATS_GAUGE_SHIFT = 32 };

/* Maps $SPOOL/stats/NAME if it is there, writable and of the right size. */
void stats_open(const char *name);

/* Adds n to a slot, atomically; nothing happens without a mapped file. */
void stats_add(unsigned slot, uint64_t n);

/* Sets a slot that is not a counter. */
void stats_set(unsigned slot, uint64_t n);

/* Marks this process, until it ends or stats_leave(). A child made by fork is not marked. */
void stats_enter(enum stats_gauge gauge);
void stats_leave(enum stats_gauge gauge);

#endif
