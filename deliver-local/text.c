/* text: see text.h. */
#include "deliver-local/text.h"

#include <errno.h>
#include <string.h>

#include <skalibs/allreadwrite.h>

#include "lib/message.h"

void
text_begin(struct text *t, struct stream *in, uint64_t size, const tain *deadline)
{
	t->in = in;
	t->is_counted = size != TEXT_TO_END;
	t->left = size;
	t->deadline = *deadline;
	t->is_at_end = size == 0;
	t->is_broken = t->is_head_given = false;
	t->error = 0;
	t->raw.len = t->head.len = t->header_len = 0;
}

void
text_free(struct text *t)
{
	stralloc_free(&t->raw);
	stralloc_free(&t->head);
}

/* Takes the next octets of the text from the stream. */
static enum text_step
take(struct text *t, const char **s, size_t *len)
{
	size_t n;

	if (t->is_broken)
		return TEXT_BROKEN;
	if (t->is_at_end)
		return TEXT_END;
	if (t->in->start == t->in->end && !stream_fill(t->in, &t->deadline)) {
		if (errno == EPIPE && !t->is_counted) {
			t->is_at_end = true;
			return TEXT_END;
		}
		t->error = errno;
		t->is_broken = true;
		return TEXT_BROKEN;
	}
	n = t->in->end - t->in->start;
	if (t->is_counted) {
		if (n > t->left)
			n = (size_t)t->left;
		t->left -= n;
		t->is_at_end = t->left == 0;
	}
	*s = t->in->buffer + t->in->start;
	*len = n;
	t->in->start += n;
	return TEXT_PIECE;
}

/* Whether raw holds the whole header. Only whole lines are looked at: a name
 * that is cut before its colon would look like the end. */
static bool
header_is_whole(struct text *t)
{
	struct message_field f;
	const char *end = t->raw.len == 0 ? NULL : memrchr(t->raw.s, '\n', t->raw.len);
	size_t len = t->is_at_end ? t->raw.len : end == NULL ? 0 : (size_t)(end - t->raw.s) + 1;

	t->header_len = 0;
	while (message_next_field(&f, &t->header_len, t->raw.s, len))
		;
	return t->is_at_end || t->header_len < len || t->raw.len >= MESSAGE_HEADER_MAX;
}

bool
text_read_header(struct text *t)
{
	const char *s;
	size_t len;

	while (!header_is_whole(t)) {
		switch (take(t, &s, &len)) {
		case TEXT_PIECE:
			if (stralloc_catb(&t->raw, s, len))
				break;
			errno = ENOMEM;
			return false;
		case TEXT_END:
			break;
		case TEXT_BROKEN:
			errno = t->error;
			return false;
		}
	}
	return true;
}

bool
text_has_passed(const struct text *t, const char *address)
{
	return message_was_delivered_to(t->raw.s, t->header_len, address);
}

/* An envelope's address may hold anything but NUL; in the header it may not end the line. */
static bool
append_clean(stralloc *to, const char *s)
{
	size_t start = to->len;

	if (!stralloc_cats(to, s))
		return false;
	for (size_t i = start; i < to->len; i++)
		if ((unsigned char)to->s[i] < 0x20 || to->s[i] == 0x7f)
			to->s[i] = '?';
	return true;
}

static bool
append_without_return_path(struct text *t)
{
	struct message_field f;
	size_t at = 0, kept = 0;

	if (t->raw.len == 0)
		return true;
	while (message_next_field(&f, &at, t->raw.s, t->header_len)) {
		size_t start = (size_t)(f.start - t->raw.s);

		if (!message_field_is(&f, "Return-Path"))
			continue;
		if (!stralloc_catb(&t->head, t->raw.s + kept, start - kept))
			return false;
		kept = start + f.len;
	}
	return stralloc_catb(&t->head, t->raw.s + kept, t->raw.len - kept);
}

bool
text_address(struct text *t, const char *reverse_path, const char *delivered_to)
{
	t->head.len = 0;
	if (stralloc_cats(&t->head, "Return-Path: <") && append_clean(&t->head, reverse_path) &&
	    stralloc_cats(&t->head, ">\n") &&
	    (delivered_to == NULL || (stralloc_cats(&t->head, "Delivered-To: ") &&
	    append_clean(&t->head, delivered_to) && stralloc_cats(&t->head, "\n"))) &&
	    append_without_return_path(t))
		return true;
	errno = ENOMEM;
	return false;
}

enum text_step
text_next(struct text *t, const char **s, size_t *len)
{
	if (t->is_head_given)
		return take(t, s, len);
	t->is_head_given = true;
	*s = t->head.s;
	*len = t->head.len;
	return TEXT_PIECE;
}

bool
text_drain(struct text *t)
{
	const char *s;
	size_t len;
	enum text_step step;

	do
		step = take(t, &s, &len);
	while (step == TEXT_PIECE);
	return step == TEXT_END;
}

bool
text_copy(struct text *t, int fd)
{
	const char *s;
	size_t len;
	enum text_step step;

	while ((step = take(t, &s, &len)) == TEXT_PIECE)
		if (allwrite(fd, s, len) < len)
			return false;
	if (step == TEXT_BROKEN)
		errno = t->error;
	return step == TEXT_END;
}
