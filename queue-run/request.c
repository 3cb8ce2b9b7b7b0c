/* request: see request.h. What requests say is in request_line.c.
 *
 * A message is moved by one rename or removed by one unlink; what fails leaves
 * it where it is, with a line in the log. */
#include "queue-run/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/address.h"
#include "lib/log.h"
#include "lib/stats.h"

/* ---- what is meant ---- */

static bool
is_at_domain(const struct queue_recipient *r, const char *domain)
{
	size_t len = strlen(r->text), at = address_find_at(r->text, len);

	return r->kind != RECIPIENT_OF_ALIAS && r->kind != RECIPIENT_OF_USER && at < len &&
	    strcasecmp(r->text + at + 1, domain) == 0;
}

/* Whether i is recipient n, or has come from it. */
static bool
descends_from(const struct queue_file *f, size_t i, size_t n)
{
	while (i != n) {
		long parent = queue_file_recipient(f, i)->parent;

		if (parent == RECIPIENT_NO_PARENT)
			return false;
		i = (size_t)parent;
	}
	return true;
}

bool
request_means(const struct request *r, const struct queue_file *f, size_t i)
{
	const struct queue_recipient *q = queue_file_recipient(f, i);

	if (q->status != RECIPIENT_PENDING && q->status != RECIPIENT_FAILED)
		return false;
	if (r->sender[0] != '\0')
		return strcasestr(f->envelope.reverse_path, r->sender) != NULL;
	if (r->domain[0] != '\0')
		return is_at_domain(q, r->domain);
	return !r->which.has_recipient || descends_from(f, i, r->which.recipient);
}

static size_t
count_meant(const struct request *r, const struct queue_file *f)
{
	size_t n = queue_file_count(f), meant = 0;

	for (size_t i = 0; i < n; i++)
		meant += request_means(r, f, i);
	return meant;
}

/* ---- finding ---- */

struct search {
	const struct request *request;
	request_each *each;
	void *arg;
};

/* Mail that is held is scheduled only where it is named. */
static unsigned
places_of(const struct request *r)
{
	bool is_named = r->which.id_len > 0;

	switch (r->verb) {
	case REQUEST_SCHEDULE:
		return is_named ? WALK_ALIVE : WALK_ALIVE & ~(1U << QUEUE_HOLD);
	case REQUEST_REMOVE:
		return is_named ? WALK_ALL : WALK_ALIVE;
	case REQUEST_PAUSE:
		return WALK_ALIVE & ~(1U << QUEUE_HOLD);
	case REQUEST_RESUME:
		break;
	}
	return 1U << QUEUE_HOLD;
}

/* All of it may be tried now, whatever it holds: that need not be read. */
static bool
must_read(const struct request *r)
{
	return r->verb != REQUEST_SCHEDULE || r->domain[0] != '\0' || r->sender[0] != '\0' || r->which.has_recipient;
}

static bool
look_at(void *arg, const struct walk_entry *e)
{
	struct search *s = arg;
	struct queue_file f;
	size_t meant = 1;

	if (!selection_has_name(&s->request->which, e->name, e->id_len))
		return true;
	if (must_read(s->request) && e->place != QUEUE_CORRUPT) {
		if (queue_file_open(&f, e->directory, e->name, O_RDONLY) != QUEUE_READ_OK)
			return true;
		meant = count_meant(s->request, &f);
		queue_file_close(&f);
	}
	return meant == 0 || s->each(s->arg, e, meant);
}

/* Splits "later/T/NAME" at its last slash, and tells the place. */
static bool
read_path(struct walk_entry *e, char directory[REQUEST_PATH_MAX + 1], const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path), first = strcspn(path, "/");

	if (slash == NULL || len > REQUEST_PATH_MAX || !queue_name_parse(slash + 1, &e->size, &e->id_len))
		return false;
	memcpy(directory, path, len);
	directory[len] = '\0';
	e->name = slash + 1;
	e->slot = len > first ? directory + first + 1 : "";
	for (e->place = QUEUE_NEW; e->place <= QUEUE_CORRUPT; e->place++)
		if (strlen(queue_place_names[e->place]) == first && memcmp(queue_place_names[e->place], path, first) == 0)
			return true;
	return false;
}

/* Whether the message is in that directory; if so it is looked at. */
static bool
try_directory(const struct queue *q, struct search *s, struct walk_entry *e, const char *directory)
{
	int fd = openat(q->top, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_there = fd != -1 && faccessat(fd, e->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	if (is_there) {
		e->directory = fd;
		look_at(s, e);
	}
	if (fd != -1)
		fd_close(fd);
	return is_there;
}

/* "Removed" has been said already, or "paused": then it is found wherever its attempt has left it. */
static bool
must_be_found(const struct request *r)
{
	return r->verb == REQUEST_REMOVE || r->verb == REQUEST_PAUSE;
}

/* Where it was seen, or where it may have got since. */
static void
find_by_path(const struct queue *q, struct search *s)
{
	static const enum queue_place others[] = { QUEUE_CUR, QUEUE_NEW, QUEUE_HOLD };
	struct walk_entry e = { .slot = "" };
	char directory[REQUEST_PATH_MAX + 1], waiting[WALK_DIRECTORY_MAX + 1];

	if (!read_path(&e, directory, s->request->path) || try_directory(q, s, &e, directory))
		return;
	e.slot = "";
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		e.place = others[i];
		if (try_directory(q, s, &e, queue_place_names[e.place]))
			return;
	}
	if (must_be_found(s->request) && walk_find_waiting(q, &e, waiting))
		try_directory(q, s, &e, waiting);
}

bool
request_find(const struct queue *q, const struct request *r, request_each *each, void *arg, const char **what)
{
	struct search s = { .request = r, .each = each, .arg = arg };

	if (r->path[0] != '\0') {
		find_by_path(q, &s);
		return true;
	}
	return walk_queue(q, places_of(r), look_at, &s, what);
}

/* ---- performing ---- */

struct action {
	const struct queue *queue;
	const struct request *request;
	const struct request_runner *runner;
	struct request_result *result;
	int64_t free_slot;	/* all of later/ is asked for: the next slot that may be free */
	char moved[32];		/* ... and the slot that was moved there last */
};

static void
note_failure(struct action *a, const struct walk_entry *e, const char *what)
{
	log_line("%.*s: cannot be %s: %s", (int)e->id_len, e->name, what, strerror(errno));
	a->result->failed++;
}

/* Into the slot that is due now. */
static void
make_due(struct action *a, const struct walk_entry *e)
{
	char path[QUEUE_NAME_MAX + 64];
	int64_t slot = (int64_t)time(NULL) / QUEUE_SLOT_SECONDS;

	snprintf(path, sizeof path, "later/%lld", (long long)slot);
	if (mkdirat(a->queue->top, path, 0700) == -1 && errno != EEXIST) {
		note_failure(a, e, "put into later/");
		return;
	}
	snprintf(path, sizeof path, "later/%lld/%s", (long long)slot, e->name);
	if (renameat(e->directory, e->name, a->queue->top, path) == -1)
		note_failure(a, e, "put into later/");
}

/* A file that still has its name in tmp/ belongs to its writer, who may take it back. */
static bool
is_being_written(const struct walk_entry *e)
{
	struct stat st;

	return e->place == QUEUE_NEW && fstatat(e->directory, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1;
}

static void
schedule(struct action *a, const struct walk_entry *e)
{
	if (e->place == QUEUE_HOLD || (e->place == QUEUE_LATER && (e->due == 0 || e->due > (int64_t)time(NULL))))
		make_due(a, e);
}

static void
hold(struct action *a, const struct walk_entry *e)
{
	char path[QUEUE_NAME_MAX + 16];

	snprintf(path, sizeof path, "hold/%s", e->name);
	if (e->place == QUEUE_CORRUPT)
		return;
	if (renameat(e->directory, e->name, a->queue->top, path) == -1)
		note_failure(a, e, "put into hold/");
	else
		log_line("%.*s: paused by administrator", (int)e->id_len, e->name);
}

static void
log_removal(const struct queue_file *f, size_t i)
{
	long long delay = (long long)time(NULL) - (long long)f->created;

	log_line("%.*s.%zu: to=<%s>, delay=%lld, stat=Removed by administrator", (int)f->id_len, f->name, i,
	    queue_file_recipient(f, i)->text, delay < 0 ? 0 : delay);
	stats_add(STATS_QUEUE_REMOVED, 1);
}

bool
request_remove_open(struct queue_file *f, const struct request *r)
{
	size_t n = queue_file_count(f);

	for (size_t i = 0; i < n; i++) {
		if (!request_means(r, f, i))
			continue;
		if (!queue_file_set_status(f, i, RECIPIENT_DISCARDED))
			return false;
		log_removal(f, i);
	}
	return true;
}

static void
remove_damaged(struct action *a, const struct walk_entry *e)
{
	if (unlinkat(e->directory, e->name, 0) == -1)
		note_failure(a, e, "removed");
	else
		log_line("%.*s: damaged, removed by administrator", (int)e->id_len, e->name);
}

static void
remove_message(struct action *a, const struct walk_entry *e)
{
	struct queue_file f;

	if (e->place == QUEUE_CORRUPT) {
		remove_damaged(a, e);
		return;
	}
	if (queue_file_open(&f, e->directory, e->name, O_RDWR) != QUEUE_READ_OK) {
		note_failure(a, e, "read");
		return;
	}
	if (!request_remove_open(&f, a->request) ||
	    (queue_file_is_finished(&f) && unlinkat(e->directory, e->name, 0) == -1))
		note_failure(a, e, "removed");
	queue_file_close(&f);
}

static bool
act(void *arg, const struct walk_entry *e, size_t recipients)
{
	struct action *a = arg;
	const struct request_runner *runner = a->runner;

	a->result->messages++;
	a->result->recipients += recipients;
	if (e->place == QUEUE_CUR) {
		if (runner == NULL || !runner->take(runner->arg, a->request, e->name))
			a->result->busy++;
		return true;
	}
	if (is_being_written(e) && a->request->verb != REQUEST_SCHEDULE) {
		a->result->busy++;
		return true;
	}
	switch (a->request->verb) {
	case REQUEST_SCHEDULE:
		schedule(a, e);
		break;
	case REQUEST_REMOVE:
		remove_message(a, e);
		break;
	case REQUEST_PAUSE:
		hold(a, e);
		break;
	case REQUEST_RESUME:
		make_due(a, e);
		break;
	}
	return true;
}

/* Moves later/name to a slot that is due and free: one rename, however many messages wait there. */
static bool
move_slot(struct action *a, const char *name)
{
	char from[64], to[64];

	snprintf(from, sizeof from, "later/%s", name);
	for (; a->free_slot > 0; a->free_slot--) {
		snprintf(to, sizeof to, "later/%lld", (long long)a->free_slot);
		if (renameat(a->queue->top, from, a->queue->top, to) == 0)
			return true;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return false;
}

/* All messages: a slot moves as a whole when its first message is reached. */
static bool
act_on_all(void *arg, const struct walk_entry *e, size_t recipients)
{
	struct action *a = arg;

	if (e->place != QUEUE_LATER || e->due <= (int64_t)time(NULL))
		return act(arg, e, recipients);
	a->result->messages++;
	a->result->recipients += recipients;
	if (strcmp(a->moved, e->slot) == 0)
		return true;
	snprintf(a->moved, sizeof a->moved, "%s", e->slot);
	if (!move_slot(a, e->slot))
		note_failure(a, e, "made due");
	return true;
}

void
request_perform(const struct queue *q, const struct request *r, const struct request_runner *runner,
    struct request_result *result)
{
	struct action a = {
		.queue = q, .request = r, .runner = runner, .result = result,
		.free_slot = (int64_t)time(NULL) / QUEUE_SLOT_SECONDS,
	};
	bool is_all = r->verb == REQUEST_SCHEDULE && request_is_for_all(r);
	const char *what = "";

	*result = (struct request_result){ .messages = 0 };
	if (!request_find(q, r, is_all ? act_on_all : act, &a, &what)) {
		log_line("%s/ cannot be read: %s", what, strerror(errno));
		result->failed++;
	}
	/* "now" means now, dead hosts or not: a runner sees to that itself, the next one looks here. */
	if (runner == NULL && r->verb == REQUEST_SCHEDULE && result->messages > 0)
		unlinkat(q->top, "control/hosts", 0);
}

/* ---- control/ ---- */

/* *is_done: nothing of it is left to be done. */
static size_t
perform_lines(const struct queue *q, const struct request_runner *runner, const char *name, const stralloc *text,
    bool *is_done)
{
	struct request_result result;
	struct request r;
	size_t found = 0, len;

	*is_done = true;
	for (size_t at = 0; at < text->len; at += len + 1) {
		const char *lf = memchr(text->s + at, '\n', text->len - at);

		len = lf != NULL ? (size_t)(lf - text->s) - at : text->len - at;
		if (!request_parse(&r, text->s + at, len)) {
			log_line("control/%s: this is no request: %.*s", name, (int)(len < 200 ? len : 200), text->s + at);
			continue;
		}
		request_perform(q, &r, runner, &result);
		found += result.messages - result.busy;
		*is_done = *is_done && (result.busy == 0 || !must_be_found(&r));
	}
	return found;
}

/* Fails with errno; EFBIG: it is longer than any request. */
static bool
read_request(int directory, const char *name, stralloc *text)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;

	text->len = 0;
	if (fd == -1)
		return false;
	while (text->len <= REQUEST_FILE_MAX && stralloc_readyplus(text, 65536) &&
	    (n = read(fd, text->s + text->len, 65536)) > 0)
		text->len += (size_t)n;
	if (text->len > REQUEST_FILE_MAX)
		errno = EFBIG;
	fd_close(fd);
	return n == 0;
}

/* What passes is no answer. */
static bool
is_passing(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE || error == EIO || error == EINTR;
}

/* Performs one file. Returns how many messages were found. */
static size_t
take_file(const struct queue *q, const struct request_runner *runner, int directory, const char *name, stralloc *text)
{
	bool is_done;
	size_t found = 0;

	if (read_request(directory, name, text)) {
		found = perform_lines(q, runner, name, text, &is_done);
	} else {
		is_done = !is_passing(errno);
		log_line("control/%s cannot be read: %s", name, strerror(errno));
	}
	if (is_done)
		unlinkat(directory, name, 0);
	return found;
}

size_t
request_take_all(const struct queue *q, const struct request_runner *runner)
{
	int fd = openat(q->top, queue_place_names[QUEUE_CONTROL], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	stralloc text = STRALLOC_ZERO;
	const struct dirent *e;
	size_t found = 0;

	if (d == NULL) {
		log_line("control/ cannot be read: %s", strerror(errno));
		if (fd != -1)
			fd_close(fd);
		return 0;
	}
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "req.", 4) == 0)
			found += take_file(q, runner, fd, e->d_name, &text);
	closedir(d);
	stralloc_free(&text);
	return found;
}
