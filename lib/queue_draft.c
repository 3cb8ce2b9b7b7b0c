/* queue_draft: how a message gets into the queue.
 *
 * After queue_draft_commit() returned true the message survives anything;
 * after false it will never be delivered; a death in between leaves a file
 * with a name in tmp/ (and perhaps one in new/) that the runner adopts or
 * sweeps. See queue.h and queue(5). */
#include "lib/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/checksum.h"
#include "lib/queue_format.h"

enum { DRAFT_TRIES = 10, FILE_MODE = 0600 };

/* EPOCH.RANDOM16, letters and digits only: it stands in shell commands. */
static bool
make_id(char id[QUEUE_ID_MAX + 1])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AB";
	unsigned char random[16];
	int n = snprintf(id, QUEUE_ID_MAX + 1, "%lld.", (long long)time(NULL));

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		id[(size_t)n + i] = letters[random[i] % 64];
	id[(size_t)n + sizeof random] = '\0';
	return true;
}

/* One try: a new name, locked. From then on a runner that finds the file knows
 * that its writer lives; one that swept it before is noticed by its missing name. */
static bool
try_create(struct queue_draft *d)
{
	struct stat st;

	if (!make_id(d->id))
		return false;
	d->fd = openat(d->queue->place[QUEUE_TMP], d->id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    FILE_MODE);
	if (d->fd == -1)
		return false;
	if (flock(d->fd, LOCK_EX) == -1 || fstat(d->fd, &st) == -1) {
		queue_draft_abort(d);
		return false;
	}
	if (st.st_nlink == 1)
		return true;
	fd_close(d->fd);
	d->fd = -1;
	errno = EEXIST;
	return false;
}

bool
queue_draft_create(struct queue_draft *d, const struct queue *q)
{
	*d = (struct queue_draft){ .queue = q, .fd = -1, .text_check = CHECKSUM_START };
	for (int tries = 0; tries < DRAFT_TRIES; tries++) {
		if (try_create(d))
			return true;
		if (errno != EEXIST)
			return false;
	}
	return false;
}

bool
queue_draft_write(struct queue_draft *d, const char *s, size_t len)
{
	if (!queue_write_at(d->fd, s, len, (off_t)d->size))
		return false;
	d->text_check = checksum_add(d->text_check, s, len);
	d->size += len;
	return true;
}

void
queue_draft_abort(struct queue_draft *d)
{
	int e = errno;

	unlinkat(d->queue->place[QUEUE_TMP], d->id, 0);
	fd_close(d->fd);
	d->fd = -1;
	errno = e;
}

/* Writes envelope, facts, version, check values and status octets behind the text. */
static bool
write_envelope(struct queue_draft *d, const stralloc *envelope, size_t recipients, const struct facts *f)
{
	stralloc tail = STRALLOC_ZERO;
	bool is_written = queue_format_tail(&tail, envelope, recipients, f, d->text_check) &&
	    queue_write_at(d->fd, tail.s, tail.len, (off_t)d->size);

	stralloc_free(&tail);
	return is_written;
}

bool
queue_draft_commit(struct queue_draft *d, const stralloc *envelope, size_t recipients, const struct facts *f)
{
	const int *place = d->queue->place;
	char name[QUEUE_NAME_MAX + 1];

	snprintf(name, sizeof name, "%s,S=%llu", d->id, (unsigned long long)d->size);
	if (!write_envelope(d, envelope, recipients, f) ||
	    linkat(place[QUEUE_TMP], d->id, place[QUEUE_NEW], name, 0) == -1) {
		queue_draft_abort(d);
		return false;
	}
	/* Name first, data second: one journal commit of the file system carries
	 * both. Until the draft's name is gone and our flock with it, no runner
	 * takes the file. */
	if (fsync(d->fd) == -1 || fsync(place[QUEUE_NEW]) == -1) {
		int e = errno;

		/* The sender hears "failed" and will try again: take the name
		 * back, or the message goes out twice. */
		unlinkat(place[QUEUE_NEW], name, 0);
		errno = e;
		queue_draft_abort(d);
		return false;
	}
	unlinkat(place[QUEUE_TMP], d->id, 0);	/* if this fails the runner adopts it */
	fd_close(d->fd);
	d->fd = -1;
	return true;
}
