/* operate: see operate.h.
 *
 * Only the holder of `lock` moves or removes messages. Where a runner holds it,
 * requests go to control/ in files of REQUEST_LINES_MAX lines, the next one when
 * the last one was taken up: the runner's loop is never held up for long, and
 * nothing grows with the queue. */
#include "queue-run/operate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/die.h"
#include "queue-run/show_queue.h"

enum { POLL_MS = 10 };

/* Requests on their way to the runner. */
struct batch {
	const struct queue *queue;
	const struct request *request;
	struct operate_result *result;
	stralloc lines;
	size_t nlines;
	unsigned serial;
	bool is_for_later;	/* nobody is there to take it up now */
	bool may_stand_in;
	enum operate_outcome outcome;
};

/* ---- the lock ---- */

static int
open_lock(const struct queue *q)
{
	return openat(q->top, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- a request for the runner ---- */

/* Writes control/name whole, or not at all. */
static bool
leave_file(const struct queue *q, const char *name, const stralloc *text)
{
	int control = q->place[QUEUE_CONTROL];
	char draft[96];
	int fd;
	bool is_left;

	snprintf(draft, sizeof draft, ".tmp.%s", name);
	fd = openat(control, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return false;
	is_left = write(fd, text->s, text->len) == (ssize_t)text->len && renameat(control, draft, control, name) == 0;
	if (!is_left) {
		int e = errno;

		unlinkat(control, draft, 0);
		errno = e;
	}
	fd_close(fd);
	return is_left;
}

static bool
is_taken(const struct queue *q, const char *name)
{
	return faccessat(q->place[QUEUE_CONTROL], name, F_OK, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT;
}

/* The runner may have ended meanwhile: then what it left is done here. */
static void
stand_in(const struct queue *q)
{
	int fd = open_lock(q);

	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		request_take_all(q, NULL);
	if (fd != -1)
		fd_close(fd);
}

/* Hands the lines over and waits until they were taken up. */
static enum operate_outcome
hand_over(struct batch *b)
{
	char name[64];
	time_t end = time(NULL) + OPERATE_SECONDS;

	if (b->nlines == 0)
		return OPERATE_DONE;
	snprintf(name, sizeof name, "req.%lld.%ld.%u", (long long)time(NULL), (long)getpid(), b->serial++);
	if (!leave_file(b->queue, name, &b->lines)) {
		complain("control/%s: %s", name, strerror(errno));
		return OPERATE_FAILED;
	}
	b->lines.len = 0;
	b->nlines = 0;
	if (b->is_for_later)
		return OPERATE_DONE;
	queue_pull_trigger(b->queue);
	for (;;) {
		poll(NULL, 0, POLL_MS);
		if (is_taken(b->queue, name))
			return OPERATE_DONE;
		if (b->may_stand_in)
			stand_in(b->queue);
		if (time(NULL) >= end)
			break;
	}
	return unlinkat(b->queue->place[QUEUE_CONTROL], name, 0) == 0 ? OPERATE_SILENCE : OPERATE_DONE;
}

static bool
add_line(void *arg, const struct walk_entry *e, size_t recipients)
{
	struct batch *b = arg;
	struct request one = { .verb = b->request->verb };

	b->result->messages++;
	b->result->recipients += recipients;
	memcpy(one.which.id, e->name, e->id_len);
	one.which.id_len = e->id_len;
	one.which.has_recipient = b->request->which.has_recipient;
	one.which.recipient = b->request->which.recipient;
	memcpy(one.domain, b->request->domain, sizeof one.domain);
	if ((size_t)snprintf(one.path, sizeof one.path, "%s/%s%s%s", queue_place_names[e->place], e->slot,
	    *e->slot != '\0' ? "/" : "", e->name) >= sizeof one.path || !request_append(&b->lines, &one)) {
		b->outcome = OPERATE_FAILED;
		return false;
	}
	if (++b->nlines == REQUEST_LINES_MAX)
		b->outcome = hand_over(b);
	return b->outcome == OPERATE_DONE;
}

static bool
count_only(void *arg, const struct walk_entry *e, size_t recipients)
{
	struct operate_result *result = arg;

	(void)e;
	result->messages++;
	result->recipients += recipients;
	return true;
}

static bool
is_everything(const struct request *r)
{
	return r->verb == REQUEST_SCHEDULE && request_is_for_all(r);
}

static enum operate_outcome
ask_runner(const struct queue *q, const struct request *r, struct operate_result *result)
{
	struct batch b = {
		.queue = q, .request = r, .result = result, .lines = STRALLOC_ZERO, .may_stand_in = true,
		.outcome = OPERATE_DONE,
	};
	const char *what = "";

	if (!request_find(q, r, is_everything(r) ? count_only : add_line, is_everything(r) ? (void *)result : &b, &what)) {
		complain("%s/: %s", what, strerror(errno));
		b.outcome = OPERATE_FAILED;
	}
	if (is_everything(r) && result->messages > 0) {
		b.outcome = request_append(&b.lines, r) ? OPERATE_DONE : OPERATE_FAILED;
		b.nlines = 1;
	}
	if (b.outcome == OPERATE_DONE)
		b.outcome = hand_over(&b);
	stralloc_free(&b.lines);
	return b.outcome;
}

/* ---- here ---- */

static bool
add_line_of_cur(void *arg, const struct walk_entry *e, size_t recipients)
{
	return e->place != QUEUE_CUR || add_line(arg, e, recipients);
}

/* What a dead runner has left in cur/ may still be worked on by its children: the next runner sees to it. One
 * line for each message, since mail that comes later is not meant. */
static enum operate_outcome
leave_to_next_runner(const struct queue *q, const struct request *r)
{
	struct operate_result ignored = { .messages = 0 };
	struct batch b = {
		.queue = q, .request = r, .result = &ignored, .lines = STRALLOC_ZERO, .is_for_later = true,
		.outcome = OPERATE_DONE,
	};
	enum operate_outcome outcome = OPERATE_FAILED;

	if (request_find(q, r, add_line_of_cur, &b, NULL) && b.outcome == OPERATE_DONE)
		outcome = hand_over(&b);
	stralloc_free(&b.lines);
	return outcome;
}

static enum operate_outcome
perform_here(const struct queue *q, const struct request *r, struct operate_result *result)
{
	struct request_result here;

	request_take_all(q, NULL);	/* what somebody has asked before comes first */
	request_perform(q, r, NULL, &here);
	result->messages = here.messages;
	result->recipients = here.recipients;
	result->was_performed_here = true;
	if (here.failed > 0) {
		complain("%zu message%s could not be touched: see the log", here.failed, here.failed == 1 ? "" : "s");
		return OPERATE_FAILED;
	}
	/* A removal is to outlive a loss of power, as an acceptance does. */
	if (here.messages > 0 && syncfs(q->top) == -1)
		complain("%s: %s", q->path, strerror(errno));
	if (here.busy == 0 || r->verb == REQUEST_SCHEDULE)
		return OPERATE_DONE;
	result->left = here.busy;
	return leave_to_next_runner(q, r);
}

/* ---- both ---- */

struct count {
	size_t n;
	char id[QUEUE_ID_MAX + 1];
	size_t id_len;
	const struct selection *selection;
};

static bool
count_name(void *arg, const struct walk_entry *e)
{
	struct count *c = arg;

	if (!selection_has_name(c->selection, e->name, e->id_len) ||
	    (c->n > 0 && c->id_len == e->id_len && memcmp(c->id, e->name, e->id_len) == 0))
		return true;
	c->n++;
	c->id_len = e->id_len;
	memcpy(c->id, e->name, e->id_len);
	return c->n < 2;
}

/* Makes the beginning of an id the id of the one message that has it. */
static enum operate_outcome
complete_id(const struct queue *q, struct request *r)
{
	struct count c = { .selection = &r->which };

	if (r->which.id_len == 0 || selection_is_whole_id(&r->which))
		return OPERATE_DONE;
	walk_queue(q, WALK_ALL, count_name, &c, NULL);
	if (c.n != 1)
		return c.n == 0 ? OPERATE_NOTHING : OPERATE_AMBIGUOUS;
	memcpy(r->which.id, c.id, c.id_len);
	r->which.id_len = c.id_len;
	return OPERATE_DONE;
}

enum operate_outcome
operate_without_lock(const struct queue *q, struct request *r, struct operate_result *result)
{
	struct batch b = {
		.queue = q, .request = r, .result = result, .lines = STRALLOC_ZERO, .outcome = OPERATE_DONE,
		.is_for_later = !show_queue_has_runner(q),
	};

	*result = (struct operate_result){ .messages = 0 };
	request_find(q, r, add_line, &b, NULL);
	if (b.outcome == OPERATE_DONE)
		b.outcome = hand_over(&b);
	if (b.is_for_later)
		result->left = result->messages;
	stralloc_free(&b.lines);
	return b.outcome == OPERATE_DONE && result->messages == 0 ? OPERATE_NOTHING : b.outcome;
}

enum operate_outcome
operate(const struct queue *q, struct request *r, struct operate_result *result)
{
	enum operate_outcome outcome = complete_id(q, r);
	int fd;

	*result = (struct operate_result){ .messages = 0 };
	if (outcome != OPERATE_DONE)
		return outcome;
	fd = open_lock(q);
	if (fd == -1) {
		complain("%s/lock: %s", q->path, strerror(errno));
		return OPERATE_FAILED;
	}
	outcome = flock(fd, LOCK_EX | LOCK_NB) == 0 ? perform_here(q, r, result) : ask_runner(q, r, result);
	fd_close(fd);
	if (result->was_performed_here)
		queue_pull_trigger(q);	/* a runner that starts just now */
	return outcome == OPERATE_DONE && result->messages == 0 ? OPERATE_NOTHING : outcome;
}
