/* outcome: see outcome.h. */
#include "deliver-local/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

void
outcome_set(struct outcome *o, enum verdict v, const char *format, ...)
{
	char text[JOB_REASON_MAX + 1];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	o->verdict = v;
	printable_copy(o->reason, JOB_REASON_MAX + 1, text, strlen(text));
}

/* What RFC 3463 says of the error: 2.2 the mailbox is full, 3.1 the system is, 2.1 it cannot be used. */
static const char *
enhanced_code(int error)
{
	switch (error) {
	case EDQUOT:
	case EFBIG:
		return "4.2.2";
	case ENOSPC:
		return "4.3.1";
	case EACCES:
	case EPERM:
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case EISDIR:
	case EROFS:
		return "4.2.1";
	default:
		return "4.3.0";
	}
}

void
outcome_defer_errno(struct outcome *o, const char *what)
{
	int error = errno;

	outcome_set(o, VERDICT_DEFERRED, "%s %s: %s", enhanced_code(error), what, strerror(error));
}

void
outcome_copy(struct outcome *o, size_t n, const struct outcome *from)
{
	for (size_t i = 0; i < n; i++)
		if (&o[i] != from)
			o[i] = *from;
}
