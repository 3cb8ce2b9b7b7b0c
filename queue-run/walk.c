/* walk: see walk.h. */
#include "queue-run/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/genalloc.h>

struct walk {
	const struct queue *queue;
	bool (*each)(void *arg, const struct walk_entry *e);
	void *arg;
	bool is_over;		/* each() wants no more */
	int error;		/* the first that was met, 0 = none */
	const char *what;
};

static void
note_error(struct walk *w, enum queue_place place)
{
	if (w->error != 0 || errno == ENOENT)
		return;		/* an emptied slot has been removed */
	w->error = errno;
	w->what = queue_place_names[place];
}

static DIR *
open_names(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;

	if (d == NULL && fd != -1)
		fd_close(fd);
	return d;
}

/* The next name that is not hidden; NULL at the end. */
static const char *
next_name(struct walk *w, DIR *d, enum queue_place place)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(d);
	} while (e != NULL && e->d_name[0] == '.');
	if (e == NULL && errno != 0)
		note_error(w, place);
	return e != NULL ? e->d_name : NULL;
}

/* The messages in one directory. `about` says where it is. */
static void
walk_directory(struct walk *w, int parent, const char *directory, const struct walk_entry *about)
{
	DIR *d = open_names(parent, directory);
	struct walk_entry e = *about;

	if (d == NULL) {
		if (errno != ENOTDIR)
			note_error(w, about->place);
		return;
	}
	e.directory = dirfd(d);
	while (!w->is_over && (e.name = next_name(w, d, about->place)) != NULL)
		if (strlen(e.name) <= QUEUE_NAME_MAX && queue_name_parse(e.name, &e.size, &e.id_len))
			w->is_over = !w->each(w->arg, &e);
	closedir(d);
}

static void
walk_wait(struct walk *w)
{
	int fd = openat(w->queue->top, queue_place_names[QUEUE_WAIT], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct walk_entry e = { .place = QUEUE_WAIT };

	if (d == NULL) {
		note_error(w, QUEUE_WAIT);
		if (fd != -1)
			fd_close(fd);
		return;
	}
	while (!w->is_over && (e.slot = next_name(w, d, QUEUE_WAIT)) != NULL)
		walk_directory(w, fd, e.slot, &e);
	closedir(d);
}

static bool
slot_number(int64_t *t, const char *name)
{
	char *end;

	errno = 0;
	*t = strtoll(name, &end, 10);
	return errno == 0 && end != name && *end == '\0' && *t >= 0 && *t < INT64_MAX / QUEUE_SLOT_SECONDS;
}

static int
compare_slots(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The numbers of all slots, sorted: a few hundred, whatever waits in them. */
static void
read_slots(struct walk *w, DIR *d, genalloc *slots)
{
	const char *name;
	int64_t t;

	while ((name = next_name(w, d, QUEUE_LATER)) != NULL)
		if (slot_number(&t, name) && !genalloc_append(int64_t, slots, &t))
			note_error(w, QUEUE_LATER);
	if (genalloc_len(int64_t, slots) > 0)
		qsort(genalloc_s(int64_t, slots), genalloc_len(int64_t, slots), sizeof(int64_t), compare_slots);
}

static void
walk_later(struct walk *w)
{
	DIR *d = open_names(w->queue->top, queue_place_names[QUEUE_LATER]);
	genalloc slots = GENALLOC_ZERO;
	struct walk_entry e = { .place = QUEUE_LATER };
	char name[32];

	if (d == NULL) {
		note_error(w, QUEUE_LATER);
		return;
	}
	read_slots(w, d, &slots);
	e.slot = name;
	for (size_t i = 0; !w->is_over && i < genalloc_len(int64_t, &slots); i++) {
		int64_t t = genalloc_s(int64_t, &slots)[i];

		snprintf(name, sizeof name, "%lld", (long long)t);
		e.due = t * QUEUE_SLOT_SECONDS;
		walk_directory(w, dirfd(d), name, &e);
	}
	genalloc_free(int64_t, &slots);
	closedir(d);
}

static void
walk_flat(struct walk *w, enum queue_place place)
{
	struct walk_entry e = { .place = place, .slot = "" };

	walk_directory(w, w->queue->top, queue_place_names[place], &e);
}

bool
walk_queue(const struct queue *q, unsigned places, bool (*each)(void *arg, const struct walk_entry *e), void *arg,
    const char **what)
{
	struct walk w = { .queue = q, .each = each, .arg = arg };

	for (enum queue_place p = QUEUE_NEW; p <= QUEUE_CORRUPT && !w.is_over; p++) {
		if ((places & (1U << p)) == 0)
			continue;
		if (p == QUEUE_WAIT)
			walk_wait(&w);
		else if (p == QUEUE_LATER)
			walk_later(&w);
		else
			walk_flat(&w, p);
	}
	if (what != NULL)
		*what = w.error != 0 ? w.what : "";
	errno = w.error;
	return w.error == 0;
}

/* ---- one message ---- */

static bool
is_below(const struct queue *q, enum queue_place place, struct walk_entry *e, char directory[WALK_DIRECTORY_MAX + 1])
{
	struct walk w = { .queue = q };
	DIR *d = open_names(q->top, queue_place_names[place]);
	size_t len = strlen(queue_place_names[place]) + 1;
	char path[QUEUE_NAME_MAX + NAME_MAX + 2];
	const char *slot;
	bool is_there = false;

	if (d == NULL)
		return false;
	while (!is_there && (slot = next_name(&w, d, place)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", slot, e->name);
		is_there = faccessat(dirfd(d), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
		if (is_there)
			snprintf(directory, WALK_DIRECTORY_MAX + 1, "%s/%s", queue_place_names[place], slot);
	}
	closedir(d);
	if (is_there) {
		e->place = place;
		e->slot = directory + len;
	}
	return is_there;
}

bool
walk_find_waiting(const struct queue *q, struct walk_entry *e, char directory[WALK_DIRECTORY_MAX + 1])
{
	return is_below(q, QUEUE_LATER, e, directory) || is_below(q, QUEUE_WAIT, e, directory);
}
