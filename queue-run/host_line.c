/* host_line: see host_line.h. */
#include "queue-run/host_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/uint64.h>

static bool
take_number(int64_t *n, char **rest)
{
	char *end, *field = *rest != NULL ? strsep(rest, "|") : NULL;

	if (field == NULL || *field < '0' || *field > '9')
		return false;
	errno = 0;
	*n = strtoll(field, &end, 10);
	return errno == 0 && *end == '\0';
}

bool
host_line_scan(struct host_line *h, char *line)
{
	char *rest = line;

	h->key = strsep(&rest, "|");
	h->domain = rest != NULL ? strsep(&rest, "|") : NULL;
	if (*h->key == '\0' || h->domain == NULL || !take_number(&h->since, &rest) || !take_number(&h->until, &rest) ||
	    !take_number(&h->failures, &rest) || h->failures == 0 || !take_number(&h->tried, &rest) || rest == NULL)
		return false;
	h->reason = rest;
	return true;
}

static bool
append_number(stralloc *to, int64_t n)
{
	char s[UINT64_FMT];

	return stralloc_catb(to, s, uint64_fmt(s, n > 0 ? (uint64_t)n : 0)) && stralloc_cats(to, "|");
}

bool
host_line_append(stralloc *to, const struct host_line *h)
{
	return stralloc_cats(to, h->key) && stralloc_cats(to, "|") && stralloc_cats(to, h->domain) &&
	    stralloc_cats(to, "|") && append_number(to, h->since) && append_number(to, h->until) &&
	    append_number(to, h->failures) && append_number(to, h->tried) && stralloc_cats(to, h->reason) &&
	    stralloc_cats(to, "\n");
}
