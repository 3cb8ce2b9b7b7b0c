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

/* The one mapping of the process, as log.c has the one log. The descriptor stays open: closing it, or another
 * one on the same file, would drop the marks. */
static uint64_t *slots;
static int slots_fd = -1;

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
	if (slots != NULL)
		slots_fd = fd;
	else
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

void
stats_set(unsigned slot, uint64_t n)
{
	if (slots != NULL && slot < STATS_SLOTS)
		__atomic_store_n(&slots[slot], htole64(n), __ATOMIC_RELAXED);
}

/* Shared locks: one that somebody else holds on the file, who may read it, is never in the way. */
static void
mark(enum stats_gauge gauge, int type)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = ((off_t)gauge << STATS_GAUGE_SHIFT) + getpid(),
		.l_len = 1,
	};

	if (slots_fd != -1 && fcntl(slots_fd, F_SETLK, &l) == -1)
		return;		/* not seen among the others, that is all */
}

void
stats_enter(enum stats_gauge gauge)
{
	mark(gauge, F_RDLCK);
}

void
stats_leave(enum stats_gauge gauge)
{
	mark(gauge, F_UNLCK);
}
