/* lookup: see lookup.h.
 *
 * The scanners trust no octet count but len; after a failure the appenders
 * leave their target as it was. */
#include "lib/lookup.h"

#include <errno.h>
#include <string.h>

enum { EXIT_CODE_MAX = 255, EXIT_DIGITS_MAX = 3 };

enum lookup
lookup_from_exit(int code)
{
	switch (code) {
	case LOOKUP_EXIT_FOUND: return LOOKUP_FOUND;
	case LOOKUP_EXIT_ABSENT: return LOOKUP_ABSENT;
	case LOOKUP_EXIT_BROKEN: return LOOKUP_BROKEN;
	default: return LOOKUP_LATER;
	}
}

enum lookup_exit
lookup_to_exit(enum lookup answer)
{
	switch (answer) {
	case LOOKUP_FOUND: return LOOKUP_EXIT_FOUND;
	case LOOKUP_ABSENT:
	case LOOKUP_INACTIVE: return LOOKUP_EXIT_ABSENT;
	case LOOKUP_BROKEN: return LOOKUP_EXIT_BROKEN;
	case LOOKUP_LATER: break;
	}
	return LOOKUP_EXIT_LATER;
}

/* Finds the end of a list of strings that an empty one closes: *used counts
 * its octets, the closing NUL included, *n its strings. */
static enum lookup_scan
scan_list(size_t *used, size_t *n, const char *s, size_t len, size_t max)
{
	size_t at = 0;

	for (*n = 0;; ++*n) {
		size_t room = (len < max ? len : max) - at;
		const char *nul = memchr(s + at, '\0', room);

		if (nul == NULL)
			return len < max ? LOOKUP_PARTIAL : LOOKUP_INVALID;
		if (nul == s + at)
			break;
		at = (size_t)(nul - s) + 1;
	}
	*used = at + 1;
	return LOOKUP_WHOLE;
}

enum lookup_scan
lookup_scan_request(struct lookup_request *r, size_t *used, const char *s, size_t len)
{
	size_t n;
	enum lookup_scan scan = scan_list(used, &n, s, len, LOOKUP_REQUEST_MAX);

	if (scan != LOOKUP_WHOLE)
		return scan;
	if (n == 0 || n - 1 > LOOKUP_KEYS_MAX)
		return LOOKUP_INVALID;
	r->service = s;
	r->nkeys = n - 1;
	for (size_t i = 0; i < r->nkeys; i++) {
		s += strlen(s) + 1;
		r->keys[i] = s;
	}
	return LOOKUP_WHOLE;
}

/* Reads a decimal exit code. */
static bool
scan_status(int *code, const char *s)
{
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > EXIT_DIGITS_MAX || s[n] != '\0')
		return false;
	*code = 0;
	for (size_t i = 0; i < n; i++)
		*code = *code * 10 + (s[i] - '0');
	return *code <= EXIT_CODE_MAX;
}

enum lookup_scan
lookup_scan_reply(struct lookup_reply *r, size_t *used, const char *s, size_t len)
{
	size_t n;
	int code;
	enum lookup_scan scan = scan_list(used, &n, s, len, LOOKUP_REPLY_MAX);

	if (scan != LOOKUP_WHOLE)
		return scan;
	if (n == 0 || !scan_status(&code, s))
		return LOOKUP_INVALID;
	r->answer = lookup_from_exit(code);
	r->values = s + strlen(s) + 1;
	r->nvalues = n - 1;
	if (r->answer == LOOKUP_ABSENT && r->nvalues == 1 && strcmp(r->values, LOOKUP_INACTIVE_WORD) == 0)
		r->answer = LOOKUP_INACTIVE;
	if ((r->answer == LOOKUP_LATER || r->answer == LOOKUP_BROKEN) && r->nvalues != 1)
		return LOOKUP_INVALID;
	return LOOKUP_WHOLE;
}

static bool
append_strings(stralloc *to, const char *service, const char *const keys[], size_t nkeys)
{
	if (!stralloc_catb(to, service, strlen(service) + 1))
		return false;
	for (size_t i = 0; i < nkeys; i++) {
		if (keys[i][0] == '\0') {
			errno = EINVAL;
			return false;
		}
		if (!stralloc_catb(to, keys[i], strlen(keys[i]) + 1))
			return false;
	}
	return stralloc_catb(to, "", 1);
}

bool
lookup_append_request(stralloc *to, const char *service, const char *const keys[], size_t nkeys)
{
	size_t len = strlen(service) + 2, before = to->len;

	if (service[0] == '\0') {
		errno = EINVAL;
		return false;
	}
	for (size_t i = 0; i < nkeys && len <= LOOKUP_REQUEST_MAX; i++)
		len += strlen(keys[i]) + 1;
	if (nkeys > LOOKUP_KEYS_MAX || len > LOOKUP_REQUEST_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	if (append_strings(to, service, keys, nkeys))
		return true;
	to->len = before;
	return false;
}

bool
lookup_append_reply(stralloc *to, enum lookup answer, const char *values, size_t len)
{
	static const char *const statuses[] = {
		[LOOKUP_FOUND] = "0",
		[LOOKUP_ABSENT] = "1",
		[LOOKUP_INACTIVE] = "1",
		[LOOKUP_LATER] = "111",
		[LOOKUP_BROKEN] = "100",
	};
	const char *status = statuses[answer];
	size_t before = to->len;

	if (answer == LOOKUP_INACTIVE) {
		values = LOOKUP_INACTIVE_WORD;
		len = sizeof LOOKUP_INACTIVE_WORD;
	}
	if (len > 0 && (values[0] == '\0' || values[len - 1] != '\0' || memmem(values, len, "\0", 2) != NULL)) {
		errno = EINVAL;
		return false;
	}
	if (strlen(status) + 1 + len + 1 > LOOKUP_REPLY_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	if (stralloc_catb(to, status, strlen(status) + 1) && (len == 0 || stralloc_catb(to, values, len)) &&
	    stralloc_catb(to, "", 1))
		return true;
	to->len = before;
	return false;
}
