/* text: one message on its way from the stream into a mailbox or a program,
 * with Return-Path and Delivered-To in front and an older Return-Path taken out.
 *
 * The header is read before anything is delivered; the rest passes by in
 * blocks. A text that breaks off is_broken: the caller must undo what it began. */
#ifndef PIPEPOST_DELIVER_LOCAL_TEXT_H
#define PIPEPOST_DELIVER_LOCAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "deliver-local/stream.h"

struct text {
	struct stream *in;
	bool is_counted;	/* else it ends at end of file */
	uint64_t left;		/* counted: octets not yet taken from the stream */
	tain deadline;
	bool is_at_end, is_broken;
	int error;		/* errno of what broke it */
	stralloc raw;		/* the octets read to see the header, as they came */
	size_t header_len;	/* of raw */
	stralloc head;		/* what goes out in place of raw; taken when head_given */
	bool is_head_given;
};
#define TEXT_ZERO { .raw = STRALLOC_ZERO, .head = STRALLOC_ZERO }

/* Begins a new text on the stream: size octets, or up to end of file
 * (TEXT_TO_END). Memory of the last one is used again. */
#define TEXT_TO_END UINT64_MAX
void text_begin(struct text *t, struct stream *in, uint64_t size, const tain *deadline);
void text_free(struct text *t);

/* Reads as far as the header's end, or MESSAGE_HEADER_MAX. Fails with errno
 * ENOMEM, or where the text is broken. */
bool text_read_header(struct text *t);

/* Whether a Delivered-To of the header names this address. */
bool text_has_passed(const struct text *t, const char *address);

/* Sets what stands in front. delivered_to may be NULL: no such field.
 * Fails with errno ENOMEM. */
bool text_address(struct text *t, const char *reverse_path, const char *delivered_to);

enum text_step { TEXT_PIECE, TEXT_END, TEXT_BROKEN };

/* The next piece, *s[0..*len), good until the next call. */
enum text_step text_next(struct text *t, const char **s, size_t *len);

/* Reads what is left and drops it. False where the text is broken. */
bool text_drain(struct text *t);

/* Copies the whole rest of the stream, from its first octet, to fd. Fails with
 * the errno of write, or where the text is broken. */
bool text_copy(struct text *t, int fd);

#endif
