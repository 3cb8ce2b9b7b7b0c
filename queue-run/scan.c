/* scan: finding messages that are due, and taking them up.
 *
 * Recovered and waiting mail comes before new mail, so that nothing starves.
 * Names that are not queue ids are ignored. See runner.h. */
#include "queue-run/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/log.h"

/* No slot is further ahead than the longest interval: one that is counts as due, since only a moved clock makes one. */
enum { SLOTS_AHEAD_MAX = RETRY_REMOTE_MAX / QUEUE_SLOT_SECONDS + 2 };

/* A full lane that moves is waited for; one that does not has its messages parked. */
static bool
is_pressed(const struct runner *r)
{
	return r->pressing != NULL && !lane_wants_more(r->pressing) && lane_is_moving(r->pressing);
}

static bool
has_window(const struct runner *r)
{
	return !is_pressed(r) && r->nmessages < WINDOW_MESSAGES && r->conf != NULL && !r->is_stopping;
}

/* What is left for the next turn of the loop is not lost: has_more and the like say so. */
static bool
has_room(const struct runner *r)
{
	return has_window(r) && r->taken < r->may_take;
}

static bool
take(struct runner *r, int directory, const char *name)
{
	r->taken++;
	return message_take(r, directory, name);
}

/* A directory opened for reading its names, apart from the descriptor that renames use. NULL with errno. */
static DIR *
open_names(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;

	if (d == NULL && fd != -1)
		fd_close(fd);
	return d;
}

void
scan_note_trouble(struct runner *r)
{
	if (!r->has_trouble)
		tain_addsec_g(&r->next_trouble, TROUBLE_SECONDS);
	r->has_trouble = true;
}

/* A directory that was opened, or not, or read to its end, or not. */
static void
complain_of_names(struct runner *r, const char *parent, const char *name)
{
	log_line("%s%s/ cannot be read: %s", parent, name, strerror(errno));
	scan_note_trouble(r);
}

/* The next name; NULL at the end, which may come early. */
static const char *
next_name(struct runner *r, DIR *d, const char *parent, const char *name)
{
	const struct dirent *e;

	errno = 0;
	e = readdir(d);
	if (e == NULL && errno != 0)
		complain_of_names(r, parent, name);
	return e != NULL ? e->d_name : NULL;
}

static bool
is_message(const char *name)
{
	uint64_t size;
	size_t id_len;

	return strlen(name) <= QUEUE_NAME_MAX && queue_name_parse(name, &size, &id_len);
}

void
scan_ignore(struct runner *r, const char *name)
{
	char *copy = strdup(name);

	if (copy == NULL || !genalloc_append(char *, &r->ignored, &copy))
		free(copy);	/* it will be looked at, and logged, again */
}

static bool
is_ignored(const struct runner *r, const char *name)
{
	char *const *s = genalloc_s(char *, &r->ignored);
	size_t n = genalloc_len(char *, &r->ignored);

	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i], name) == 0)
			return true;
	return false;
}

/* ---- new/ ---- */

/* Whether the writer of a file in new/ is still at work (or that cannot be told). */
static bool
has_writer(const struct runner *r, const char *name)
{
	int fd = openat(r->queue.place[QUEUE_NEW], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool is_alive = fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1;

	if (fd != -1)
		fd_close(fd);
	return is_alive;
}

static void
take_new(struct runner *r, const char *name)
{
	if (!take(r, r->queue.place[QUEUE_NEW], name))
		scan_note_trouble(r);
}

/* It was never acknowledged: the other name shows that its writer did not come to the end. */
static void
remove_draft(const struct runner *r, const char *name, const char *id)
{
	log_line("%s: was never acknowledged and is incomplete: removed", id);
	unlinkat(r->queue.place[QUEUE_NEW], name, 0);
	unlinkat(r->queue.place[QUEUE_TMP], id, 0);
}

/* A file with two names: its writer lives, or died before it had acknowledged.
 * Without a name in tmp/ somebody has linked it elsewhere, and it is like any other. */
static void
adopt(struct runner *r, const char *name)
{
	int tmp = r->queue.place[QUEUE_TMP];
	struct queue_file f;
	enum queue_read found;
	char id[QUEUE_ID_MAX + 1];

	snprintf(id, sizeof id, "%.*s", (int)strcspn(name, ","), name);
	if (faccessat(tmp, id, F_OK, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT) {
		take_new(r, name);
		return;
	}
	if (has_writer(r, name)) {
		r->has_busy_drafts = true;
		return;
	}
	found = queue_file_open(&f, r->queue.place[QUEUE_NEW], name, O_RDWR);
	if (found == QUEUE_READ_OK) {
		found = queue_file_verify_text(&f);
		queue_file_close(&f);
	}
	if (found == QUEUE_READ_CORRUPT) {
		remove_draft(r, name, id);
	} else if (found == QUEUE_READ_ERROR_LATER) {
		log_line("%s: cannot be read now: %s", id, strerror(errno));
		scan_note_trouble(r);
	} else {
		unlinkat(tmp, id, 0);
		take_new(r, name);
	}
}

static void
scan_new(struct runner *r)
{
	const char *const new = queue_place_names[QUEUE_NEW];
	DIR *d = open_names(r->queue.top, new);
	const char *name;
	struct stat st;

	r->new_has_more = false;
	r->has_busy_drafts = false;
	if (d == NULL) {
		complain_of_names(r, "", new);
		return;
	}
	while ((name = next_name(r, d, "", new)) != NULL) {
		if (!is_message(name) || is_ignored(r, name))
			continue;
		if (!has_room(r)) {
			r->new_has_more = true;
			break;
		}
		if (fstatat(r->queue.place[QUEUE_NEW], name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
			continue;
		if (st.st_nlink == 1)
			take_new(r, name);
		else
			adopt(r, name);
	}
	closedir(d);
}

/* ---- later/ and wait/ ---- */

/* Takes messages out of a directory below a place while there is room, and its
 * lane (if that has a key) is not full; an emptied directory is removed. True if
 * there was no room for something. */
static bool
take_from(struct runner *r, enum queue_place place, const char *name, const char *lane_key)
{
	int parent = r->queue.place[place];
	DIR *d = open_names(parent, name);
	const char *file;
	char path[QUEUE_NAME_MAX + 512];
	bool is_left = false;

	if (d == NULL) {
		if (errno != ENOENT && errno != ENOTDIR)
			complain_of_names(r, place == QUEUE_LATER ? "later/" : "wait/", name);
		return false;
	}
	while (!is_left && (file = next_name(r, d, place == QUEUE_LATER ? "later/" : "wait/", name)) != NULL) {
		const struct lane *l = lane_key != NULL ? lane_by_key(r, lane_key) : NULL;

		if (!is_message(file))
			continue;
		if (!has_room(r) || (l != NULL && lane_is_full(l))) {
			is_left = true;
			break;
		}
		snprintf(path, sizeof path, "%s/%s", name, file);
		if (!take(r, parent, path))
			scan_note_trouble(r);
	}
	closedir(d);
	if (!is_left)
		unlinkat(parent, name, AT_REMOVEDIR);	/* not empty again: next time */
	return is_left;
}

static bool
slot_number(int64_t *t, const char *name)
{
	char *end;

	errno = 0;
	*t = strtoll(name, &end, 10);
	return errno == 0 && end != name && *end == '\0' && *t >= 0 && *t < INT64_MAX / QUEUE_SLOT_SECONDS;
}

/* The calendar: what is due is taken, and when the next slot comes is noted. */
static void
scan_later(struct runner *r)
{
	const char *const later = queue_place_names[QUEUE_LATER];
	DIR *d = open_names(r->queue.top, later);
	int64_t now = time(NULL) / QUEUE_SLOT_SECONDS, t, next = INT64_MAX;
	const char *name;

	r->next_slot_due = INT64_MAX;	/* shelving while we look may lower it */
	if (d == NULL) {
		complain_of_names(r, "", later);
		return;
	}
	while ((name = next_name(r, d, "", later)) != NULL) {
		if (!slot_number(&t, name))
			continue;
		if (t > now && t <= now + SLOTS_AHEAD_MAX) {
			if (t * QUEUE_SLOT_SECONDS < next)
				next = t * QUEUE_SLOT_SECONDS;
		} else if (take_from(r, QUEUE_LATER, name, NULL)) {
			next = 0;
		}
	}
	closedir(d);
	if (next < r->next_slot_due)
		r->next_slot_due = next;
}

/* Messages parked for a destination that can take more now. */
static void
scan_wait(struct runner *r)
{
	const char *const wait = queue_place_names[QUEUE_WAIT];
	DIR *d = open_names(r->queue.top, wait);
	const char *name;

	r->wait_has_more = false;
	if (d == NULL) {
		complain_of_names(r, "", wait);
		return;
	}
	while ((name = next_name(r, d, "", wait)) != NULL) {
		if (name[0] == '.' || (pause_is_key(name) && !pause_is_over(r, name)))
			continue;
		if (!has_room(r) || !lane_wants_parked(r, name) || take_from(r, QUEUE_WAIT, name, name))
			r->wait_has_more = true;
		if (!has_room(r))
			r->must_look_at_wait = true;	/* no lane will say so: it is the window that was full */
	}
	closedir(d);
}

void
scan_take_due(struct runner *r)
{
	r->taken = 0;
	r->may_take = TAKEN_PER_TURN / 2;	/* the rest is for new mail, however much else is due */
	if (has_room(r) && (int64_t)time(NULL) >= r->next_slot_due)
		scan_later(r);
	if (has_room(r) && r->wait_has_more && r->must_look_at_wait) {
		r->must_look_at_wait = false;
		scan_wait(r);
	}
	r->may_take = TAKEN_PER_TURN;
	if (has_room(r) && (r->must_rescan || r->new_has_more)) {
		r->must_rescan = false;
		scan_new(r);
	}
}

bool
scan_has_more(const struct runner *r)
{
	return r->must_rescan || r->new_has_more || r->wait_has_more || (int64_t)time(NULL) >= r->next_slot_due;
}

bool
scan_can_go_on(const struct runner *r)
{
	return has_window(r) && (r->must_rescan || r->new_has_more || (r->wait_has_more && r->must_look_at_wait) ||
	    (int64_t)time(NULL) >= r->next_slot_due);
}

void
scan_look_everywhere(struct runner *r)
{
	r->has_trouble = false;
	r->must_rescan = r->wait_has_more = r->must_look_at_wait = true;
	r->next_slot_due = 0;
	scan_recover(r);
}

/* ---- recovery ---- */

/* The first time at once, then after one slot, two, four; then it is held. It
 * is moved first: what cannot be moved was not recovered. */
static void
recover(struct runner *r, const char *name)
{
	struct queue_file f;
	enum queue_read found = queue_file_open(&f, r->queue.place[QUEUE_CUR], name, O_RDWR);
	int64_t now = time(NULL);
	bool is_moved;
	unsigned n;

	if (found != QUEUE_READ_OK) {
		message_put_away(r, found, name);
		return;
	}
	n = f.recovered + 1;
	if (n >= RECOVERIES_MAX)
		is_moved = renameat(r->queue.place[QUEUE_CUR], name, r->queue.place[QUEUE_HOLD], name) == 0;
	else
		is_moved = message_shelve(r, name, n < 2 ? now : now + ((int64_t)QUEUE_SLOT_SECONDS << (n - 2)));
	if (!is_moved) {
		log_line("%s: stays in cur/: %s", name, strerror(errno));
		scan_note_trouble(r);
	} else if (!queue_file_note_recovered(&f, now)) {
		log_line("%s: its recovery cannot be recorded: %s", name, strerror(errno));
	}
	if (is_moved && n >= RECOVERIES_MAX)
		log_line("%.*s: queue-run died %u times with it in its hands: moved to hold/", (int)strcspn(name, ","),
		    name, n);
	queue_file_close(&f);
}

static bool
is_in_window(const struct runner *r, const char *name)
{
	for (const struct message *m = r->messages; m != NULL; m = m->next)
		if (strcmp(m->file.name, name) == 0)
			return true;
	return false;
}

/* What a dead runner had in its hands. While a child of its lives, cur/ is left alone. */
void
scan_recover(struct runner *r)
{
	const char *const cur = queue_place_names[QUEUE_CUR];
	bool had_orphans = r->cur_has_orphans;
	const char *name;
	DIR *d;

	r->cur_has_orphans = spawner_has_orphans(r);
	if (r->cur_has_orphans)
		return;
	if (had_orphans)
		r->next_touch = STAMP;	/* what was asked of them comes before their next attempt */
	d = open_names(r->queue.top, cur);
	if (d == NULL) {
		complain_of_names(r, "", cur);
		return;
	}
	while ((name = next_name(r, d, "", cur)) != NULL)
		if (is_message(name) && !is_in_window(r, name))
			recover(r, name);
	closedir(d);
}

/* A draft without writer was never acknowledged. One that is linked in new/ already is adopted there. */
static void
sweep(const struct runner *r, const char *name)
{
	int tmp = r->queue.place[QUEUE_TMP];
	int fd = openat(tmp, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    unlinkat(tmp, name, 0) == 0)
		log_line("%s: a draft without writer, never acknowledged: swept", name);
	fd_close(fd);
}

void
scan_sweep_drafts(struct runner *r)
{
	DIR *d = open_names(r->queue.top, queue_place_names[QUEUE_TMP]);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			sweep(r, e->d_name);
	closedir(d);
}
