/* tls_report: any octets from a process that strangers talk to. What is read must write as it was. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	stralloc again = STRALLOC_ZERO;
	struct tls_report r;
	size_t used;

	while (tls_report_read(&r, &used, s, size)) {
		again.len = 0;
		if (used > size || (used <= TLS_REPORT_MAX && (!tls_report_write(&again, &r) || again.len != used ||
		    memcmp(again.s, s, used) != 0)))
			abort();
		s += used;
		size -= used;
	}
	stralloc_free(&again);
	return 0;
}
