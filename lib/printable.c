/* printable: see printable.h. */
#include "lib/printable.h"

#include <string.h>

size_t
printable_character(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return 0;	/* C1 controls */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;	/* overlong, surrogates, beyond Unicode */
	return n;
}

/* Writes what stands for the text at s: to[0..4). Returns its length; *used is what it stands for. */
static size_t
represent(char to[4], const char *s, size_t len, size_t *used)
{
	unsigned char c = (unsigned char)s[0];
	size_t n = printable_character(s, len);

	if (n > 0) {
		memcpy(to, s, n);
		*used = n;
		return n;
	}
	to[0] = '\\';
	to[1] = (char)('0' + (c >> 6));
	to[2] = (char)('0' + ((c >> 3) & 7));
	to[3] = (char)('0' + (c & 7));
	*used = 1;
	return 4;
}

bool
printable_append(stralloc *to, const char *s, size_t len)
{
	char piece[4];
	size_t used;

	if (!stralloc_readyplus(to, len))
		return false;
	for (size_t i = 0; i < len; i += used) {
		size_t n = represent(piece, s + i, len - i, &used);

		if (!stralloc_catb(to, piece, n))
			return false;
	}
	return true;
}

char *
printable_copy(char *to, size_t size, const char *s, size_t len)
{
	char piece[4];
	size_t used, out = 0;

	for (size_t i = 0; i < len; i += used) {
		size_t n = represent(piece, s + i, len - i, &used);

		if (out + n >= size)
			break;
		memcpy(to + out, piece, n);
		out += n;
	}
	to[out] = '\0';
	return to;
}

char *
printable_quote(char *to, size_t size, const char *s, size_t len)
{
	char piece[5];
	size_t used, out = 0;

	to[out++] = '"';
	for (size_t i = 0; i < len; i += used) {
		bool is_marked = s[i] == '"' || s[i] == '\\';
		size_t n = represent(piece + is_marked, s + i, len - i, &used) + is_marked;

		if (is_marked)
			piece[0] = '\\';
		if (out + n + 2 > size)
			break;
		memcpy(to + out, piece, n);
		out += n;
	}
	to[out++] = '"';
	to[out] = '\0';
	return to;
}
