/* show_queue: see show_queue.h.
 *
 * One message at a time: names are not collected, and of a message only what
 * stands behind its text is read. */
#include "queue-run/show_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <skalibs/djbunix.h>

#include "lib/die.h"
#include "queue-run/selection.h"
#include "queue-run/walk.h"

struct show {
	const struct show_queue *what;
	struct selection selection;
	stralloc line;
	int64_t now;
	bool is_runner_there, has_begun;
	size_t messages, recipients, unreadable, corrupt;
	uint64_t octets;
};

bool
show_queue_belongs_to(const struct queue_file *f, uid_t user)
{
	return f->facts.origin == ORIGIN_LOCAL && f->facts.uid == user;
}

bool
show_queue_has_runner(const struct queue *q)
{
	struct flock mark = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(q->top, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool is_marked = fd != -1 && fcntl(fd, F_GETLK, &mark) == 0 && mark.l_type != F_UNLCK;

	if (fd != -1)
		fd_close(fd);
	return is_marked;
}

static void
print(struct show *s)
{
	if (fwrite(s->line.s, 1, s->line.len, stdout) != s->line.len || (!s->has_begun && fflush(stdout) == EOF))
		die_errno(EX_IOERR, "standard output");
	s->has_begun = true;
	s->line.len = 0;
}

static void
print_heading(struct show *s)
{
	if (s->messages > 0)
		return;
	if (!listing_append_heading(&s->line, s->what->form))
		die_errno(EX_OSERR, "the list");
	if (s->line.len > 0)
		print(s);
}

/* When it was taken up: the rename into cur/ is the last change of an untouched file. */
static int64_t
time_taken(const struct queue_file *f, enum queue_place place)
{
	struct stat st;

	return place == QUEUE_CUR && fstat(f->fd, &st) == 0 ? (int64_t)st.st_ctime : 0;
}

/* Keys that begin with 'p' are of what is switched off (pause.c). */
static bool
is_paused(const struct walk_entry *e)
{
	return e->place == QUEUE_WAIT && e->slot[0] == 'p';
}

static void
show_message(struct show *s, const struct queue_file *f, const struct walk_entry *e)
{
	struct listed m = {
		.file = f, .place = e->place, .now = s->now, .due = e->due, .taken = time_taken(f, e->place),
		.is_runner_there = s->is_runner_there, .is_paused = is_paused(e),
	};
	size_t n = queue_file_count(f), shown = 0;
	uint32_t expire;

	for (size_t i = 0; i < n; i++) {
		enum listing_agent agent;

		if (!listing_is_open(queue_file_recipient(f, i)) || !selection_has_recipient(&s->selection, i))
			continue;
		agent = agent_find(s->what->agent, f, i, &expire);
		print_heading(s);
		if (!listing_append(&s->line, s->what->form, &m, i, agent, f->created + (int64_t)expire))
			die_errno(EX_OSERR, "the list");
		print(s);
		s->messages += shown++ == 0;
	}
	s->recipients += shown;
	s->octets += shown > 0 ? f->text_size : 0;
}

/* What could not be opened: gone means that it has moved on meanwhile. */
static void
note_unreadable(struct show *s, const struct walk_entry *e, enum queue_read found)
{
	if (s->what->is_one_users || (found == QUEUE_READ_ERROR_LATER && errno == ENOENT))
		return;
	if (e->place == QUEUE_CORRUPT) {
		s->corrupt++;
		return;
	}
	s->unreadable++;
	complain("%s/%s: %s", queue_place_names[e->place], e->name,
	    found == QUEUE_READ_CORRUPT ? "is damaged" :
	    found == QUEUE_READ_NEWER ? "was written by a newer version" : strerror(errno));
}

static bool
show_entry(void *arg, const struct walk_entry *e)
{
	struct show *s = arg;
	struct queue_file f;
	enum queue_read found;

	if (!selection_has_name(&s->selection, e->name, e->id_len))
		return true;
	found = queue_file_open(&f, e->directory, e->name, O_RDONLY);
	if (found != QUEUE_READ_OK) {
		note_unreadable(s, e, found);
		return true;
	}
	if (!s->what->is_one_users || show_queue_belongs_to(&f, s->what->user))
		show_message(s, &f, e);
	queue_file_close(&f);
	return true;
}

static void
print_summary(struct show *s)
{
	char size[32];

	if (s->what->form == LISTING_TABLE && s->messages > 0)
		printf("%zu recipient%s in %zu message%s, %s\n", s->recipients, s->recipients == 1 ? "" : "s",
		    s->messages, s->messages == 1 ? "" : "s", listing_size(size, sizeof size, s->octets));
	else if (s->what->form == LISTING_TABLE && s->what->only[0] == '\0')
		printf("the queue is empty\n");
	if (s->corrupt > 0)
		complain("%zu damaged message%s in corrupt/: see queue(5)", s->corrupt, s->corrupt == 1 ? "" : "s");
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
}

int
show_queue(const struct show_queue *what)
{
	struct show s = { .what = what, .line = STRALLOC_ZERO, .now = time(NULL) };
	const char *where;

	if (!selection_parse(&s.selection, what->only))
		die(EX_USAGE, "%s: that is no queue id", what->only);
	s.is_runner_there = show_queue_has_runner(what->queue);
	if (!walk_queue(what->queue, WALK_ALL, show_entry, &s, &where))
		complain("%s/: %s", where, strerror(errno));
	print_summary(&s);
	stralloc_free(&s.line);
	return what->only[0] != '\0' && s.messages == 0 ? EX_NOINPUT : 0;
}
