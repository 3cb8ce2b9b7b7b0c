/* Any text: entries whose keys and values keep the limits, or a reason. */
#include "lib/table_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table_text t = TABLE_TEXT_ZERO;
	struct table_index x = TABLE_INDEX_ZERO;
	struct table_entry e;
	enum table_step step;
	size_t twin;

	if (!table_text_copy(&t, (const char *)data, size))
		abort();
	t.is_set = size % 3 == 0;
	while ((step = table_text_next(&t, &e)) != TABLE_STEP_END) {
		if (step == TABLE_STEP_INVALID) {
			if (t.why == NULL)
				abort();
			continue;
		}
		if (e.key[0] == '\0' || strlen(e.key) > TABLE_KEY_MAX || strpbrk(e.key, "\n\r") != NULL)
			abort();
		if (e.value != NULL && (e.value[0] == '\0' || strlen(e.value) > TABLE_VALUE_MAX))
			abort();
		if (!table_index_add(&x, &e, &twin))
			abort();
	}
	for (size_t i = 0; i < x.n; i++)
		if (table_index_find(&x, x.entries[i].key) == NULL)
			abort();
	table_index_free(&x);
	table_text_free(&t);
	return 0;
}
