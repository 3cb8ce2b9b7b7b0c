/* base64: see base64.h. */
#include "lib/base64.h"

#include <errno.h>

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool
fail(int error)
{
	errno = error;
	return false;
}

bool
base64_encode(stralloc *to, const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;

	if (!stralloc_readyplus(to, len / 3 * 4 + 4))
		return fail(ENOMEM);
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned long group = (unsigned long)u[i] << 16 | (n > 1 ? (unsigned long)u[i + 1] << 8 : 0) |
		    (n > 2 ? u[i + 2] : 0);

		to->s[to->len++] = digits[group >> 18];
		to->s[to->len++] = digits[group >> 12 & 63];
		to->s[to->len++] = n > 1 ? digits[group >> 6 & 63] : '=';
		to->s[to->len++] = n > 2 ? digits[group & 63] : '=';
	}
	return true;
}

/* 64 and more: not a digit. */
static unsigned
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool
base64_decode(stralloc *to, const char *s, size_t len)
{
	if (len % 4 != 0)
		return fail(EPROTO);
	if (!stralloc_readyplus(to, len / 4 * 3))
		return fail(ENOMEM);
	for (size_t i = 0; i < len; i += 4) {
		size_t npad = i + 4 < len || s[i + 3] != '=' ? 0 : s[i + 2] == '=' ? 2 : 1;
		unsigned a = value_of(s[i]), b = value_of(s[i + 1]);
		unsigned c = npad == 2 ? 0 : value_of(s[i + 2]), d = npad > 0 ? 0 : value_of(s[i + 3]);

		if ((a | b | c | d) >= 64 || (npad == 2 && (b & 15) != 0) || (npad == 1 && (c & 3) != 0))
			return fail(EPROTO);
		to->s[to->len++] = (char)(a << 2 | b >> 4);
		if (npad < 2)
			to->s[to->len++] = (char)((b & 15) << 4 | c >> 2);
		if (npad < 1)
			to->s[to->len++] = (char)((c & 3) << 6 | d);
	}
	return true;
}
