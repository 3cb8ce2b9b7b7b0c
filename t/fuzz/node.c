/* Any value or file: refused with a reason, or a list whose canonical nodes,
 * taken one by one, are what the list says they are. */
#include "lib/node.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_list(const stralloc *list)
{
	struct node n;
	size_t at = 0, count = 0;

	for (; node_list_next(&n, &at, list); count++) {
		if (n.text[0] == '\0' || strchr(n.text, '\n') != NULL)
			abort();
		if ((n.kind == NODE_FILE || n.kind == NODE_INCLUDE) && n.text[0] != '/')
			abort();
	}
	if (at != list->len || count != node_list_count(list))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	stralloc list = STRALLOC_ZERO;
	const char *why;

	if (node_list_append(&list, &why, (const char *)data, size))
		check_list(&list);
	else if (why == NULL)
		abort();
	list.len = 0;
	if (node_list_append_file(&list, &why, (const char *)data, size, size % 2 == 0))
		check_list(&list);
	else if (why == NULL)
		abort();
	stralloc_free(&list);
	return 0;
}
