/* doctor_host: what can be seen on this host. See doctor.h. */
#include "queue-run/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/place.h"
#include "lib/queue.h"
#include "lib/route.h"
#include "lib/tls_identity.h"
#include "queue-run/show_queue.h"

enum { SECONDS_OF_DAY = 86400, SLOW_MS = 1000, TEST_OCTETS = 4096 };

/* ---- the configuration ---- */

void
doctor_configuration(struct doctor *d)
{
	struct conf *c = conf_read(d->conf_path, NULL, 0);

	if (c == NULL) {
		doctor_say(d, FINDING_UNKNOWN, "configuration %s: out of memory", d->conf_path);
		return;
	}
	if (c->nerrors > 0) {
		doctor_say(d, FINDING_BAD, "configuration %s: %zu errors; smtpd -n shows them", d->conf_path, c->nerrors);
		conf_free(c);
		return;
	}
	d->conf = c;
	d->tables = table_set_new(c);
	doctor_say(d, FINDING_OK, "configuration %s", d->conf_path);
}

/* ---- certificates ---- */

static void
check_dates(struct doctor *d, const struct conf_pki *p, const struct tls_identity *i)
{
	int64_t now = time(NULL), left = tls_identity_not_after(i) - now;

	if (left < 0)
		doctor_say(d, FINDING_BAD, "certificate %s: it has expired; renew it", p->certificate);
	else if (tls_identity_not_before(i) > now)
		doctor_say(d, FINDING_BAD, "certificate %s: it is not valid yet; look at the clock", p->certificate);
	else if (left < (int64_t)DOCTOR_EXPIRES_DAYS * SECONDS_OF_DAY)
		doctor_say(d, FINDING_BAD, "certificate %s: it expires in %lld days; renew it", p->certificate,
		    (long long)(left / SECONDS_OF_DAY));
	else
		doctor_say(d, FINDING_OK, "certificate %s: valid for %lld more days", p->certificate,
		    (long long)(left / SECONDS_OF_DAY));
}

/* Whether it is for the names that listeners show it under. */
static void
check_covers(struct doctor *d, const struct conf_pki *p, const struct tls_identity *i)
{
	for (size_t n = 0; n < d->conf->nlistens; n++) {
		const struct conf_listen *l = &d->conf->listens[n];
		const char *name = *l->hostname != '\0' ? l->hostname : d->host;

		if ((!l->starttls && !l->smtps) || conf_find_pki(d->conf, l, name) != p)
			continue;
		if (tls_identity_covers(i, name))
			doctor_say(d, FINDING_OK, "certificate %s: is for %s", p->certificate, name);
		else
			doctor_say(d, FINDING_BAD, "certificate %s: is not for %s, the name of the listener at %s:%u; get one "
			    "that is", p->certificate, name, l->at.file, l->at.line);
	}
}

void
doctor_certificates(struct doctor *d)
{
	for (size_t n = 0; d->conf != NULL && n < d->conf->npkis; n++) {
		const struct conf_pki *p = &d->conf->pkis[n];
		bool is_about_key = false;
		const char *why = "";
		struct tls_identity *i = tls_identity_read(p->certificate, p->key, &why, &is_about_key);

		if (i == NULL) {
			doctor_say(d, errno == EACCES && geteuid() != 0 && access(is_about_key ? p->key : p->certificate, R_OK) == -1 ?
			    FINDING_UNKNOWN : FINDING_BAD, "pki %s: %s: %s", p->name, is_about_key ? p->key : p->certificate, why);
			continue;
		}
		doctor_say(d, FINDING_OK, "key %s: belongs to its certificate, and is nobody else's to read", p->key);
		check_dates(d, p, i);
		check_covers(d, p, i);
		tls_identity_free(i);
	}
}

/* ---- programs ---- */

/* What has to be set-uid ppqueue for mail and mailq of ordinary users. */
static void
check_set_id(struct doctor *d, const char *program, const struct passwd *owner)
{
	char path[PATH_MAX];
	struct stat st;

	if (!place_program(path, sizeof path, program))
		return;
	if (stat(path, &st) == -1)
		doctor_say(d, FINDING_BAD, "program %s: %s", path, strerror(errno));
	else if (st.st_uid != owner->pw_uid || (st.st_mode & S_ISUID) == 0)
		doctor_say(d, FINDING_BAD, "program %s: is not set-uid %s; make install-users, or chown %s and chmod u+s", path,
		    owner->pw_name, owner->pw_name);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		doctor_say(d, FINDING_BAD, "program %s: others may write to it; chmod go-w", path);
	else
		doctor_say(d, FINDING_OK, "program %s: set-uid %s", path, owner->pw_name);
}

void
doctor_programs(struct doctor *d)
{
	const struct passwd *owner = getpwnam("ppqueue");
	struct stat st;
	char path[PATH_MAX];

	/* Elsewhere everything runs as the one user whose queue it is. */
	if (owner == NULL || (size_t)snprintf(path, sizeof path, "%s/new", d->spool) >= sizeof path ||
	    stat(path, &st) == -1 || st.st_uid != owner->pw_uid)
		return;
	check_set_id(d, "queue-inject", owner);
	check_set_id(d, "queue-peek", owner);
}

/* ---- who reads root's mail ---- */

void
doctor_root_mail(struct doctor *d)
{
	struct facts facts = facts_unknown;
	char address[sizeof d->host + 16];
	struct route_question q = { .facts = &facts, .reverse_path = "", .address = address, .local_name = "" };
	struct route r = ROUTE_ZERO;

	if (d->tables == NULL)
		return;
	facts.origin = ORIGIN_LOCAL;
	snprintf(address, sizeof address, "postmaster@%s", d->host);
	route_check(&r, d->conf, d->tables, &q);
	if (r.kind == ROUTE_DELIVER && r.user.name != NULL && r.user.uid == 0)
		doctor_say(d, FINDING_BAD, "mail for %s: ends at root, whom nothing is delivered to; add an alias root: YOU",
		    address);
	else if (r.kind == ROUTE_DELIVER || r.kind == ROUTE_RELAY)
		doctor_say(d, FINDING_OK, "mail for %s: has a reader", address);
	else if (r.kind == ROUTE_LATER || r.kind == ROUTE_BROKEN)
		doctor_say(d, FINDING_UNKNOWN, "mail for %s: %.*s", address, (int)r.why.len, r.why.s);
	else
		doctor_say(d, FINDING_BAD, "mail for %s: is refused: %.*s; add a rule or an alias", address, (int)r.why.len,
		    r.why.s);
	route_free(&r);
	table_set_end_recipient(d->tables);
}

/* ---- the spool ---- */

static long long
milliseconds(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)(now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/* As a message is committed, but that it never gets into new/. */
static bool
commit_something(const struct queue *q)
{
	static const char text[TEST_OCTETS];
	struct queue_draft draft;
	bool is_done;
	int error;

	if (!queue_draft_create(&draft, q))
		return false;
	is_done = queue_draft_write(&draft, text, sizeof text) && fd_sync(draft.fd) == 0 &&
	    fd_sync(q->place[QUEUE_TMP]) == 0;
	error = errno;
	queue_draft_abort(&draft);
	errno = error;
	return is_done;
}

static void
check_commit(struct doctor *d, const struct queue *q)
{
	struct timespec start;
	long long ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (!commit_something(q)) {
		doctor_say(d, FINDING_BAD, "commit to %s: %s; no mail is accepted until that works", d->spool, strerror(errno));
		return;
	}
	ms = milliseconds(&start);
	if (ms > SLOW_MS)
		doctor_say(d, FINDING_BAD, "commit to %s: takes %lld ms; every message waits for it: look for what keeps the "
		    "disk busy", d->spool, ms);
	else
		doctor_say(d, FINDING_OK, "commit to %s: %lld ms", d->spool, ms);
}

static void
check_room(struct doctor *d)
{
	struct statvfs v;
	struct statfs f;
	const char *weak;

	if (statvfs(d->spool, &v) == -1 || statfs(d->spool, &f) == -1) {
		doctor_say(d, FINDING_UNKNOWN, "disk of %s: %s", d->spool, strerror(errno));
		return;
	}
	weak = queue_weak_file_system((long)f.f_type);
	if (v.f_blocks > 0 && (v.f_bavail * 100 / v.f_blocks < DOCTOR_FREE_PERCENT ||
	    (v.f_files > 0 && v.f_favail * 100 / v.f_files < DOCTOR_FREE_PERCENT)))
		doctor_say(d, FINDING_BAD, "disk of %s: less than %d%% is free; make room", d->spool, DOCTOR_FREE_PERCENT);
	else if (weak != NULL)
		doctor_say(d, FINDING_BAD, "disk of %s: %s may lose accepted mail at a loss of power; use a local file system",
		    d->spool, weak);
	else
		doctor_say(d, FINDING_OK, "disk of %s: has room", d->spool);
}

void
doctor_disk(struct doctor *d)
{
	struct queue q;
	const char *missing = "";

	check_room(d);
	if (!queue_open(&q, d->spool, (1U << QUEUE_PLACES) - 1, &missing)) {
		if (errno == EACCES || errno == EPERM)
			doctor_say(d, FINDING_UNKNOWN, "commit to %s: only root and the owner of the queue may try", d->spool);
		else
			doctor_say(d, FINDING_BAD, "spool %s/%s: %s; queue-init makes it", d->spool, missing, strerror(errno));
		return;
	}
	check_commit(d, &q);
	queue_close(&q);
}

/* The runner touches `lock` when it starts and while it lives. */
void
doctor_runner(struct doctor *d)
{
	struct queue q;
	struct stat st;
	long long idle;

	if (!queue_open(&q, d->spool, 0, NULL))
		return;		/* that has been said */
	if (show_queue_has_runner(&q)) {
		doctor_say(d, FINDING_OK, "queue-run is at work");
	} else if (fstatat(q.top, "lock", &st, AT_SYMLINK_NOFOLLOW) == -1) {
		doctor_say(d, FINDING_UNKNOWN, "queue-run: %s/lock: %s", d->spool, strerror(errno));
	} else {
		idle = (long long)time(NULL) - (long long)st.st_mtime;
		if (idle > DOCTOR_IDLE_SECONDS)
			doctor_say(d, FINDING_BAD, "queue-run: nobody has run the queue for %lld minutes; start queue-run -s, or "
			    "queue-run from cron", idle / 60);
		else
			doctor_say(d, FINDING_OK, "queue-run: has run the queue within the last %d minutes",
			    DOCTOR_IDLE_SECONDS / 60);
	}
	queue_close(&q);
}
