/* text: see text.h. */
#include "deliver-remote/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Fills the piece from `at`: all of it, or up to the end of the text. */
static bool
load(struct text *t, uint64_t at)
{
	size_t want = t->size - at < sizeof t->piece ? (size_t)(t->size - at) : sizeof t->piece;

	t->piece_at = at;
	t->have = 0;
	while (t->have < want) {
		ssize_t n = pread(t->fd, t->piece + t->have, want - t->have, t->start + (off_t)(at + t->have));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENODATA;
		if (n <= 0)
			return false;
		t->have += (size_t)n;
	}
	return true;
}

static void
look(struct text *t)
{
	const char *end = memmem(t->piece, t->have, "\n\n", 2);
	size_t header = end == NULL ? t->have : (size_t)(end - t->piece);

	for (size_t i = 0; i < header; i++)
		t->has_8bit_header |= (unsigned char)t->piece[i] > 127;
	t->wire_size = t->size;
	for (size_t i = 0; i < t->have; i++)
		t->wire_size += t->piece[i] == '\n';
}

bool
text_begin(struct text *t, int fd, off_t start, uint64_t size)
{
	t->fd = fd;
	t->start = start;
	t->size = size;
	t->at = 0;
	t->has_8bit_header = false;
	if (!load(t, 0))
		return false;
	look(t);
	return true;
}

void
text_rewind(struct text *t)
{
	t->at = 0;
}

bool
text_next(struct text *t, const char **s, size_t *len)
{
	*len = 0;
	if (t->at == t->size)
		return true;
	if ((t->piece_at != t->at || t->have == 0) && !load(t, t->at))
		return false;
	*s = t->piece;
	*len = t->have;
	t->at += t->have;
	return true;
}
