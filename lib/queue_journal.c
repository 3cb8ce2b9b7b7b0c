/* queue_journal: recording what became of a message's recipients.
 *
 * An outcome is one octet, overwritten in place; what needs words is a record
 * at the end of the file. Each function leaves file and memory as they were
 * when it fails. See queue.h and queue(5). */
#include "lib/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/queue_format.h"

/* A copy of s that lives as long as f; NULL with ENOMEM. */
static const char *
keep(struct queue_file *f, const char *s)
{
	char *copy = strdup(s);

	if (copy != NULL && !genalloc_append(char *, &f->strings, &copy)) {
		free(copy);
		return NULL;
	}
	return copy;
}

bool
queue_file_set_status(struct queue_file *f, size_t i, enum recipient_status s)
{
	char octet = (char)s;

	if (!queue_write_at(f->fd, &octet, 1, queue_file_recipient(f, i)->status_at))
		return false;
	queue_file_recipient(f, i)->status = octet;
	return true;
}

/* Writes a whole record behind the last good one; what a torn write left there is cut off first. */
static bool
append_record(struct queue_file *f, const stralloc *record)
{
	if (f->has_torn_tail && ftruncate(f->fd, f->journal_end) == -1)
		return false;
	f->has_torn_tail = false;
	if (!queue_write_at(f->fd, record->s, record->len, f->journal_end)) {
		int e = errno;

		f->has_torn_tail = ftruncate(f->fd, f->journal_end) == -1;
		errno = e;
		return false;
	}
	f->journal_end += (off_t)record->len;
	return true;
}

/* One record about one recipient, or about the message where letter says so. */
static bool
note(struct queue_file *f, char letter, uint64_t number, const int64_t *time, bool is_absence, const char *reason)
{
	stralloc record = STRALLOC_ZERO;
	bool is_noted = queue_format_begin_record(&record) && queue_format_add_number(&record, letter, number) &&
	    (time == NULL || queue_format_add_number(&record, 't', (uint64_t)*time)) &&
	    (!is_absence || queue_format_add_text(&record, 'a', "")) &&
	    (reason == NULL || queue_format_add_text(&record, 'r', reason)) &&
	    queue_format_end_record(&record, 0) && append_record(f, &record);

	stralloc_free(&record);
	return is_noted;
}

bool
queue_file_defer(struct queue_file *f, size_t i, int64_t now, bool is_absence, const char *reason)
{
	struct queue_recipient *r = queue_file_recipient(f, i);
	const char *kept = keep(f, reason);

	if (kept == NULL || !note(f, 'D', i, &now, is_absence, reason))
		return false;
	r->reason = kept;
	r->attempts++;
	if (r->attempts > f->attempts)
		f->attempts = r->attempts;
	f->last_attempt = now;
	if (!is_absence)
		r->first_absent = 0;
	else if (r->first_absent == 0)
		r->first_absent = now;
	return true;
}

bool
queue_file_fail(struct queue_file *f, size_t i, const char *reason)
{
	const char *kept = keep(f, reason);

	if (kept == NULL || !note(f, 'F', i, NULL, false, reason))
		return false;
	queue_file_recipient(f, i)->reason = kept;
	return true;
}

bool
queue_file_note_warned(struct queue_file *f, int64_t now)
{
	if (!note(f, 'W', (uint64_t)now, NULL, false, NULL))
		return false;
	f->warned++;
	return true;
}

bool
queue_file_note_recovered(struct queue_file *f, int64_t now)
{
	if (!note(f, 'R', (uint64_t)now, NULL, false, NULL))
		return false;
	f->recovered++;
	return true;
}

/* The recipient that a child equals, or queue_file_count(f). */
static size_t
find_equal(const struct queue_file *f, const struct queue_child *c)
{
	size_t i, n = queue_file_count(f);

	for (i = 0; i < n; i++) {
		const struct queue_recipient *r = queue_file_recipient(f, i);

		if (r->kind == c->kind && (c->kind != RECIPIENT_OF_USER || r->uid == c->uid) && strcmp(r->text, c->text) == 0)
			break;
	}
	return i;
}

/* Whether something other than expanded recipients can be reached from i: a place where the message ends. */
static bool
leads_somewhere(const struct queue_file *f, size_t i, bool *is_seen)
{
	const struct queue_link *l = genalloc_s(struct queue_link, &f->links);
	size_t n = genalloc_len(struct queue_link, &f->links);

	if (queue_file_recipient(f, i)->status != RECIPIENT_EXPANDED)
		return true;
	for (size_t k = 0; k < n; k++) {
		if (l[k].parent != i || is_seen[l[k].child])
			continue;
		is_seen[l[k].child] = true;
		if (leads_somewhere(f, l[k].child, is_seen))
			return true;
	}
	return false;
}

/* Decides whether the expansion that was just added in memory is a loop. */
static bool
judge_loop(struct queue_file *f, size_t parent, bool *is_loop)
{
	bool *is_seen = calloc(queue_file_count(f), sizeof *is_seen);

	if (is_seen == NULL)
		return false;
	is_seen[parent] = true;
	*is_loop = !leads_somewhere(f, parent, is_seen);
	free(is_seen);
	return true;
}

/* Adds the child to memory and to the record, as a new recipient or as a link. */
static bool
add_child(struct queue_file *f, stralloc *record, size_t parent, const struct queue_child *c)
{
	struct queue_link link = { .parent = parent, .child = find_equal(f, c) };

	if (link.child < queue_file_count(f)) {
		if (!queue_format_add_number(record, 'k', link.child))
			return false;
	} else {
		const struct queue_recipient *p = queue_file_recipient(f, parent);
		struct queue_recipient r = {
			.text = keep(f, c->text), .kind = c->kind, .uid = c->uid, .notify = p->notify,
			.orcpt = p->orcpt, .parent = (long)parent, .reverse_path = p->reverse_path,
			.status = RECIPIENT_PENDING, .reason = "",
		};

		if (c->reverse_path != NULL && (r.reverse_path = keep(f, c->reverse_path)) == NULL)
			return false;
		if (r.text == NULL || !queue_format_add_text(record, (char)c->kind, c->text) ||
		    (c->kind == RECIPIENT_OF_USER && !queue_format_add_number(record, 'i', c->uid)) ||
		    (c->reverse_path != NULL && !queue_format_add_text(record, 's', c->reverse_path)) ||
		    !genalloc_append(struct queue_recipient, &f->recipients, &r))
			return false;
	}
	return genalloc_append(struct queue_link, &f->links, &link);
}

/* Makes the record on disk sure, or takes it back. */
static bool
append_durable_record(struct queue_file *f, const stralloc *record)
{
	off_t start = f->journal_end;

	if (!append_record(f, record))
		return false;
	if (fsync(f->fd) == -1) {
		int e = errno;

		f->journal_end = start;
		f->has_torn_tail = ftruncate(f->fd, start) == -1;
		errno = e;
		return false;
	}
	return true;
}

/* The new recipients' octets stand at the end of the record that was written last. */
static void
place_octets(struct queue_file *f, size_t first)
{
	size_t n = queue_file_count(f);

	for (size_t i = first; i < n; i++)
		queue_file_recipient(f, i)->status_at = f->journal_end - (off_t)(n - i);
}

bool
queue_file_expand(struct queue_file *f, size_t parent, const struct queue_child *children, size_t n, bool *is_loop)
{
	size_t first = queue_file_count(f), nlinks = genalloc_len(struct queue_link, &f->links);
	stralloc record = STRALLOC_ZERO;
	char old = queue_file_recipient(f, parent)->status;
	bool is_done = queue_format_begin_record(&record) && queue_format_add_number(&record, 'X', parent);

	*is_loop = false;
	for (size_t i = 0; is_done && i < n; i++)
		is_done = add_child(f, &record, parent, &children[i]);
	queue_file_recipient(f, parent)->status = RECIPIENT_EXPANDED;
	is_done = is_done && judge_loop(f, parent, is_loop);
	if (is_done && !*is_loop)
		is_done = queue_format_end_record(&record, queue_file_count(f) - first) && append_durable_record(f, &record);
	stralloc_free(&record);
	if (!is_done || *is_loop) {
		queue_file_recipient(f, parent)->status = old;
		genalloc_setlen(struct queue_recipient, &f->recipients, first);
		genalloc_setlen(struct queue_link, &f->links, nlinks);
		return is_done;
	}
	place_octets(f, first);
	/* The record alone already makes the recipient count as expanded; its octet is for other readers. */
	queue_file_set_status(f, parent, RECIPIENT_EXPANDED);
	return true;
}
