/* lookup: questions to a table program on its fd 0, and its answers on fd 1.
 *
 *	request	SERVICE\0KEY\0...\0\0	strings that end with NUL, closed by an empty one
 *	reply	STATUS\0VALUE\0...\0\0	the same; STATUS is an exit code in decimal
 *
 * The keys are tried in their order and the first that is there answers. After
 * 111 and 100 the only value is the reason. Who must know which key it was
 * asks each in a request of its own: requests may be sent without waiting for
 * replies, which come in the same order. A source table gives all its
 * addresses for the service "fetch_source", which has no key.
 *
 * Of what is there and switched off the status is 1 with the one value
 * "inactive": who does not know of that takes it for absent.
 *
 * The same codes are the exit status of a program that got service and keys
 * as arguments. Everything here is pure: no I/O. */
#ifndef PIPEPOST_LOOKUP_H
#define PIPEPOST_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/table.h"

enum lookup_exit {
	LOOKUP_EXIT_FOUND = 0,
	LOOKUP_EXIT_ABSENT = 1,
	LOOKUP_EXIT_BROKEN = 100,
	LOOKUP_EXIT_LATER = 111,
};

enum {
	LOOKUP_KEYS_MAX = 32,		/* in one request */
	LOOKUP_REQUEST_MAX = 34816,	/* octets, all NULs included: 32 keys of TABLE_KEY_MAX fit */
	LOOKUP_RESULT_MAX = 4095,	/* octets of all values, joined with ", " */
	LOOKUP_REPLY_MAX = 8192,	/* octets, all NULs included */
};

#define LOOKUP_INACTIVE_WORD "inactive"

/* Any other code, and a death by signal, is LATER: ask for it with -1. */
enum lookup lookup_from_exit(int code);
enum lookup_exit lookup_to_exit(enum lookup answer);

enum lookup_scan {
	LOOKUP_WHOLE,
	LOOKUP_PARTIAL,		/* read more */
	LOOKUP_INVALID,		/* over a limit, or not of this form: the stream is lost */
};

/* Pointers into the scanned text. */
struct lookup_request {
	const char *service;
	const char *keys[LOOKUP_KEYS_MAX];
	size_t nkeys;
};

struct lookup_reply {
	enum lookup answer;
	const char *values;	/* nvalues strings, one behind the other */
	size_t nvalues;
};

/* Reads one request from the start of s[0..len). *used is its length. */
enum lookup_scan lookup_scan_request(struct lookup_request *r, size_t *used, const char *s, size_t len);

/* Reads one reply likewise. A reason is always there after LATER and BROKEN:
 * a reply without one is LOOKUP_INVALID. */
enum lookup_scan lookup_scan_reply(struct lookup_reply *r, size_t *used, const char *s, size_t len);

/* Appends a request. Fails with errno EINVAL (no or empty service, an empty
 * key), EMSGSIZE (too many keys, or too long), ENOMEM; *to is unchanged then. */
bool lookup_append_request(stralloc *to, const char *service, const char *const keys[], size_t nkeys);

/* Appends a reply: values[0..len) are strings that end with NUL, none of them
 * empty. Fails with errno EINVAL, EMSGSIZE, ENOMEM; *to is unchanged then. */
bool lookup_append_reply(stralloc *to, enum lookup answer, const char *values, size_t len);

#endif
