/* message: header fields of a text with LF line ends. Pure. */
#ifndef PIPEPOST_MESSAGE_H
#define PIPEPOST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

enum {
	MESSAGE_HOPS_MAX = 100,			/* Received fields; more is a loop (RFC 5321 6.3) */
	MESSAGE_HEADER_MAX = 1024 * 1024,	/* octets of header that are looked at */
};

struct message_field {
	const char *name;	/* as written */
	size_t name_len;
	const char *value;	/* behind the colon, folds and the closing LF included */
	size_t value_len;
	const char *start;	/* of the whole field */
	size_t len;		/* of the whole field with its closing LF */
};

/* Steps through the header at text[0..len). *at begins at 0 and ends at the
 * offset of the empty line or of the first line that is no field (which both
 * end the header), or at len. False at the end. A field cut off by len is given as it is. */
bool message_next_field(struct message_field *f, size_t *at, const char *text, size_t len);

/* Whether the field has this name (ASCII case ignored). */
bool message_field_is(const struct message_field *f, const char *name);

/* Counts Received fields while the text passes by in pieces of any size:
 * zero it, feed it, look at hops. */
struct message_hops {
	int state;
	size_t matched;
	unsigned hops;
	bool is_past_header;
};
void message_hops_feed(struct message_hops *h, const char *s, size_t len);

/* Whether the header has a Delivered-To with exactly this address (ASCII case ignored). */
bool message_was_delivered_to(const char *text, size_t len, const char *address);

/* Appends the date of RFC 5322 3.3 in local time: "Tue, 24 Nov 2026 02:00:00 +0000". */
bool message_append_date(stralloc *to, int64_t seconds);

#endif
