/* message: one message from being taken up to leaving the window.
 *
 * An attempt decides about every pending recipient, waits for the jobs this
 * started, reports what has failed, and then removes the file or puts it back
 * into the calendar. Whatever cannot be done now leaves the message where it
 * is. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/log.h"

struct queue_recipient *
message_recipient(const struct message *m, size_t i)
{
	return queue_file_recipient(&m->file, i);
}

size_t
message_count(const struct message *m)
{
	return queue_file_count(&m->file);
}

static enum progress
progress(const struct message *m, size_t i)
{
	return i < m->progress.len ? (enum progress)m->progress.s[i] : PROGRESS_NONE;
}

void
message_set_progress(struct message *m, size_t i, enum progress p)
{
	m->progress.s[i] = (char)p;
}

void
message_park(struct message *m, size_t i, const char *key)
{
	if (m->parked == NULL)
		m->parked = strdup(key);
	message_set_progress(m, i, m->parked != NULL ? PROGRESS_PARKED : PROGRESS_OVER);
}

/* Gives every recipient, new children too, its place in `progress`. */
static bool
grow_progress(struct message *m)
{
	size_t n = message_count(m);

	if (!stralloc_ready(&m->progress, n))
		return false;
	while (m->progress.len < n)
		m->progress.s[m->progress.len++] = PROGRESS_NONE;
	return true;
}

size_t
message_root(const struct message *m, size_t i)
{
	while (message_recipient(m, i)->parent != RECIPIENT_NO_PARENT)
		i = (size_t)message_recipient(m, i)->parent;
	return i;
}

const char *
message_reverse_path(const struct message *m, size_t i)
{
	const char *own = message_recipient(m, i)->reverse_path;

	return own != NULL ? own : m->file.envelope.reverse_path;
}

static bool
is_one_of_many(const struct message *m, size_t i)
{
	const struct queue_link *l = genalloc_s(struct queue_link, &m->file.links);
	size_t nlinks = genalloc_len(struct queue_link, &m->file.links);

	for (long p = message_recipient(m, i)->parent; p != RECIPIENT_NO_PARENT; p = message_recipient(m, (size_t)p)->parent) {
		size_t n = 0;

		for (size_t k = 0; k < nlinks; k++)
			n += l[k].parent == (size_t)p;
		if (n > 1)
			return true;
	}
	return false;
}

const char *
message_notify(const struct message *m, size_t i, char letters[NOTIFY_MAX + 1])
{
	const char *notify = message_recipient(m, i)->notify;
	size_t n = 0;

	if (strchr(notify, 's') == NULL || !is_one_of_many(m, i))
		return notify;
	for (; *notify != '\0' && n < NOTIFY_MAX; notify++)
		if (*notify != 's')
			letters[n++] = *notify;
	letters[n] = '\0';
	return n > 0 ? letters : "never";	/* nothing would mean failure and delay */
}

/* Removes a message from the window; its file is where it should be. */
static void
leave_window(struct runner *r, struct message *m)
{
	if (m->previous != NULL)
		m->previous->next = m->next;
	else
		r->messages = m->next;
	if (m->next != NULL)
		m->next->previous = m->previous;
	r->nmessages--;
	queue_file_close(&m->file);
	stralloc_free(&m->progress);
	genalloc_free(size_t, &m->bounced);
	genalloc_free(struct success, &m->succeeded);
	feed_free(&m->bounce_feed);
	free((void *)(uintptr_t)m->parked);
	free(m);
}

bool
message_shelve(struct runner *r, const char *name, int64_t due)
{
	char slot[QUEUE_NAME_MAX + 32];
	int64_t now = time(NULL);
	int later = r->queue.place[QUEUE_LATER], cur = r->queue.place[QUEUE_CUR];
	int64_t t;

	if (due > now + RETRY_REMOTE_MAX)
		due = now + RETRY_REMOTE_MAX;	/* the clock was ahead when that was recorded */
	t = due <= now ? now / QUEUE_SLOT_SECONDS : (due + QUEUE_SLOT_SECONDS - 1) / QUEUE_SLOT_SECONDS;
	snprintf(slot, sizeof slot, "%lld", (long long)t);
	if (mkdirat(later, slot, 0700) == -1 && errno != EEXIST)
		return false;
	snprintf(slot, sizeof slot, "%lld/%s", (long long)t, name);
	if (renameat(cur, name, later, slot) == -1)
		return false;
	if (t * QUEUE_SLOT_SECONDS < r->next_slot_due)
		r->next_slot_due = t * QUEUE_SLOT_SECONDS;
	return true;
}

/* The n-th retry comes n*n times a base after the attempt, up to a maximum. */
static int64_t
interval(const struct message *m)
{
	int64_t n = m->file.attempts > 1000 ? 1000 : m->file.attempts == 0 ? 1 : m->file.attempts;
	int64_t base = m->is_remote ? RETRY_REMOTE_BASE : RETRY_LOCAL_BASE;
	int64_t max = m->is_remote ? RETRY_REMOTE_MAX : RETRY_LOCAL_MAX;

	return base * n * n < max ? base * n * n : max;
}

/* Puts the message back into the calendar; if that fails it stays in memory and is tried again. */
static void
shelve(struct runner *r, struct message *m)
{
	int64_t due = time(NULL) + (m->has_deferral ? interval(m) : 0);

	if (due < m->due_not_before)
		due = m->due_not_before;
	if (m->is_scheduled)
		due = 0;
	if (message_shelve(r, m->file.name, due)) {
		leave_window(r, m);
		return;
	}
	log_line("%s: cannot be put into later/: %s; kept in memory", m->id, strerror(errno));
	r->has_unrecorded = true;
}

/* Its destination has its share of the window: it waits outside. */
static void
park(struct runner *r, struct message *m)
{
	char path[QUEUE_NAME_MAX + 512];
	int wait = r->queue.place[QUEUE_WAIT];

	snprintf(path, sizeof path, "%s/%s", m->parked, m->file.name);
	if ((mkdirat(wait, m->parked, 0700) == -1 && errno != EEXIST) ||
	    renameat(r->queue.place[QUEUE_CUR], m->file.name, wait, path) == -1) {
		log_line("%s: cannot be put into wait/: %s", m->id, strerror(errno));
		shelve(r, m);
		return;
	}
	if (!pause_is_key(m->parked))
		r->wait_has_more = true;
	leave_window(r, m);
}

static void
remove_message(struct runner *r, struct message *m)
{
	if (unlinkat(r->queue.place[QUEUE_CUR], m->file.name, 0) == -1 && errno != ENOENT) {
		log_line("%s: is done, but cannot be removed: %s", m->id, strerror(errno));
		r->has_unrecorded = true;
		return;
	}
	leave_window(r, m);
}

/* Recipients whose destination was full may have their turn now. */
static void
unpark(struct runner *r, struct message *m)
{
	size_t n = message_count(m);

	if (m->parked == NULL || r->is_stopping || r->conf == NULL || !lane_wants_parked(r, m->parked))
		return;
	free((void *)(uintptr_t)m->parked);
	m->parked = NULL;
	m->first_undecided = 0;
	for (size_t i = 0; i < n; i++)
		if (progress(m, i) == PROGRESS_PARKED)
			message_set_progress(m, i, PROGRESS_NONE);
}

/* The operator wants it to rest. */
static void
hold(struct runner *r, struct message *m)
{
	if (renameat(r->queue.place[QUEUE_CUR], m->file.name, r->queue.place[QUEUE_HOLD], m->file.name) == 0) {
		log_line("%s: paused by administrator", m->id);
		leave_window(r, m);
		return;
	}
	log_line("%s: cannot be put into hold/: %s", m->id, strerror(errno));
	m->is_held = false;
	shelve(r, m);
}

/* Every recipient has had its attempt. */
static void
settle(struct runner *r, struct message *m)
{
	if (!m->is_bounce_tried && report_start(r, m))
		return;
	if (queue_file_is_finished(&m->file))
		remove_message(r, m);
	else if (m->is_held)
		hold(r, m);
	else if (m->parked != NULL)
		park(r, m);
	else
		shelve(r, m);
}

/* The next recipient that has to be decided about; message_count(m) if there is none. */
static size_t
next_undecided(struct message *m)
{
	size_t n = message_count(m);

	for (; m->first_undecided < n; m->first_undecided++)
		if (message_recipient(m, m->first_undecided)->status == RECIPIENT_PENDING &&
		    progress(m, m->first_undecided) == PROGRESS_NONE)
			break;
	return m->first_undecided;
}

bool
message_is_to_rest(const struct runner *r, const struct message *m)
{
	return r->is_stopping || r->conf == NULL || m->is_held;
}

void
message_advance(struct runner *r, struct message *m)
{
	size_t i;

	if (m->unrecorded != NULL && !outcome_flush(r, m))
		return;		/* nothing further of it is started until that is on disk */
	if (m->running == 0)
		unpark(r, m);
	while (m->unrecorded == NULL && grow_progress(m) && (i = next_undecided(m)) < message_count(m)) {
		if (message_is_to_rest(r, m))
			message_set_progress(m, i, PROGRESS_OVER);
		else
			step_recipient(r, m, i);
	}
	if (m->unrecorded != NULL || m->running > 0 || m->bounce != 0)
		return;
	if (m->progress.len == message_count(m))
		settle(r, m);
	else
		r->has_unrecorded = true;	/* no memory for new recipients: again soon */
}

void
message_retry_records(struct runner *r)
{
	struct message *next;

	r->has_unrecorded = false;
	for (struct message *m = r->messages; m != NULL; m = next) {
		next = m->next;
		if (m->running == 0 || m->unrecorded != NULL)
			message_advance(r, m);
	}
}

/* The file was read whole and is wrong. */
static void
put_away_corrupt(struct runner *r, const char *name, const char *id)
{
	if (renameat(r->queue.place[QUEUE_CUR], name, r->queue.place[QUEUE_CORRUPT], name) == -1) {
		log_line("%s: is damaged and cannot be moved to corrupt/: %s", id, strerror(errno));
		scan_note_trouble(r);
		return;
	}
	log_line("%s: is damaged: moved to corrupt/%s for you to look at", id, name);
	report_to_postmaster(r, id, "was found damaged in the queue and moved to corrupt/");
}

/* A queue-run newer than we are wrote it. */
static void
leave_alone(struct runner *r, const char *name, const char *id)
{
	log_line("%s: has a format version that this queue-run does not know: left alone", id);
	if (renameat(r->queue.place[QUEUE_CUR], name, r->queue.place[QUEUE_NEW], name) == -1) {
		log_line("%s: cannot be moved back to new/: %s", id, strerror(errno));
		scan_note_trouble(r);
	}
	scan_ignore(r, name);
}

static void
try_later(struct runner *r, const char *name, const char *id)
{
	log_line("%s: cannot be read now: %s", id, strerror(errno));
	if (!message_shelve(r, name, (int64_t)time(NULL) + QUEUE_SLOT_SECONDS)) {
		log_line("%s: stays in cur/: %s", id, strerror(errno));
		scan_note_trouble(r);
	}
}

void
message_put_away(struct runner *r, enum queue_read found, const char *name)
{
	char id[QUEUE_ID_MAX + 1];
	uint64_t size;
	size_t id_len = 0;

	queue_name_parse(name, &size, &id_len);
	memcpy(id, name, id_len);
	id[id_len] = '\0';
	if (found == QUEUE_READ_CORRUPT)
		put_away_corrupt(r, name, id);
	else if (found == QUEUE_READ_NEWER)
		leave_alone(r, name, id);
	else
		try_later(r, name, id);
}

/* Into the window, and on with it. */
static void
begin(struct runner *r, struct message *m)
{
	memcpy(m->id, m->file.name, m->file.id_len);
	m->bounce_fd = -1;
	m->bounce_feed = (struct feed)FEED_ZERO;
	m->next = r->messages;
	if (r->messages != NULL)
		r->messages->previous = m;
	r->messages = m;
	r->nmessages++;
	message_advance(r, m);
}

bool
message_take(struct runner *r, int directory, const char *name)
{
	int cur = r->queue.place[QUEUE_CUR];
	struct message *m = calloc(1, sizeof *m);
	const char *base = strrchr(name, '/');
	enum queue_read found;

	if (m == NULL)
		return false;
	base = base != NULL ? base + 1 : name;
	if (renameat(directory, name, cur, base) == -1) {
		bool is_gone = errno == ENOENT;

		if (!is_gone)
			log_line("%s: cannot be moved to cur/: %s", base, strerror(errno));
		free(m);
		return is_gone;
	}
	found = queue_file_open(&m->file, cur, base, O_RDWR);
	if (found == QUEUE_READ_OK && r->is_after_reboot && m->file.created <= r->started) {
		found = queue_file_verify_text(&m->file);
		if (found != QUEUE_READ_OK)
			queue_file_close(&m->file);
	}
	if (found == QUEUE_READ_OK) {
		begin(r, m);
		return true;
	}
	message_put_away(r, found, base);
	free(m);
	return true;
}
