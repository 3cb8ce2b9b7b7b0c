/* passon: see passon.h. */
#include "lib/passon.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	"PATH", "TZ", "PIPEPOST_CONF", "PIPEPOST_SPOOL", "PIPEPOST_BIN", "PIPEPOST_LOG", "PIPEPOST_RESOLVER",
#ifdef __SANITIZE_ADDRESS__
	"ASAN_OPTIONS", "UBSAN_OPTIONS",
#endif
	NULL,
};

bool
passon_append(stralloc *to)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		const char *value = secure_getenv(names[i]);

		if (value != NULL && (!stralloc_cats(to, names[i]) || !stralloc_cats(to, "=") ||
		    !stralloc_catb(to, value, strlen(value) + 1)))
			return false;
	}
	return true;
}

bool
passon_point(genalloc *pointers, const stralloc *strings)
{
	const char *end = NULL;

	for (size_t i = 0; i < strings->len; i += strlen(strings->s + i) + 1) {
		const char *s = strings->s + i;

		if (!genalloc_append(const char *, pointers, &s))
			return false;
	}
	return genalloc_append(const char *, pointers, &end);
}
