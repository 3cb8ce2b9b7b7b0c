/* envelope: reverse-path and recipients in the grammar of qmail-queue's fd 1.
 *
 *	F reverse-path NUL { T recipient NUL [ N notify NUL ] [ O orcpt NUL ] } NUL
 *
 * N and O are ours: the letters of NOTIFY ("never", or of s, f, d) and the
 * ORCPT value as received (RFC 3461), after the recipient they belong to and
 * only where the client gave them. Without them it is what every qmail-queue
 * wrapper knows. */
#ifndef PIPEPOST_ENVELOPE_H
#define PIPEPOST_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

enum {
	ENVELOPE_ADDRESS_MAX = 1003,		/* octets, as qmail-queue has it */
	ENVELOPE_RECIPIENTS_MAX = 100000,	/* per message, however it came */
	ENVELOPE_SIZE_MAX = 64 * 1024 * 1024,	/* octets of all of it */
};

/* exit status of queue-inject: the qmail-queue interface */
enum queue_exit {
	QUEUE_OK = 0,			/* queued, and durable */
	QUEUE_ADDRESS_TOO_LONG = 11,
	QUEUE_REFUSED = 31,		/* permanently: the message itself */
	QUEUE_NO_MEMORY = 51,
	QUEUE_TIMEOUT = 52,
	QUEUE_WRITE_ERROR = 53,		/* disk full or failing */
	QUEUE_READ_ERROR = 54,		/* message or envelope */
	QUEUE_NO_CONF = 55,
	QUEUE_NO_SPOOL = 61,		/* the spool or its directories are missing or closed to us */
	QUEUE_NO_DRAFT = 62,		/* a file could not be made in tmp/ */
	QUEUE_TEMPORARY = 71,
	QUEUE_BUG = 81,
	QUEUE_CUSTOM = 82,		/* text on fd 6: 'D' or 'Z', then words */
	QUEUE_BAD_ENVELOPE = 91,
	QUEUE_NOT_STARTED = 120,	/* the caller could not execute it */
};

struct envelope_recipient {
	const char *address;
	const char *notify;	/* "" where not given */
	const char *orcpt;	/* "" where not given */
};

/* Pointers go into the text it was parsed from. */
struct envelope {
	const char *reverse_path;	/* "" is the null reverse-path */
	genalloc recipients;		/* struct envelope_recipient */
};
#define ENVELOPE_ZERO { .reverse_path = "", .recipients = GENALLOC_ZERO }

/* Parses s[0..len), which begins with the F. *used receives the octets up to
 * and with the closing NUL. The caller frees with envelope_free().
 * Fails with errno EPROTO (grammar, or no recipient), EMSGSIZE (an address over
 * ENVELOPE_ADDRESS_MAX), E2BIG (too many recipients), ENODATA (s ends before
 * the closing NUL), ENOMEM. */
bool envelope_parse(struct envelope *e, size_t *used, const char *s, size_t len);
void envelope_free(struct envelope *e);

/* For building one: the parts, appended to *to. Fail with errno ENOMEM. The
 * strings must hold no NUL by their nature. */
bool envelope_begin(stralloc *to, const char *reverse_path);
bool envelope_add_recipient(stralloc *to, const char *address, const char *notify, const char *orcpt);
bool envelope_end(stralloc *to);

#endif
