/* The decoder that works in place, fed in pieces of random sizes, against one that
 * takes octet by octet and keeps everything. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

struct reference {
	stralloc text;
	size_t used;
	bool is_end, has_bare_cr, has_bare_lf, has_nul, has_long_line, has_8bit;
};

/* One line s[0..len), without its CRLF. */
static void
take_line(struct reference *r, const char *s, size_t len, bool is_ended)
{
	size_t run = 0;

	if (len > 0 && s[0] == '.') {
		s++;
		len--;
	}
	for (size_t i = 0; i < len; i++) {
		run = s[i] == '\n' ? 0 : run + 1;
		r->has_bare_cr |= s[i] == '\r';
		r->has_bare_lf |= s[i] == '\n';
		r->has_nul |= s[i] == '\0';
		r->has_8bit |= (unsigned char)s[i] > 127;
		r->has_long_line |= run > SMTP_TEXT_LINE_MAX - 2;
	}
	require(stralloc_catb(&r->text, s, len) && (!is_ended || stralloc_catb(&r->text, "\n", 1)));
}

static void
decode_simply(struct reference *r, const char *s, size_t len)
{
	while (r->used < len && !r->is_end) {
		const char *line = s + r->used, *end = memmem(line, len - r->used, "\r\n", 2);
		size_t n = end == NULL ? len - r->used : (size_t)(end - line);

		r->is_end = end != NULL && n == 1 && line[0] == '.';
		if (end == NULL && n > 0 && line[n - 1] == '\r')
			take_line(r, line, n - 1, false);	/* held back: it may become CRLF */
		else if (!r->is_end)
			take_line(r, line, n, end != NULL);
		r->used += n + (end == NULL ? 0 : 2);
	}
}

static uint32_t
next_random(uint32_t *seed)
{
	return *seed = *seed * 1664525u + 1013904223u;
}

/* Decodes in pieces; size_t returned is what was consumed. */
static size_t
decode_in_pieces(struct smtp_data *d, stralloc *text, bool *is_end, const char *s, size_t len, uint32_t seed)
{
	size_t at = 0;

	*is_end = false;
	while (at < len && !*is_end) {
		size_t n = 1 + (next_random(&seed) >> 16) % (seed & 0x8000 ? 5 : 3000), used, nout;
		struct smtp_span out[2];
		char *piece;

		n = n > len - at ? len - at : n;
		piece = malloc(n);
		require(piece != NULL);
		memcpy(piece, s + at, n);
		smtp_data_decode(d, piece, n, &used, out, 1 + (seed >> 20) % 2, &nout, is_end);
		for (size_t i = 0; i < nout; i++)
			require(stralloc_catb(text, out[i].s, out[i].len));
		at += used;
		free(piece);
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reference r = { .text = STRALLOC_ZERO };
	struct smtp_data d = { .state = 0 };
	stralloc text = STRALLOC_ZERO;
	uint32_t seed = 1;
	bool is_end;

	if (size > 4) {
		memcpy(&seed, data, 4);
		data += 4;
		size -= 4;
	}
	decode_simply(&r, (const char *)data, size);
	require(decode_in_pieces(&d, &text, &is_end, (const char *)data, size, seed) == r.used);
	require(is_end == r.is_end && d.size == text.len && text.len == r.text.len);
	require(text.len == 0 || memcmp(text.s, r.text.s, text.len) == 0);
	require(d.has_bare_cr == r.has_bare_cr && d.has_bare_lf == r.has_bare_lf && d.has_nul == r.has_nul);
	require(d.has_8bit == r.has_8bit && d.has_long_line == r.has_long_line);
	stralloc_free(&text);
	stralloc_free(&r.text);
	return 0;
}
