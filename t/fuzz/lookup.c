/* Any octets as requests and replies of the table protocol: what is whole is
 * written again as it was read. */
#include "lib/lookup.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(const stralloc *s, const char *from, size_t used)
{
	if (s->len != used || memcmp(s->s, from, used) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	stralloc s = STRALLOC_ZERO;
	struct lookup_request q;
	struct lookup_reply r;
	size_t used;

	if (lookup_scan_request(&q, &used, text, size) == LOOKUP_WHOLE) {
		if (used > size || !lookup_append_request(&s, q.service, q.keys, q.nkeys))
			abort();
		check_same(&s, text, used);
	}
	if (lookup_scan_reply(&r, &used, text, size) == LOOKUP_WHOLE) {
		size_t status = (size_t)(r.values - text);

		if (used > size || status > used)
			abort();
		s.len = 0;
		if (!lookup_append_reply(&s, r.answer, r.values, used - 1 - status))
			abort();
		if (s.len < used - 1 - status)
			abort();
	}
	stralloc_free(&s);
	return 0;
}
