/* queue_file: reading one message of the queue.
 *
 * A message is judged corrupt only after it was read whole and found wrong; any
 * failure to read is a reason to try again. See queue.h and queue(5). */
#include "lib/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/checksum.h"
#include "lib/queue_format.h"

enum { TAIL_FIRST_READ = 4096, TAIL_MAX = 512 * 1024 * 1024 };

/* Reads everything behind the text. */
static enum queue_read
read_tail(struct queue_file *f)
{
	stralloc *m = &f->memory;
	size_t room = TAIL_FIRST_READ;

	for (;;) {
		ssize_t n;

		if (m->len + room > TAIL_MAX) {
			errno = EFBIG;
			return QUEUE_READ_CORRUPT;
		}
		if (!stralloc_readyplus(m, room))
			return QUEUE_READ_ERROR_LATER;
		n = pread(f->fd, m->s + m->len, room, (off_t)(f->text_size + m->len));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return QUEUE_READ_ERROR_LATER;
		m->len += (size_t)n;
		if ((size_t)n < room)
			return QUEUE_READ_OK;
		room = m->len;
	}
}

/* The recipients of the envelope, each with its octet from the tail. */
static bool
add_envelope_recipients(struct queue_file *f, size_t status_at)
{
	const struct envelope_recipient *e = genalloc_s(struct envelope_recipient, &f->envelope.recipients);
	size_t n = genalloc_len(struct envelope_recipient, &f->envelope.recipients);

	for (size_t i = 0; i < n; i++) {
		struct queue_recipient r = {
			.text = e[i].address, .kind = RECIPIENT_ADDRESS, .uid = (uid_t)-1,
			.notify = e[i].notify, .orcpt = e[i].orcpt, .parent = RECIPIENT_NO_PARENT,
			.status_at = (off_t)(f->text_size + status_at + i),
			.status = f->memory.s[status_at + i], .reason = "",
		};

		if (!genalloc_append(struct queue_recipient, &f->recipients, &r))
			return false;
	}
	return true;
}

static void
note_attempt(struct queue_file *f, struct queue_recipient *r, int64_t time)
{
	r->attempts++;
	if (r->attempts > f->attempts)
		f->attempts = r->attempts;
	if (time > f->last_attempt)
		f->last_attempt = time;
}

/* What the fields of a record other than an expansion say. */
struct record_fields {
	uint64_t recipient, time;
	bool is_absence;
	const char *reason;
};

static bool
read_fields(struct record_fields *v, size_t at, const struct queue_record *rec)
{
	char letter;
	const char *value;

	*v = (struct record_fields){ .reason = "" };
	while (queue_format_next_field(&letter, &value, &at, rec->fields, rec->fields_len)) {
		if (letter == 't' && !queue_format_number(&v->time, value))
			return false;
		if (letter == 'a')
			v->is_absence = true;
		if (letter == 'r')
			v->reason = value;
	}
	return true;
}

static bool
apply_deferral(struct queue_file *f, const char *number, size_t at, const struct queue_record *rec)
{
	struct record_fields v;
	struct queue_recipient *r;
	uint64_t i;

	if (!queue_format_number(&i, number) || i >= queue_file_count(f) || !read_fields(&v, at, rec))
		return false;
	r = queue_file_recipient(f, (size_t)i);
	note_attempt(f, r, (int64_t)v.time);
	r->reason = v.reason;
	if (!v.is_absence)
		r->first_absent = 0;
	else if (r->first_absent == 0)
		r->first_absent = (int64_t)v.time;
	return true;
}

static bool
apply_failure(struct queue_file *f, const char *number, size_t at, const struct queue_record *rec)
{
	struct record_fields v;
	uint64_t i;

	if (!queue_format_number(&i, number) || i >= queue_file_count(f) || !read_fields(&v, at, rec))
		return false;
	queue_file_recipient(f, (size_t)i)->reason = v.reason;
	return true;
}

static bool
is_kind(char letter)
{
	return letter == RECIPIENT_ADDRESS || letter == RECIPIENT_NAME || letter == RECIPIENT_MAILBOX ||
	    letter == RECIPIENT_OF_ALIAS || letter == RECIPIENT_OF_USER;
}

static bool
add_link(struct queue_file *f, size_t parent, size_t child)
{
	struct queue_link l = { .parent = parent, .child = child };

	return genalloc_append(struct queue_link, &f->links, &l);
}

/* A new recipient below parent, in memory. */
static bool
add_child(struct queue_file *f, size_t parent, const struct queue_recipient *child)
{
	struct queue_recipient r = *child;
	size_t i = queue_file_count(f);

	r.parent = (long)parent;
	r.notify = queue_file_recipient(f, parent)->notify;
	r.orcpt = queue_file_recipient(f, parent)->orcpt;
	r.reason = "";
	if (r.reverse_path == NULL)
		r.reverse_path = queue_file_recipient(f, parent)->reverse_path;
	return genalloc_append(struct queue_recipient, &f->recipients, &r) && add_link(f, parent, i);
}

/* Reads "u" and "s" fields that belong to the child just seen; leaves *at at the next child. */
static bool
read_child_details(struct queue_recipient *r, size_t *at, const struct queue_record *rec)
{
	size_t next = *at;
	char letter;
	const char *value;
	uint64_t uid;

	while (queue_format_next_field(&letter, &value, &next, rec->fields, rec->fields_len)) {
		if (letter == 'i') {
			if (!queue_format_number(&uid, value) || uid > UINT32_MAX)
				return false;
			r->uid = (uid_t)uid;
		} else if (letter == 's') {
			r->reverse_path = value;
		} else {
			break;
		}
		*at = next;
	}
	return true;
}

/* The parent counts as expanded from here on: a crash may have come between this record and its octet. */
static bool
apply_expansion(struct queue_file *f, const char *number, size_t at, const struct queue_record *rec)
{
	size_t status_at = (size_t)(rec->fields - f->memory.s) + rec->fields_len, seen = 0;
	uint64_t parent, child;
	char letter;
	const char *value;

	if (!queue_format_number(&parent, number) || parent >= queue_file_count(f))
		return false;
	while (queue_format_next_field(&letter, &value, &at, rec->fields, rec->fields_len)) {
		struct queue_recipient r = { .text = value, .uid = (uid_t)-1 };

		if (letter == 'k') {
			if (!queue_format_number(&child, value) || child >= queue_file_count(f) ||
			    !add_link(f, (size_t)parent, (size_t)child))
				return false;
			continue;
		}
		if (!is_kind(letter) || seen >= rec->nstatus || !read_child_details(&r, &at, rec))
			return false;
		r.kind = (enum recipient_kind)letter;
		r.status = f->memory.s[status_at + seen];
		r.status_at = (off_t)(f->text_size + status_at + seen);
		if (!add_child(f, (size_t)parent, &r))
			return false;
		seen++;
	}
	queue_file_recipient(f, (size_t)parent)->status = RECIPIENT_EXPANDED;
	return seen == rec->nstatus;
}

static bool
apply_record(struct queue_file *f, const struct queue_record *rec)
{
	size_t at = 0;
	char letter;
	const char *value;

	if (!queue_format_next_field(&letter, &value, &at, rec->fields, rec->fields_len))
		return false;
	switch (letter) {
	case 'D':
		return apply_deferral(f, value, at, rec);
	case 'F':
		return apply_failure(f, value, at, rec);
	case 'X':
		return apply_expansion(f, value, at, rec);
	case 'W':
		f->warned++;
		return true;
	case 'R':
		f->recovered++;
		return true;
	default:
		return false;
	}
}

static enum queue_read
read_journal(struct queue_file *f, size_t at)
{
	struct queue_record rec;

	while (queue_format_scan_record(&rec, f->memory.s + at, f->memory.len - at)) {
		errno = 0;
		if (!apply_record(f, &rec))
			return errno == ENOMEM ? QUEUE_READ_ERROR_LATER : QUEUE_READ_CORRUPT;
		at += rec.size;
	}
	f->journal_end = (off_t)(f->text_size + at);
	f->has_torn_tail = at < f->memory.len;
	return QUEUE_READ_OK;
}

static bool
has_link_from(const struct queue_file *f, size_t parent)
{
	const struct queue_link *l = genalloc_s(struct queue_link, &f->links);
	size_t n = genalloc_len(struct queue_link, &f->links);

	for (size_t i = 0; i < n; i++)
		if (l[i].parent == parent)
			return true;
	return false;
}

/* An octet that is none, or an expansion whose record is gone, would lose somebody's mail. */
static bool
is_sound(const struct queue_file *f)
{
	size_t n = queue_file_count(f);

	for (size_t i = 0; i < n; i++) {
		switch (queue_file_recipient(f, i)->status) {
		case RECIPIENT_PENDING:
		case RECIPIENT_DELIVERED:
		case RECIPIENT_FAILED:
		case RECIPIENT_REPORTED:
		case RECIPIENT_DISCARDED:
			break;
		case RECIPIENT_EXPANDED:
			if (has_link_from(f, i))
				break;
			return false;
		default:
			return false;
		}
	}
	return true;
}

static enum queue_read
understand(struct queue_file *f)
{
	struct queue_tail t;
	size_t used, n;
	enum queue_read r;

	switch (queue_format_scan_tail(&t, f->memory.s, f->memory.len)) {
	case QUEUE_TAIL_GOOD:
		break;
	case QUEUE_TAIL_NEWER:
		return QUEUE_READ_NEWER;
	case QUEUE_TAIL_SHORT:
	case QUEUE_TAIL_WRONG:
		return QUEUE_READ_CORRUPT;
	}
	f->text_check = t.text_check;
	errno = 0;
	if (!envelope_parse(&f->envelope, &used, f->memory.s, t.envelope_len) || used != t.envelope_len ||
	    !facts_decode(&f->facts, f->memory.s + t.facts_at, t.facts_len))
		return errno == ENOMEM ? QUEUE_READ_ERROR_LATER : QUEUE_READ_CORRUPT;
	n = genalloc_len(struct envelope_recipient, &f->envelope.recipients);
	if (n > f->memory.len - t.end)
		return QUEUE_READ_CORRUPT;
	if (!add_envelope_recipients(f, t.end))
		return QUEUE_READ_ERROR_LATER;
	r = read_journal(f, t.end + n);
	if (r == QUEUE_READ_OK && !is_sound(f))
		return QUEUE_READ_CORRUPT;
	return r;
}

enum queue_read
queue_file_open(struct queue_file *f, int directory, const char *name, int access)
{
	struct stat st;
	enum queue_read r;

	*f = (struct queue_file){ .envelope = ENVELOPE_ZERO };
	if (strlen(name) > QUEUE_NAME_MAX || !queue_name_parse(name, &f->text_size, &f->id_len)) {
		errno = EINVAL;
		f->fd = -1;
		return QUEUE_READ_ERROR_LATER;
	}
	memcpy(f->name, name, strlen(name) + 1);
	f->created = strtoll(name, NULL, 10);
	f->fd = openat(directory, name, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (f->fd == -1)
		return QUEUE_READ_ERROR_LATER;
	if (fstat(f->fd, &st) == -1)
		r = QUEUE_READ_ERROR_LATER;
	else if (!S_ISREG(st.st_mode))
		r = QUEUE_READ_CORRUPT;
	else
		r = read_tail(f);
	if (r == QUEUE_READ_OK)
		r = understand(f);
	if (r != QUEUE_READ_OK) {
		int e = errno;

		queue_file_close(f);
		errno = e;
	}
	return r;
}

void
queue_file_close(struct queue_file *f)
{
	char **s = genalloc_s(char *, &f->strings);
	size_t n = genalloc_len(char *, &f->strings);

	if (f->fd != -1)
		fd_close(f->fd);
	f->fd = -1;
	for (size_t i = 0; i < n; i++)
		free(s[i]);
	genalloc_free(char *, &f->strings);
	genalloc_free(struct queue_recipient, &f->recipients);
	genalloc_free(struct queue_link, &f->links);
	envelope_free(&f->envelope);
	stralloc_free(&f->memory);
}

enum queue_read
queue_file_verify_text(const struct queue_file *f)
{
	char block[65536];
	uint64_t at = 0;
	uint32_t check = CHECKSUM_START;

	while (at < f->text_size) {
		uint64_t rest = f->text_size - at;
		ssize_t n = pread(f->fd, block, rest < sizeof block ? (size_t)rest : sizeof block, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return QUEUE_READ_ERROR_LATER;
		if (n == 0)
			return QUEUE_READ_CORRUPT;
		check = checksum_add(check, block, (size_t)n);
		at += (uint64_t)n;
	}
	return check == f->text_check ? QUEUE_READ_OK : QUEUE_READ_CORRUPT;
}

bool
queue_file_is_finished(const struct queue_file *f)
{
	size_t n = queue_file_count(f);

	for (size_t i = 0; i < n; i++) {
		char s = queue_file_recipient(f, i)->status;

		if (s == RECIPIENT_PENDING || s == RECIPIENT_FAILED)
			return false;
	}
	return true;
}
