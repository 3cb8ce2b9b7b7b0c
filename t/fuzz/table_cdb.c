/* Any file: refused, or read without stepping outside of it. */
#include "lib/table_cdb.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/table_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
look(void *arg, const char *key, const char *value)
{
	stralloc found = STRALLOC_ZERO;
	bool is_there;

	if (strlen(key) > TABLE_KEY_MAX || strlen(value) > TABLE_VALUE_MAX)
		abort();
	table_cdb_find(arg, &is_there, key, strlen(key), &found);
	stralloc_free(&found);
	return true;
}

/* Most of a cdb file is its header: the input gives the table that each key
 * hashes to, and what follows the header. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table_cdb c = TABLE_CDB_ZERO;
	unsigned char header[2048];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	const char *why;

	if (size < 8 || fd == -1) {
		close(fd);
		return 0;
	}
	for (size_t i = 0; i < sizeof header; i += 8)
		memcpy(header + i, data, 8);
	if (write(fd, header, sizeof header) == -1 || write(fd, data + 8, size - 8) == -1)
		abort();
	if (table_cdb_open(&c, fd, &why)) {
		table_cdb_each(&c, look, &c);
		look(&c, "root", "");
		table_cdb_close(&c);
	}
	return 0;
}
