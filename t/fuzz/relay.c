/* relay: any octets as the param of a job. What is decoded must encode to what decodes to the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	stralloc param = STRALLOC_ZERO, once = STRALLOC_ZERO, twice = STRALLOC_ZERO;
	struct relay r, again;

	if (!stralloc_catb(&param, (const char *)data, size) || !stralloc_0(&param))
		abort();
	if (relay_decode(&r, param.s)) {
		if (!relay_encode(&once, &r) || !stralloc_0(&once) || !relay_decode(&again, once.s) ||
		    !relay_encode(&twice, &again) || !stralloc_0(&twice) || strcmp(once.s, twice.s) != 0)
			abort();
		relay_free(&again);
	}
	relay_free(&r);
	stralloc_free(&param);
	stralloc_free(&once);
	stralloc_free(&twice);
	return 0;
}
