/* envelope: see envelope.h. */
#include "lib/envelope.h"

#include <errno.h>
#include <string.h>

/* Finds the string that begins at s[*at]: sets *text to it and moves *at behind its NUL. */
static bool
next_string(const char **text, size_t *text_len, size_t *at, const char *s, size_t len)
{
	const char *end = *at < len ? memchr(s + *at, '\0', len - *at) : NULL;

	if (end == NULL) {
		errno = ENODATA;
		return false;
	}
	*text = s + *at;
	*text_len = (size_t)(end - *text);
	*at += *text_len + 1;
	return true;
}

static bool
add_recipient(struct envelope *e, const char *address)
{
	struct envelope_recipient r = { .address = address, .notify = "", .orcpt = "" };

	if (genalloc_len(struct envelope_recipient, &e->recipients) >= ENVELOPE_RECIPIENTS_MAX) {
		errno = E2BIG;
		return false;
	}
	return genalloc_append(struct envelope_recipient, &e->recipients, &r);
}

/* One string behind the F string. */
static bool
parse_item(struct envelope *e, const char *text)
{
	size_t n = genalloc_len(struct envelope_recipient, &e->recipients);
	struct envelope_recipient *all = genalloc_s(struct envelope_recipient, &e->recipients);
	struct envelope_recipient *last = n == 0 ? NULL : all + (n - 1);

	if (*text == 'T')
		return add_recipient(e, text + 1);
	if (n > 0 && *text == 'N' && *last->notify == '\0') {
		last->notify = text + 1;
		return true;
	}
	if (n > 0 && *text == 'O' && *last->orcpt == '\0') {
		last->orcpt = text + 1;
		return true;
	}
	errno = EPROTO;
	return false;
}

bool
envelope_parse(struct envelope *e, size_t *used, const char *s, size_t len)
{
	const char *text;
	size_t text_len, at = 0;

	genalloc_setlen(struct envelope_recipient, &e->recipients, 0);
	if (!next_string(&text, &text_len, &at, s, len))
		return false;
	if (*text != 'F') {
		errno = EPROTO;
		return false;
	}
	e->reverse_path = text + 1;
	while (text_len <= ENVELOPE_ADDRESS_MAX + 1) {
		if (!next_string(&text, &text_len, &at, s, len))
			return false;
		if (text_len == 0) {
			*used = at;
			errno = EPROTO;
			return genalloc_len(struct envelope_recipient, &e->recipients) > 0;
		}
		if (!parse_item(e, text))
			return false;
	}
	errno = EMSGSIZE;
	return false;
}

void
envelope_free(struct envelope *e)
{
	genalloc_free(struct envelope_recipient, &e->recipients);
}

static bool
add_string(stralloc *to, char letter, const char *text)
{
	return stralloc_append(to, letter) && stralloc_cats(to, text) && stralloc_0(to);
}

bool
envelope_begin(stralloc *to, const char *reverse_path)
{
	return add_string(to, 'F', reverse_path);
}

bool
envelope_add_recipient(stralloc *to, const char *address, const char *notify, const char *orcpt)
{
	return add_string(to, 'T', address) && (*notify == '\0' || add_string(to, 'N', notify)) &&
	    (*orcpt == '\0' || add_string(to, 'O', orcpt));
}

bool
envelope_end(stralloc *to)
{
	return stralloc_0(to);
}
