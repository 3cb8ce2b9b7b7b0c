/* parameter: see parameter.h. */
#include "smtp-recv/parameter.h"

#include <string.h>
#include <strings.h>

#include "lib/printable.h"

enum { SIZE_DIGITS_MAX = 20 };

static bool
is_key_octet(char c, bool is_first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    (c == '-' && !is_first);
}

bool
parameter_next(struct parameter *p, size_t *at, bool *is_broken, const char *s, size_t len)
{
	size_t i = *at, start;

	*is_broken = false;
	while (i < len && s[i] == ' ')
		i++;
	if (i == len)
		return false;
	*is_broken = i == *at;	/* it must stand apart from what is before */
	start = i;
	while (i < len && is_key_octet(s[i], i == start))
		i++;
	*p = (struct parameter){ .key = s + start, .key_len = i - start };
	if (i < len && s[i] == '=') {
		start = ++i;
		while (i < len && s[i] != ' ')
			i++;
		p->value = s + start;
		p->value_len = i - start;
	}
	*at = i;
	if (p->key_len == 0 || (p->value != NULL && p->value_len == 0) || (i < len && s[i] != ' '))
		*is_broken = true;
	return !*is_broken;
}

bool
parameter_is(const struct parameter *p, const char *key)
{
	return strlen(key) == p->key_len && strncasecmp(key, p->key, p->key_len) == 0;
}

bool
parameter_is_first(const struct parameter *p, const char *s)
{
	struct parameter other;
	bool is_broken;
	size_t at = 0, end = (size_t)(p->key - s);

	while (parameter_next(&other, &at, &is_broken, s, end))
		if (other.key_len == p->key_len && strncasecmp(other.key, p->key, p->key_len) == 0)
			return false;
	return true;
}

bool
parameter_has_value(const struct parameter *p, const char *value)
{
	return p->value != NULL && strlen(value) == p->value_len &&
	    strncasecmp(value, p->value, p->value_len) == 0;
}

bool
parameter_scan_size(uint64_t *n, const struct parameter *p)
{
	*n = 0;
	if (p->value == NULL || p->value_len > SIZE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < p->value_len; i++) {
		unsigned digit = (unsigned)(p->value[i] - '0');

		if (p->value[i] < '0' || p->value[i] > '9')
			return false;
		*n = *n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *n * 10 + digit;
	}
	return true;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
parameter_is_xtext(const char *s, size_t len, bool allow_utf8)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = printable_character(s + i, len - i);
		if (n == 0 || (n > 1 && !allow_utf8) || s[i] == ' ' || s[i] == '=')
			return false;
		if (s[i] == '+') {
			int high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			if (high < 2 || high > 7 || low < 0 || (high == 7 && low == 15))
				return false;	/* a control octet, or none of ASCII */
			n = 3;
		}
	}
	return len > 0;
}

bool
parameter_scan_notify(char letters[sizeof "never"], const struct parameter *p)
{
	static const struct {
		const char *word;
		char letter;
	} words[] = { { "SUCCESS", 's' }, { "FAILURE", 'f' }, { "DELAY", 'd' } };
	bool is_set[3] = { false };
	size_t n = 0, found = 0, nwords = 0;

	if (parameter_has_value(p, "NEVER")) {
		memcpy(letters, "never", sizeof "never");
		return true;
	}
	for (size_t i = 0; p->value != NULL && i <= p->value_len; i += n + 1, nwords++) {
		const char *comma = memchr(p->value + i, ',', p->value_len - i);

		n = comma == NULL ? p->value_len - i : (size_t)(comma - p->value) - i;
		for (size_t k = 0; k < 3; k++) {
			if (strlen(words[k].word) == n && strncasecmp(words[k].word, p->value + i, n) == 0) {
				found += !is_set[k];
				is_set[k] = true;
			}
		}
	}
	if (nwords == 0 || found != nwords)
		return false;
	n = 0;
	for (size_t k = 0; k < 3; k++)
		if (is_set[k])
			letters[n++] = words[k].letter;
	letters[n] = '\0';
	return true;
}
