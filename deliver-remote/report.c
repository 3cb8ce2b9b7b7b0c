/* report: see report.h. */
#include "deliver-remote/report.h"

#include <string.h>

static bool
append(stralloc *to, char letter, const char *words)
{
	return stralloc_catb(to, &letter, 1) && stralloc_cats(to, words) && stralloc_catb(to, "\n", 2);
}

bool
report_append_alone(stralloc *to, char letter, const char *words)
{
	return append(to, letter, words);
}

static char
letter_of(enum verdict v)
{
	return v == VERDICT_DELIVERED ? 'r' : v == VERDICT_FAILED ? 'h' : 's';
}

/* The outcome that stands for the message: a delivery, else a deferral, else a failure. */
static const struct outcome *
strongest(const struct outcome *o, size_t n)
{
	const struct outcome *best = o;

	for (size_t i = 1; i < n; i++)
		if (o[i].verdict == VERDICT_DELIVERED ||
		    (o[i].verdict == VERDICT_DEFERRED && best->verdict == VERDICT_FAILED))
			best = &o[i];
	return best;
}

bool
report_append(stralloc *to, const struct outcome *o, size_t n)
{
	const struct outcome *message = strongest(o, n);

	for (size_t i = 0; i < n; i++)
		if (!append(to, letter_of(o[i].verdict), o[i].reason))
			return false;
	return append(to, message->verdict == VERDICT_DELIVERED ? 'K' :
	    message->verdict == VERDICT_FAILED ? 'D' : 'Z', message->reason);
}
