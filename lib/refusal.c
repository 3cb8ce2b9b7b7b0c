/* refusal: see refusal.h. */
#include "lib/refusal.h"

#include <stdio.h>
#include <string.h>

bool
refusal_is_none(const struct route *r)
{
	return r->kind == ROUTE_DELIVER || r->kind == ROUTE_RELAY;
}

unsigned
refusal_reply(char text[REFUSAL_TEXT_MAX], const struct route *r, const char *address)
{
	if (r->reply_code != 0) {	/* an alias to "error:": the words are the administrator's */
		snprintf(text, REFUSAL_TEXT_MAX, "%s <%s>: %.*s", r->status, address, (int)r->why.len, r->why.s);
		return r->reply_code;
	}
	switch (r->kind) {
	case ROUTE_REJECT:
		snprintf(text, REFUSAL_TEXT_MAX, "5.7.1 <%s>: relaying refused", address);
		return 550;
	case ROUTE_NO_USER:
		snprintf(text, REFUSAL_TEXT_MAX, "5.1.1 <%s>: no such user", address);
		return 550;
	case ROUTE_INACTIVE:
		snprintf(text, REFUSAL_TEXT_MAX, "5.1.1 <%s>: this address is disabled", address);
		return 550;
	default:
		snprintf(text, REFUSAL_TEXT_MAX, "4.3.0 <%s>: cannot tell now, try again later", address);
		return 451;
	}
}

/* "rule FILE:LINE; ", unless the reason begins with the place itself. */
bool
refusal_explain(stralloc *to, const struct route *r)
{
	size_t start;
	char line[24];

	if (r->rule != NULL) {
		snprintf(line, sizeof line, ":%u", r->rule->at.line);
		if (!stralloc_cats(to, "rule "))
			return false;
		start = to->len;
		if (!stralloc_cats(to, r->rule->at.file) || !stralloc_cats(to, line))
			return false;
		if (r->why.len > to->len - start && memcmp(r->why.s, to->s + start, to->len - start) == 0)
			to->len = start;
		else if (!stralloc_cats(to, "; "))
			return false;
	}
	return stralloc_catb(to, r->why.s, r->why.len);
}
