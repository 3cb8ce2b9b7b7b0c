/* queue_format: the octets of a queue file (queue(5)); shared by the writer's
 * and the runner's side of the queue and by nobody else. Pure but for the one
 * write function. */
#ifndef PIPEPOST_QUEUE_FORMAT_H
#define PIPEPOST_QUEUE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

#include "lib/facts.h"

enum {
	QUEUE_TRAILER = 21,		/* "V1 XXXXXXXX XXXXXXXX\n" */
	QUEUE_RECORD_HEAD = 12,		/* length, status octets, check value: big-endian, 32 bits each */
	QUEUE_RECORD_MAX = 16 * 1024 * 1024,
};

/* Appends what follows the text: the envelope as it came on fd 1, the facts,
 * the trailer, one pending octet per recipient. Fails with ENOMEM. */
bool queue_format_tail(stralloc *to, const stralloc *envelope, size_t recipients, const struct facts *f,
    uint32_t text_check);

/* Where the parts of a tail s[0..len) are. */
struct queue_tail {
	size_t envelope_len;	/* from 0, closing NUL included */
	size_t facts_at, facts_len;
	unsigned version;
	uint32_t text_check;
	size_t end;		/* behind the trailer: the status octets begin */
};

enum queue_tail_state {
	QUEUE_TAIL_GOOD,
	QUEUE_TAIL_SHORT,	/* it may go on: s ends before the trailer does */
	QUEUE_TAIL_WRONG,	/* grammar, or check value */
	QUEUE_TAIL_NEWER,	/* a version other than QUEUE_FORMAT */
};
enum queue_tail_state queue_format_scan_tail(struct queue_tail *t, const char *s, size_t len);

/* Appends a record's head, to be completed by queue_format_end_record() once
 * the fields stand behind it. Fails with ENOMEM. */
bool queue_format_begin_record(stralloc *to);

/* Appends "LETTER text NUL" / "LETTER number NUL". Fail with ENOMEM. */
bool queue_format_add_text(stralloc *to, char letter, const char *text);
bool queue_format_add_number(stralloc *to, char letter, uint64_t n);

/* Completes the record that begins at to->s: check value over the fields, then
 * nstatus pending octets. Fails with ENOMEM, EMSGSIZE. */
bool queue_format_end_record(stralloc *to, size_t nstatus);

struct queue_record {
	const char *fields;	/* a run of LETTER value NUL */
	size_t fields_len;
	size_t nstatus;		/* status octets behind the fields */
	size_t size;		/* of the whole record */
};

/* Reads the record at s[0..len): false where there is none that is whole and right. */
bool queue_format_scan_record(struct queue_record *r, const char *s, size_t len);

/* Steps through fields: *value is NUL-ended. *at begins at 0; false at the end or where the grammar ends. */
bool queue_format_next_field(char *letter, const char **value, size_t *at, const char *fields, size_t len);

/* Reads a decimal number that is the whole of s. */
bool queue_format_number(uint64_t *n, const char *s);

/* Writes all of s at the offset, whatever the number of writes. Fails with the errno of pwrite. */
bool queue_write_at(int fd, const char *s, size_t len, off_t at);

#endif
