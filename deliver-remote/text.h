/* text: a message, the first `size` octets of a file, in pieces.
 *
 * Read with pread, so that the descriptor's offset, which others may share,
 * stays as it is; never beyond `size`, for what follows is not the message's. */
#ifndef PIPEPOST_DELIVER_REMOTE_TEXT_H
#define PIPEPOST_DELIVER_REMOTE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TEXT_PIECE = 65536 };	/* octets */

struct text {
	int fd;
	off_t start;			/* offset of the first octet */
	uint64_t size, at;
	size_t have;			/* octets in piece: those at offset 0, or at `at` */
	uint64_t piece_at;
	bool has_8bit_header;		/* after text_begin() */
	uint64_t wire_size;		/* octets on the wire, or less: see text_begin() */
	char piece[TEXT_PIECE];
};

/* Reads the first piece and looks at it: octets over 127 in the header, and the
 * size on the wire, where every LF counts as CRLF (beyond the first piece as
 * one octet, so that a long text is never said to be longer than it is).
 * Fails with errno ENODATA (shorter than size), or that of pread. */
bool text_begin(struct text *t, int fd, off_t start, uint64_t size);

/* Back to the first octet. */
void text_rewind(struct text *t);

/* The next piece, good until the next call; *len is 0 at the end. Fails as
 * text_begin() does. */
bool text_next(struct text *t, const char **s, size_t *len);

#endif
