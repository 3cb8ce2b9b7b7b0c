/* ctl_queue: looking at the queue and at what is in it. See ctl.h. */
#include "queue-run/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/die.h"
#include "lib/printable.h"
#include "queue-run/selection.h"
#include "queue-run/show_queue.h"
#include "queue-run/walk.h"

enum { BLOCK = 65536 };

/* ---- show queue ---- */

static const char queue_usage[] = "show queue [-l | -m] [ID]";

/* On a terminal a table, otherwise what programs expect. */
static enum listing_form
read_form(const char *const **args)
{
	enum listing_form form = isatty(1) ? LISTING_TABLE : LISTING_SEED;

	for (; **args != NULL && (**args)[0] == '-'; ++*args) {
		if (strcmp(**args, "-m") == 0)
			form = LISTING_SEED;
		else if (strcmp(**args, "-l") == 0)
			form = LISTING_LONG;
		else if (strcmp(**args, "-t") == 0)
			form = LISTING_TABLE;
		else
			ctl_usage(queue_usage);
	}
	return form;
}

int
ctl_show_queue(struct ctl *c, const char *const *args)
{
	const char *const *all = args;
	static const char *const none[] = { NULL };
	struct agent agent;
	struct show_queue show = { .queue = &c->queue, .agent = &agent, .form = read_form(&args), .only = "" };
	int status;

	if (*args != NULL)
		show.only = *args++;
	if (*args != NULL)
		ctl_usage(queue_usage);
	if (!ctl_open_queue(c))
		ctl_become("queue-peek", "queue-peek", none, all);	/* one's own mail, for everybody */
	agent_open(&agent, c->conf, true);
	status = show_queue(&show);
	agent_close(&agent);
	if (status == EX_NOINPUT)
		complain("%s: no such message", show.only);
	return status == 0 ? 0 : CTL_FAILED;
}

/* ---- one message ---- */

/* A message that was looked for: open, and where it is. */
struct found {
	struct selection selection;
	size_t n;
	enum queue_read read;
	int error;
	struct queue_file file;
	char where[QUEUE_NAME_MAX + 512];
};

static bool
open_found(void *arg, const struct walk_entry *e)
{
	struct found *f = arg;

	if (!selection_has_name(&f->selection, e->name, e->id_len))
		return true;
	if (f->n > 0 && f->read == QUEUE_READ_OK)
		queue_file_close(&f->file);
	/* One that has moved meanwhile is met twice. */
	f->n += f->n == 0 || strcmp(strrchr(f->where, '/') + 1, e->name) != 0;
	f->read = queue_file_open(&f->file, e->directory, e->name, O_RDONLY);
	f->error = errno;
	snprintf(f->where, sizeof f->where, "%s/%s%s%s", queue_place_names[e->place], e->slot,
	    *e->slot != '\0' ? "/" : "", e->name);
	return true;
}

/* The one message that is meant, or death. */
static void
need_message(struct ctl *c, struct found *f, const char *const *args, const char *usage)
{
	if (args[0] == NULL || args[1] != NULL)
		ctl_usage(usage);
	*f = (struct found){ .n = 0 };
	if (!selection_parse(&f->selection, args[0]) || f->selection.id_len == 0)
		die(EX_USAGE, "%s: that is no queue id", args[0]);
	ctl_need_queue(c);
	walk_queue(&c->queue, WALK_ALL, open_found, f, NULL);
	if (f->n == 0)
		die(CTL_FAILED, "%s: no such message", args[0]);
	if (f->n > 1)
		die(CTL_FAILED, "%s: %zu messages begin with that", args[0], f->n);
	errno = f->error;
	if (f->read == QUEUE_READ_ERROR_LATER)
		die_errno(CTL_FAILED, "%s/%s", c->spool, f->where);
	if (f->read == QUEUE_READ_NEWER)
		die(CTL_FAILED, "%s/%s: was written by a newer version", c->spool, f->where);
}

/* The text alone; of a damaged file too: that is when one wants to see it. */
static void
copy_text(struct ctl *c, const struct found *f)
{
	char block[BLOCK];
	int fd = openat(c->queue.top, f->where, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint64_t size = 0, at = 0;
	size_t id_len;

	queue_name_parse(strrchr(f->where, '/') + 1, &size, &id_len);
	if (fd == -1)
		die_errno(CTL_FAILED, "%s/%s", c->spool, f->where);
	while (at < size) {
		ssize_t n = pread(fd, block, size - at < BLOCK ? (size_t)(size - at) : BLOCK, (off_t)at);

		if (n == -1)
			die_errno(CTL_FAILED, "%s/%s", c->spool, f->where);
		if (n == 0)
			die(CTL_FAILED, "%s/%s: ends too early", c->spool, f->where);
		if (fwrite(block, 1, (size_t)n, stdout) != (size_t)n)
			die_errno(EX_IOERR, "standard output");
		at += (uint64_t)n;
	}
	fd_close(fd);
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
}

int
ctl_show_message(struct ctl *c, const char *const *args)
{
	struct found f;

	need_message(c, &f, args, "show message ID");
	copy_text(c, &f);
	if (f.read == QUEUE_READ_OK)
		queue_file_close(&f.file);
	else
		complain("%s: is damaged", f.where);
	return 0;
}

/* ---- show envelope ---- */

/* "key: value", left out where there is nothing to say. */
static void
print_pair(const char *key, const char *value)
{
	stralloc line = STRALLOC_ZERO;

	if (*value == '\0')
		return;
	if (!printable_append(&line, value, strlen(value)))
		die_errno(EX_OSERR, "%s", key);
	printf("%s: %.*s\n", key, (int)line.len, line.s);
	stralloc_free(&line);
}

static void
print_number(const char *key, int64_t n)
{
	printf("%s: %" PRId64 "\n", key, n);
}

static const char *
origin_name(enum origin origin)
{
	static const char *const names[] = {
		[ORIGIN_UNKNOWN] = "unknown", [ORIGIN_LOCAL] = "local", [ORIGIN_SMTP] = "smtp",
		[ORIGIN_NOTICE] = "notice",
	};

	return names[origin];
}

static const char *
status_name(char status)
{
	switch (status) {
	case RECIPIENT_PENDING:
		return "pending";
	case RECIPIENT_EXPANDED:
		return "expanded";
	case RECIPIENT_DELIVERED:
		return "delivered";
	case RECIPIENT_FAILED:
		return "failed, not yet reported";
	case RECIPIENT_REPORTED:
		return "failed, reported";
	default:
		return "discarded";
	}
}

static void
print_facts(const struct facts *f)
{
	print_pair("origin", origin_name(f->origin));
	if (f->uid != (uid_t)-1)
		print_number("uid", (int64_t)f->uid);
	print_pair("client", f->client);
	print_pair("helo", f->helo);
	print_pair("user", f->user);
	print_pair("tag", f->tag);
	print_pair("body", f->body);
	print_pair("ret", f->ret);
	print_pair("envid", f->envid);
	if (f->is_smtputf8)
		printf("smtputf8: yes\n");
}

static void
print_recipient(const struct queue_file *f, size_t i)
{
	const struct queue_recipient *r = queue_file_recipient(f, i);

	printf("\nrecipient: %zu\n", i);
	print_pair("to", r->text);
	if (r->parent != RECIPIENT_NO_PARENT)
		print_number("parent", r->parent);
	print_pair("status", status_name(r->status));
	print_pair("notify", r->notify);
	print_pair("orcpt", r->orcpt);
	print_pair("sender", r->reverse_path != NULL ? r->reverse_path : "");
	print_number("attempts", r->attempts);
	print_pair("reason", r->reason);
}

int
ctl_show_envelope(struct ctl *c, const char *const *args)
{
	struct found f;

	need_message(c, &f, args, "show envelope ID[.N]");
	if (f.read != QUEUE_READ_OK)
		die(CTL_FAILED, "%s: is damaged", f.where);
	printf("id: %.*s\n", (int)f.file.id_len, f.file.name);
	print_pair("file", f.where);
	printf("size: %" PRIu64 "\n", f.file.text_size);
	print_pair("sender", *f.file.envelope.reverse_path != '\0' ? f.file.envelope.reverse_path : "<>");
	print_facts(&f.file.facts);
	print_number("created", f.file.created);
	print_number("last-attempt", f.file.last_attempt);
	print_number("attempts", f.file.attempts);
	print_number("recovered", f.file.recovered);
	print_number("warned", f.file.warned);
	for (size_t i = 0; i < queue_file_count(&f.file); i++)
		if (selection_has_recipient(&f.selection, i))
			print_recipient(&f.file, i);
	queue_file_close(&f.file);
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
	return 0;
}

/* ---- discover ---- */

static bool
count_found(void *arg, const struct walk_entry *e)
{
	struct found *f = arg;
	struct queue_file file;

	if (!selection_has_name(&f->selection, e->name, e->id_len) ||
	    queue_file_open(&file, e->directory, e->name, O_RDONLY) != QUEUE_READ_OK)
		return true;
	for (size_t i = 0; i < queue_file_count(&file); i++)
		f->n += listing_is_open(queue_file_recipient(&file, i)) && selection_has_recipient(&f->selection, i);
	queue_file_close(&file);
	return true;
}

/* Nothing has to be made known: whatever is in the spool is found by itself, at once when the trigger is pulled. */
int
ctl_discover(struct ctl *c, const char *const *args)
{
	struct found f = { .n = 0 };

	if (args[0] == NULL || args[1] != NULL)
		ctl_usage("discover ID");
	if (!selection_parse(&f.selection, args[0]) || f.selection.id_len == 0)
		die(EX_USAGE, "%s: that is no queue id", args[0]);
	ctl_need_queue(c);
	walk_queue(&c->queue, WALK_ALIVE, count_found, &f, NULL);
	queue_pull_trigger(&c->queue);
	return f.n > 0 ? ctl_answer_count(f.n, "discovered") : ctl_answer(false);
}
