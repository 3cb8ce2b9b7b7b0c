/* destination: where nobody answered lately.
 *
 * A destination at which no server could be reached is left alone for a while, longer each time, so that
 * a thousand messages to it cost one attempt. What is known is kept in control/hosts, for smtpctl and
 * for the next pass of a runner that cron starts. Losing it costs an attempt, nothing else. See
 * runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include "lib/log.h"
#include "lib/printable.h"
#include "queue-run/host_line.h"

static const char file_name[] = "hosts", draft_name[] = ".tmp.hosts";

enum { LINE_ROOM = 4096, FAILURES_MAX = 1000000 };

static struct destination **
find(struct runner *r, const char *key)
{
	struct destination **p = &r->destinations[key_hash(key) % DESTINATION_BUCKETS];

	while (*p != NULL && strcmp((*p)->key, key) != 0)
		p = &(*p)->next;
	return p;
}

static void
free_destination(struct destination *d)
{
	free(d->key);
	free(d->domain);
	free(d->reason);
	free(d);
}

static void
drop(struct runner *r, struct destination **p)
{
	struct destination *d = *p;

	*p = d->next;
	r->ndestinations--;
	r->has_news_of_destinations = true;
	free_destination(d);
}

/* How long it is left alone after the n-th failure in a row. */
static int64_t
pause_seconds(unsigned n)
{
	int64_t t = (int64_t)DEAD_BASE_SECONDS * n * n;

	return n > 100 || t > DEAD_MAX_SECONDS ? DEAD_MAX_SECONDS : t;
}

const struct destination *
destination_dead(struct runner *r, const char *key)
{
	const struct destination *d = *find(r, key);
	int64_t now = time(NULL);

	/* a clock that was set back does not leave it dead for ever */
	return d != NULL && now < d->until && d->until <= now + DEAD_MAX_SECONDS ? d : NULL;
}

/* Those that were last tried long ago tell nothing any more. */
static void
make_room(struct runner *r)
{
	int64_t limit = (int64_t)time(NULL) - DEAD_FORGET_SECONDS;

	for (size_t i = 0; i < DESTINATION_BUCKETS; i++)
		for (struct destination **p = &r->destinations[i]; *p != NULL;)
			if ((*p)->tried < limit)
				drop(r, p);
			else
				p = &(*p)->next;
}

/* The one of that key, made if need be. NULL: no memory, or too many. */
static struct destination *
make(struct runner *r, const char *key, const char *domain)
{
	struct destination **p = find(r, key), *d = *p;

	if (d != NULL)
		return d;
	if (r->ndestinations >= DESTINATIONS_MAX) {
		make_room(r);
		p = find(r, key);
	}
	if (r->ndestinations >= DESTINATIONS_MAX || (d = calloc(1, sizeof *d)) == NULL)
		return NULL;
	d->key = strdup(key);
	d->domain = strdup(domain);
	if (d->key == NULL || d->domain == NULL) {
		free_destination(d);
		return NULL;
	}
	*p = d;
	r->ndestinations++;
	return d;
}

static bool
set_reason(struct destination *d, const char *reason)
{
	char text[JOB_REASON_MAX + 1], *copy;

	printable_copy(text, sizeof text, reason, strlen(reason));
	copy = strdup(text);
	if (copy == NULL)
		return false;
	free(d->reason);
	d->reason = copy;
	return true;
}

void
destination_note_failure(struct runner *r, const char *key, const char *domain, const char *reason)
{
	struct destination *d = make(r, key, domain);
	int64_t now = time(NULL);

	if (d == NULL)
		return;		/* it is tried again, like any other */
	if (!set_reason(d, reason)) {
		drop(r, find(r, key));
		return;
	}
	if (d->failures == 0)
		d->since = now;
	if (now >= d->until || d->failures == 0)	/* else another connection has found the same out */
		d->failures++;
	d->tried = now;
	d->until = now + pause_seconds(d->failures);
	r->has_news_of_destinations = true;
}

void
destination_note_answer(struct runner *r, const char *key)
{
	struct destination **p = find(r, key);

	if (*p != NULL)
		drop(r, p);
}

void
destination_forget_all(struct runner *r)
{
	for (size_t i = 0; i < DESTINATION_BUCKETS; i++)
		while (r->destinations[i] != NULL)
			drop(r, &r->destinations[i]);
}

/* ---- on disk ---- */

/* What is no such line is left out. */
static void
take_line(struct runner *r, char *line)
{
	struct host_line h;
	struct destination *d;

	if (!host_line_scan(&h, line) || (d = make(r, h.key, h.domain)) == NULL)
		return;
	d->since = h.since;
	d->until = h.until;
	d->tried = h.tried;
	d->failures = h.failures < FAILURES_MAX ? (unsigned)h.failures : FAILURES_MAX;
	if (!set_reason(d, h.reason))
		drop(r, find(r, h.key));
}

void
destination_load(struct runner *r)
{
	int fd = openat(r->queue.place[QUEUE_CONTROL], file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd != -1 ? fdopen(fd, "r") : NULL;
	char line[LINE_ROOM];

	if (f == NULL && fd != -1)
		fd_close(fd);
	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		take_line(r, line);
	}
	fclose(f);
	r->has_news_of_destinations = false;
}

static bool
append_all(stralloc *to, const struct runner *r)
{
	for (size_t i = 0; i < DESTINATION_BUCKETS; i++)
		for (const struct destination *d = r->destinations[i]; d != NULL; d = d->next)
			if (!host_line_append(to, &(struct host_line){ .key = d->key, .domain = d->domain, .reason = d->reason,
			    .since = d->since, .until = d->until, .failures = d->failures, .tried = d->tried }))
				return false;
	return true;
}

void
destination_publish(struct runner *r)
{
	int control = r->queue.place[QUEUE_CONTROL];
	stralloc lines = STRALLOC_ZERO;
	bool is_written = false;
	int fd;

	if (!r->has_news_of_destinations)
		return;
	r->has_news_of_destinations = false;	/* a failure is not worth trying again: the next news will be */
	fd = openat(control, draft_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd != -1) {
		is_written = fchmod(fd, 0640) == 0 && append_all(&lines, r) &&
		    allwrite(fd, lines.s, lines.len) == lines.len;
		fd_close(fd);
	}
	if (!is_written || renameat(control, draft_name, control, file_name) == -1)
		log_line("control/%s cannot be written: %s", file_name, strerror(errno));
	stralloc_free(&lines);
}
