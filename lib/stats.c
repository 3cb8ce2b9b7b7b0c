/* stats: see stats.h.
 *
 * Counting never fails a program: without a file of the right size there is
 * nothing to count in. */
#include "lib/stats.h"

#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/place.h"

/* The one mapping of the process, as log.c has the one log. */
static uint64_t *slots;

static uint64_t *
map_file(int fd)
{
	size_t size = STATS_SLOTS * sizeof(uint64_t);
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size != (off_t)size)
		return NULL;	/* touching a page beyond the end would be a SIGBUS */
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

void
stats_open(const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/stats/%s", place_spool(), name);
	int fd;

	if (slots != NULL || n < 0 || (size_t)n >= sizeof path)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return;
	slots = map_file(fd);
	close(fd);
}

void
stats_add(unsigned slot, uint64_t n)
{
	uint64_t old;

	if (slots == NULL || slot >= STATS_SLOTS)
		return;
	old = __atomic_load_n(&slots[slot], __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&slots[slot], &old, htole64(le64toh(old) + n), false,
	    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}
