/* selection: see selection.h. */
#include "queue-run/selection.h"

#include <stdint.h>
#include <string.h>

enum { RANDOM_LEN = 16, EPOCH_MAX = 20, NUMBER_DIGITS_MAX = 10 };

static size_t
count_digits(const char *s)
{
	return strspn(s, "0123456789");
}

static size_t
count_alphanumeric(const char *s)
{
	return strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

/* The ".N" behind a whole id. */
static bool
parse_recipient(struct selection *s, const char *text)
{
	size_t n;
	uint64_t number = 0;

	if (*text == '\0')
		return true;
	n = *text == '.' ? count_digits(text + 1) : 0;
	if (n == 0 || n > NUMBER_DIGITS_MAX || text[1 + n] != '\0')
		return false;
	for (size_t i = 0; i < n; i++)
		number = number * 10 + (uint64_t)(text[1 + i] - '0');
	s->has_recipient = true;
	s->recipient = (size_t)number;
	return true;
}

bool
selection_parse(struct selection *s, const char *text)
{
	size_t n = count_digits(text), random = 0;

	*s = (struct selection){ .id_len = 0 };
	if (n == 0 || n > EPOCH_MAX)
		return n == 0 && *text == '\0';
	if (text[n] == '.') {
		random = count_alphanumeric(text + n + 1);
		n += 1 + random;
	}
	if (random > RANDOM_LEN || (random < RANDOM_LEN && text[n] != '\0'))
		return false;
	s->id_len = n;
	memcpy(s->id, text, n);
	return parse_recipient(s, text + n);
}

bool
selection_has_name(const struct selection *s, const char *name, size_t id_len)
{
	return s->id_len <= id_len && memcmp(name, s->id, s->id_len) == 0;
}

bool
selection_has_recipient(const struct selection *s, size_t i)
{
	return !s->has_recipient || s->recipient == i;
}

bool
selection_is_whole_id(const struct selection *s)
{
	const char *dot = memchr(s->id, '.', s->id_len);

	return dot != NULL && s->id_len - (size_t)(dot - s->id) == 1 + RANDOM_LEN;
}
