/* notice: see notice.h. Pure. */
#include "lib/notice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <skalibs/types.h>

const struct notice_recipient notice_recipient_unknown = {
	.address = "", .original = "", .orcpt = "", .notify = "", .status = "", .reason = "", .remote = "",
	.action = NOTICE_FAILED,
};

/* ---- encoding ---- */

static bool
put(stralloc *to, char letter, const char *value)
{
	return *value == '\0' || (stralloc_catb(to, &letter, 1) && stralloc_catb(to, value, strlen(value) + 1));
}

static bool
put_number(stralloc *to, char letter, uint64_t value)
{
	char digits[UINT64_FMT];

	if (value == 0)
		return true;
	digits[uint64_fmt(digits, value)] = '\0';
	return put(to, letter, digits);
}

static bool
put_time(stralloc *to, char letter, int64_t seconds)
{
	return put_number(to, letter, seconds < 0 ? 0 : (uint64_t)seconds);
}

/* The T stands there even for an empty address: it is what begins a recipient. */
static bool
put_recipient(stralloc *to, const struct notice_recipient *r)
{
	const char action[] = { (char)r->action, '\0' };

	return stralloc_catb(to, "T", 1) && stralloc_catb(to, r->address, strlen(r->address) + 1) &&
	    put(to, 'P', r->original) && put(to, 'O', r->orcpt) && put(to, 'N', r->notify) &&
	    put(to, 'C', r->status) && put(to, 'R', r->reason) && put(to, 'H', r->remote) &&
	    put(to, 'A', action) && put_time(to, 'L', r->last_attempt) && put_time(to, 'W', r->retry_until);
}

bool
notice_encode(stralloc *to, const struct notice *n)
{
	const struct notice_recipient *r = genalloc_s(struct notice_recipient, &n->recipients);
	const char kind[] = { (char)n->kind, '\0' };

	if (!put(to, 'k', kind) || !put(to, 'i', n->id) || !put(to, 'h', n->host) ||
	    !put(to, 's', n->reverse_path) || !put(to, 'e', n->envid) || !put(to, 'r', n->ret) ||
	    !put(to, 'u', n->is_smtputf8 ? "1" : "") || !put_time(to, 'a', n->arrived) ||
	    !put_number(to, 'z', n->text_size))
		return false;
	for (size_t i = 0; i < genalloc_len(struct notice_recipient, &n->recipients); i++)
		if (!put_recipient(to, &r[i]))
			return false;
	return stralloc_catb(to, "", 1);
}

/* ---- decoding ---- */

/* The letter of value, if it is one of those that are known. */
static bool
take_letter(char *letter, const char *value, const char *known)
{
	*letter = value[0];
	return value[0] != '\0' && value[1] == '\0' && strchr(known, value[0]) != NULL;
}

static bool
take_time(int64_t *seconds, const char *value)
{
	uint64_t n;

	if (!uint640_scan(value, &n) || n > INT64_MAX)
		return false;
	*seconds = (int64_t)n;
	return true;
}

static bool
take_message_field(struct notice *n, char letter, const char *value)
{
	char kind;

	switch (letter) {
	case 'k':
		if (!take_letter(&kind, value, "FDSB"))
			return false;
		n->kind = (enum notice_kind)kind;
		return true;
	case 'i': n->id = value; return true;
	case 'h': n->host = value; return true;
	case 's': n->reverse_path = value; return true;
	case 'e': n->envid = value; return true;
	case 'r': n->ret = value; return true;
	case 'u': n->is_smtputf8 = true; return true;
	case 'a': return take_time(&n->arrived, value);
	case 'z': return uint640_scan(value, &n->text_size) != 0;
	default: return false;
	}
}

static bool
take_recipient_field(struct notice_recipient *r, char letter, const char *value)
{
	char action;

	switch (letter) {
	case 'P': r->original = value; return true;
	case 'O': r->orcpt = value; return true;
	case 'N': r->notify = value; return true;
	case 'C': r->status = value; return true;
	case 'R': r->reason = value; return true;
	case 'H': r->remote = value; return true;
	case 'A':
		if (!take_letter(&action, value, "fzdrx"))
			return false;
		r->action = (enum notice_action)action;
		return true;
	case 'L': return take_time(&r->last_attempt, value);
	case 'W': return take_time(&r->retry_until, value);
	default: return false;
	}
}

/* One field, "LETTER value". */
static bool
take_field(struct notice *n, const char *field)
{
	size_t count = genalloc_len(struct notice_recipient, &n->recipients);
	bool is_taken;

	if (field[0] == 'T') {
		struct notice_recipient r = notice_recipient_unknown;

		r.address = field + 1;
		return genalloc_append(struct notice_recipient, &n->recipients, &r);
	}
	if (count == 0)
		is_taken = take_message_field(n, field[0], field + 1);
	else
		is_taken = take_recipient_field(genalloc_s(struct notice_recipient, &n->recipients) + count - 1,
		    field[0], field + 1);
	if (!is_taken)
		errno = EPROTO;
	return is_taken;
}

bool
notice_decode(struct notice *n, size_t *used, const char *s, size_t len)
{
	size_t at = 0;

	for (;;) {
		const char *nul = memchr(s + at, '\0', len - at);

		if (nul == NULL) {
			errno = ENODATA;
			return false;
		}
		if (nul == s + at)
			break;
		if (!take_field(n, s + at))
			return false;
		at = (size_t)(nul - s) + 1;
	}
	*used = at + 1;
	if (genalloc_len(struct notice_recipient, &n->recipients) == 0) {
		errno = EPROTO;
		return false;
	}
	return true;
}

void
notice_free(struct notice *n)
{
	genalloc_free(struct notice_recipient, &n->recipients);
}

bool
notice_is_wanted(enum notice_kind kind, const char *notify)
{
	switch (kind) {
	case NOTICE_FAILURE:
		return *notify == '\0' || strchr(notify, 'f') != NULL;
	case NOTICE_DELAY:
		return *notify == '\0' || strchr(notify, 'd') != NULL;
	case NOTICE_SUCCESS:
		return strchr(notify, 's') != NULL;
	case NOTICE_DOUBLE:
		return true;
	}
	return false;
}
