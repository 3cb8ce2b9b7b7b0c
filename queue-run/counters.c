/* counters: see counters.h. What they are called is in counters_format.c. */
#include "queue-run/counters.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "queue-run/walk.h"

enum { FILE_SIZE = STATS_SLOTS * sizeof(uint64_t) };

/* Of the kind, and as large as it has to be: a page behind the end would be a SIGBUS. */
static bool
is_counter_file(struct counter_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == -1)
		return false;
	f->owner = st.st_uid;
	errno = EINVAL;
	return S_ISREG(st.st_mode) && st.st_size == FILE_SIZE;
}

/* Each counter is read and set to 0 in one step. What is no counter stays. */
static bool
take_values(struct counter_file *f, int64_t now, bool is_queue)
{
	uint64_t *slots = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);

	if (slots == MAP_FAILED)
		return false;
	for (size_t i = 0; i < STATS_SLOTS; i++) {
		bool stays = is_queue && (i == STATS_QUEUE_WORKERS || i == STATS_QUEUE_WINDOW);
		uint64_t instead = i == STATS_SINCE ? htole64((uint64_t)now) : 0;

		f->values[i] = le64toh(stays ? __atomic_load_n(&slots[i], __ATOMIC_RELAXED) :
		    __atomic_exchange_n(&slots[i], instead, __ATOMIC_RELAXED));
	}
	munmap(slots, FILE_SIZE);
	return true;
}

/* The file is written through mappings: a mapping sees each counter whole. */
static bool
look_at_values(struct counter_file *f)
{
	const uint64_t *slots = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, f->fd, 0);

	if (slots == MAP_FAILED)
		return false;
	for (size_t i = 0; i < STATS_SLOTS; i++)
		f->values[i] = le64toh(__atomic_load_n(&slots[i], __ATOMIC_RELAXED));
	munmap((void *)(uintptr_t)slots, FILE_SIZE);
	return true;
}

/* Anybody who may read the file can hold a lock on it: what counts is the process's own octet, and its owner. */
static bool
is_mark(const struct counter_file *f, const struct flock *l, off_t base)
{
	char path[32];
	struct stat st;

	if (l->l_len != 1 || (l->l_pid > 0 && l->l_start - base != l->l_pid))
		return false;
	snprintf(path, sizeof path, "/proc/%ld", (long)l->l_pid);
	return l->l_pid <= 0 || stat(path, &st) == -1 || st.st_uid == f->owner;
}

/* Half-open ranges that are still to be looked at. Of two the smaller is looked at first: there are never more than
 * bits in an offset. */
struct ranges {
	struct { off_t start, end; } at[STATS_GAUGE_SHIFT + 2];
	size_t n;
};

static void
add_range(struct ranges *r, off_t start, off_t end)
{
	if (start < end && r->n < sizeof r->at / sizeof r->at[0]) {
		r->at[r->n].start = start;
		r->at[r->n++].end = end;
	}
}

/* The kernel names any lock within a range, not the first: what is before and behind it is asked about again. */
static size_t
count_marks(const struct counter_file *f, enum stats_gauge gauge)
{
	off_t base = (off_t)gauge << STATS_GAUGE_SHIFT;
	struct ranges r = { .n = 0 };
	size_t n = 0;

	add_range(&r, base, base + ((off_t)1 << STATS_GAUGE_SHIFT));
	while (r.n > 0) {
		off_t start = r.at[--r.n].start, end = r.at[r.n].end, lock_end;
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = end - start };

		if (fcntl(f->fd, F_GETLK, &l) == -1 || l.l_type == F_UNLCK)
			continue;
		n += is_mark(f, &l, base);
		lock_end = l.l_len == 0 ? end : l.l_start + l.l_len;
		if (l.l_start - start > end - lock_end) {
			add_range(&r, start, l.l_start);
			add_range(&r, lock_end, end);
		} else {
			add_range(&r, lock_end, end);
			add_range(&r, start, l.l_start);
		}
	}
	return n;
}

static bool
read_file(struct counter_file *f, const char *spool, const char *name, bool is_reset, int64_t now)
{
	char path[PATH_MAX];
	bool is_read;

	*f = (struct counter_file){ .fd = -1 };
	if ((size_t)snprintf(path, sizeof path, "%s/stats/%s", spool, name) >= sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	f->fd = open(path, (is_reset ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (f->fd == -1)
		return errno == ENOENT;
	is_read = is_counter_file(f) && (is_reset ? take_values(f, now, *name == 'q') : look_at_values(f));
	for (enum stats_gauge g = 0; is_read && g < STATS_GAUGES; g++)
		f->active[g] = count_marks(f, g);
	fd_close(f->fd);
	return is_read;
}

static int64_t
since_boot(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_BOOTTIME, &t) == 0 ? (int64_t)t.tv_sec : 0;
}

bool
counters_read(struct counters *c, const char *spool, bool is_reset, const char **what)
{
	struct {
		struct counter_file *file;
		const char *name;
	} files[] = { { &c->smtp, "smtp" }, { &c->remote, "remote" }, { &c->queue, "queue" } };
	int64_t since;

	c->now = time(NULL);
	c->has_lengths = false;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		*what = files[i].name;
		if (!read_file(files[i].file, spool, files[i].name, is_reset, c->now))
			return false;
	}
	since = (int64_t)c->queue.values[STATS_SINCE];
	c->uptime = since > 0 && since <= c->now ? c->now - since : since_boot();
	return true;
}

static bool
count_place(void *arg, const struct walk_entry *e)
{
	struct counters *c = arg;

	c->lengths[e->place]++;
	return true;
}

bool
counters_add_lengths(struct counters *c, const struct queue *q, const char **what)
{
	memset(c->lengths, 0, sizeof c->lengths);
	c->has_lengths = true;
	return walk_queue(q, WALK_ALL, count_place, c, what);
}
