/* What a path or a list gives must be a mailbox by our own rules, and reading it
 * again must give the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* The mailbox s, put into brackets, reads as itself. */
static void
require_stable(const char *s, size_t len)
{
	stralloc path = STRALLOC_ZERO, again = STRALLOC_ZERO;
	size_t used;

	require(stralloc_copyb(&path, "<", 1) && stralloc_catb(&path, s, len) && stralloc_catb(&path, ">", 1));
	require(address_scan_path(&again, &used, path.s, path.len) && used == path.len);
	require(again.len == len && (len == 0 || memcmp(again.s, s, len) == 0));
	require(address_find_at(s, len) == len || address_is_mailbox(s, len));
	require(memchr(s, '\0', len) == NULL && memchr(s, '\n', len) == NULL && memchr(s, '\r', len) == NULL);
	stralloc_free(&path);
	stralloc_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	stralloc mailbox = STRALLOC_ZERO, list = STRALLOC_ZERO;
	size_t used;
	bool is_clean;

	if (address_scan_path(&mailbox, &used, s, size)) {
		require(used <= size && mailbox.len <= ADDRESS_PATH_MAX - 2);
		require_stable(mailbox.len > 0 ? mailbox.s : "", mailbox.len);
	}
	require(address_list_append(&list, &is_clean, s, size));
	for (size_t i = 0; i < list.len; i += strlen(list.s + i) + 1)
		require_stable(list.s + i, strlen(list.s + i));
	stralloc_free(&mailbox);
	stralloc_free(&list);
	return 0;
}
