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

#include <skalibs/djbunix.h>

#include "lib/log.h"
#include "lib/printable.h"

static const char file_name[] = "hosts", draft_name[] = ".tmp.hosts";

enum { LINE_ROOM = 4096 };

static size_t
bucket(const char *key)
{
	uint32_t h = 2166136261U;	/* FNV-1a */

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return h % DESTINATION_BUCKETS;
}

static struct destination **
find(struct runner *r, const char *key)
{
	struct destination **p = &r->destinations[bucket(key)];

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

/* The next field of a line, without its '|'. NULL: there is none. */
static char *
next_field(char **rest)
{
	return *rest != NULL ? strsep(rest, "|") : NULL;
}

static bool
read_number(int64_t *n, const char *s)
{
	char *end;

	if (s == NULL || *s < '0' || *s > '9')
		return false;
	errno = 0;
	*n = strtoll(s, &end, 10);
	return errno == 0 && *end == '\0';
}

/* KEY|DOMAIN|SINCE|UNTIL|FAILURES|TRIED|REASON. What is not that is left out. */
static void
take_line(struct runner *r, char *line)
{
	const char *key = next_field(&line), *domain = next_field(&line);
	int64_t since, until, failures, tried;
	struct destination *d;

	if (domain == NULL || !read_number(&since, next_field(&line)) || !read_number(&until, next_field(&line)) ||
	    !read_number(&failures, next_field(&line)) || !read_number(&tried, next_field(&line)) || line == NULL ||
	    failures < 1 || failures > 1000000 || (d = make(r, key, domain)) == NULL)
		return;
	d->since = since;
	d->until = until;
	d->tried = tried;
	d->failures = (unsigned)failures;
	if (!set_reason(d, line))
		drop(r, find(r, key));
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
write_all(FILE *f, const struct runner *r)
{
	for (size_t i = 0; i < DESTINATION_BUCKETS; i++)
		for (const struct destination *d = r->destinations[i]; d != NULL; d = d->next)
			if (fprintf(f, "%s|%s|%lld|%lld|%u|%lld|%s\n", d->key, d->domain, (long long)d->since,
			    (long long)d->until, d->failures, (long long)d->tried, d->reason) < 0)
				return false;
	return true;
}

void
destination_publish(struct runner *r)
{
	int control = r->queue.place[QUEUE_CONTROL];
	int fd;
	FILE *f;
	bool is_written;

	if (!r->has_news_of_destinations)
		return;
	r->has_news_of_destinations = false;	/* a failure is not worth trying again: the next news will */
	fd = openat(control, draft_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	f = fd != -1 ? fdopen(fd, "w") : NULL;
	if (f == NULL) {
		if (fd != -1)
			fd_close(fd);
		log_line("control/%s cannot be written: %s", file_name, strerror(errno));
		return;
	}
	is_written = fchmod(fd, 0644) == 0 && write_all(f, r);
	if (fclose(f) != 0 || !is_written || renameat(control, draft_name, control, file_name) == -1)
		log_line("control/%s cannot be written: %s", file_name, strerror(errno));
}
