/* report: notices to senders, made by queue-bounce.
 *
 * A failure counts as reported only after queue-bounce has queued the notice
 * durably; until then its octet stays 'f' and the next attempt reports again.
 * See runner.h and lib/notice.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/inject.h"
#include "lib/log.h"
#include "lib/place.h"
#include "lib/spawn.h"
#include "lib/stats.h"

extern char **environ;

static bool
is_noticeable(const struct message *m)
{
	return *m->file.envelope.reverse_path != '\0' &&
	    strcmp(m->file.envelope.reverse_path, NOTICE_DOUBLE_PATH) != 0;
}

static const struct success *
find_success(const struct message *m, size_t i)
{
	const struct success *s = genalloc_s(struct success, &m->succeeded);
	size_t n = genalloc_len(struct success, &m->succeeded);

	for (size_t k = 0; k < n; k++)
		if (s[k].recipient == i)
			return &s[k];
	return NULL;
}

/* Whether recipient i is part of a notice of that kind. */
static bool
belongs(const struct message *m, size_t i, enum notice_kind kind)
{
	const struct queue_recipient *q = message_recipient(m, i);

	switch (kind) {
	case NOTICE_FAILURE:
	case NOTICE_DOUBLE:
		return q->status == RECIPIENT_FAILED;
	case NOTICE_DELAY:
		return q->status == RECIPIENT_PENDING && (*q->notify == '\0' || strchr(q->notify, 'd') != NULL);
	case NOTICE_SUCCESS:
		return find_success(m, i) != NULL;
	}
	return false;
}

static size_t
count_belonging(const struct message *m, enum notice_kind kind)
{
	size_t n = 0, count = message_count(m);

	for (size_t i = 0; i < count; i++)
		n += belongs(m, i, kind);
	return n;
}

/* Whether the sender should hear that it takes so long. */
static bool
is_late(const struct runner *r, const struct message *m)
{
	return r->conf != NULL && m->file.warned < r->conf->nbounce_warn &&
	    (int64_t)time(NULL) - m->file.created >= (int64_t)r->conf->bounce_warn_seconds[m->file.warned];
}

/* The notice that is due now; false if there is none. Success comes first, and
 * at the end of the runner, too: nothing but memory knows that it is to be told. */
static bool
choose(const struct runner *r, const struct message *m, enum notice_kind *kind)
{
	*kind = NOTICE_SUCCESS;
	if (is_noticeable(m) && genalloc_len(struct success, &m->succeeded) > 0)
		return true;
	if (r->is_stopping)
		return false;
	*kind = *m->file.envelope.reverse_path == '\0' ? NOTICE_DOUBLE : NOTICE_FAILURE;
	if (count_belonging(m, *kind) > 0)
		return true;
	*kind = NOTICE_DELAY;
	return is_noticeable(m) && is_late(r, m) && m->has_deferral && count_belonging(m, NOTICE_DELAY) > 0;
}

static enum notice_action
action_of(const struct message *m, size_t i, enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_DELAY:
		return NOTICE_DELAYED;
	case NOTICE_SUCCESS:
		return find_success(m, i)->action;
	default:
		return NOTICE_FAILED;
	}
}

/* Until when a delayed one is tried, as far as is known. */
static int64_t
retry_until(const struct runner *r, const struct message *m)
{
	if (m->expire_seconds != 0)
		return m->file.created + m->expire_seconds;
	return r->conf != NULL ? m->file.created + r->conf->expire_seconds : 0;
}

/* A command or path of an alias is nobody's business: its parent's address stands for it. */
static const char *
public_address(const struct message *m, size_t i)
{
	const struct queue_recipient *q = message_recipient(m, i);

	while (q->kind == RECIPIENT_OF_ALIAS || q->kind == RECIPIENT_OF_USER)
		q = message_recipient(m, (size_t)q->parent);
	return q->text;
}

static bool
describe(const struct runner *r, const struct message *m, enum notice_kind kind, stralloc *to)
{
	struct notice n = NOTICE_ZERO;
	size_t count = message_count(m);
	bool is_described = true;

	n.kind = kind;
	n.id = m->id;
	n.host = r->host;
	n.reverse_path = m->file.envelope.reverse_path;
	n.envid = m->file.facts.envid;
	n.ret = m->file.facts.ret;
	n.is_smtputf8 = m->file.facts.is_smtputf8;
	n.arrived = m->file.created;
	n.text_size = m->file.text_size;
	for (size_t i = 0; is_described && i < count; i++) {
		struct notice_recipient to_tell = notice_recipient_unknown;
		const struct queue_recipient *q = message_recipient(m, i);

		if (!belongs(m, i, kind))
			continue;
		to_tell.address = public_address(m, i);
		to_tell.original = message_recipient(m, message_root(m, i))->text;
		to_tell.orcpt = q->orcpt;
		to_tell.notify = q->notify;
		to_tell.reason = q->reason;
		to_tell.action = action_of(m, i, kind);
		to_tell.last_attempt = (int64_t)time(NULL);
		if (kind == NOTICE_DELAY)
			to_tell.retry_until = retry_until(r, m);
		is_described = genalloc_append(struct notice_recipient, &n.recipients, &to_tell);
	}
	is_described = is_described && notice_encode(to, &n);
	genalloc_free(struct notice_recipient, &n.recipients);
	return is_described;
}

/* Keeps which recipients the notice is about, for when it is queued. */
static bool
note_bounced(struct message *m, enum notice_kind kind)
{
	size_t count = message_count(m);

	genalloc_setlen(size_t, &m->bounced, 0);
	for (size_t i = 0; i < count; i++)
		if (belongs(m, i, kind) && !genalloc_append(size_t, &m->bounced, &i))
			return false;
	return true;
}

/* Not now: the message goes back to the calendar with its failures unreported. Of
 * success nothing is on record but that it is one. */
static bool
postpone(struct message *m, enum notice_kind kind, const char *why)
{
	log_line("%s: %s: %s", m->id,
	    kind == NOTICE_SUCCESS ? "the sender is not told of the success" : "the notice has to wait", why);
	m->is_bounce_tried = true;
	m->due_not_before = (int64_t)time(NULL) + QUEUE_SLOT_SECONDS;
	return false;
}

static bool
is_over_the_limit(struct runner *r)
{
	int64_t minute = time(NULL) / 60;

	if (minute != r->bounce_minute) {
		r->bounce_minute = minute;
		r->bounces_this_minute = 0;
	}
	return r->bounces_this_minute++ >= BOUNCES_PER_MINUTE;
}

static bool
start_queue_bounce(struct message *m)
{
	static const char *const argv[] = { "queue-bounce", NULL };
	char path[PATH_MAX];
	int pipe_fd[2], fds[2];

	if (!place_program(path, sizeof path, "queue-bounce") || !spawn_pipe(pipe_fd))
		return false;
	fds[0] = pipe_fd[0];
	fds[1] = SPAWN_NULL;
	m->bounce = spawn_program(path, argv, (const char *const *)(const void *)environ, fds, 2);
	fd_close(pipe_fd[0]);
	if (m->bounce == -1 || ndelay_on(pipe_fd[1]) == -1) {
		m->bounce = 0;
		fd_close(pipe_fd[1]);
		return false;
	}
	m->bounce_fd = pipe_fd[1];
	tain_addsec_g(&m->bounce_deadline, BOUNCE_SECONDS);
	return true;
}

bool
report_start(struct runner *r, struct message *m)
{
	enum notice_kind kind;
	struct feed *f = &m->bounce_feed;

	if (!choose(r, m, &kind))
		return false;
	if (is_over_the_limit(r))
		return postpone(m, kind, "too many notices this minute");
	f->head.len = 0;
	if (!describe(r, m, kind, &f->head) || !note_bounced(m, kind))
		return postpone(m, kind, "no memory");
	f->head_sent = 0;
	f->text_fd = m->file.fd;
	f->text_at = 0;
	f->text_left = m->file.text_size < NOTICE_TEXT_MAX ? m->file.text_size : NOTICE_TEXT_MAX;
	m->bounce_kind = kind;
	if (!start_queue_bounce(m))
		return postpone(m, kind, strerror(errno));
	report_writable(r, m);
	return true;
}

void
report_writable(struct runner *r, struct message *m)
{
	(void)r;
	if (feed_send(&m->bounce_feed, m->bounce_fd) == FEED_MORE)
		return;
	/* Broken or done: what it makes of it is told by its exit status. */
	fd_close(m->bounce_fd);
	m->bounce_fd = -1;
}

/* One notice stands for all delays that it could have told of by now. */
static void
mark_warned(const struct runner *r, struct message *m)
{
	do {
		if (!queue_file_note_warned(&m->file, time(NULL))) {
			log_line("%s: cannot record that a delay was reported: %s", m->id, strerror(errno));
			m->file.warned++;
		}
	} while (is_late(r, m));
}

/* The notice is queued, or there can be none: nobody has to be told of these again. */
static void
mark_reported(struct runner *r, struct message *m, bool is_queued)
{
	const size_t *i = genalloc_s(size_t, &m->bounced);
	size_t n = genalloc_len(size_t, &m->bounced);

	switch (m->bounce_kind) {
	case NOTICE_FAILURE:
	case NOTICE_DOUBLE:
		for (size_t k = 0; k < n; k++)
			(is_queued ? outcome_reported : outcome_discarded)(r, m, i[k]);
		break;
	case NOTICE_DELAY:
		mark_warned(r, m);
		break;
	case NOTICE_SUCCESS:
		genalloc_setlen(struct success, &m->succeeded, 0);
		break;
	}
}

void
report_ended(struct runner *r, struct message *m, int status)
{
	if (m->bounce_fd != -1)
		fd_close(m->bounce_fd);
	m->bounce_fd = -1;
	m->bounce = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		stats_add(STATS_QUEUE_BOUNCES, 1);
		mark_reported(r, m, true);
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_DATAERR) {
		mark_reported(r, m, false);
	} else {
		postpone(m, m->bounce_kind, "queue-bounce could not make it");
	}
	message_advance(r, m);
}

void
report_enforce_deadlines(struct runner *r)
{
	for (struct message *m = r->messages; m != NULL; m = m->next)
		if (m->bounce != 0 && !tain_future(&m->bounce_deadline)) {
			kill(m->bounce, SIGKILL);
			tain_addsec_g(&m->bounce_deadline, BOUNCE_SECONDS);	/* it ends when the kernel lets it */
		}
}

/* In a child: queue-inject may take its time. */
static _Noreturn void
inject_note(const struct runner *r, const char *id, const char *what)
{
	struct facts facts = facts_unknown;
	struct injection in;
	struct inject_result result;
	stralloc text = STRALLOC_ZERO, envelope = STRALLOC_ZERO;

	facts.origin = ORIGIN_NOTICE;
	if (stralloc_cats(&text, "From: Mail Delivery System <MAILER-DAEMON@") && stralloc_cats(&text, r->host) &&
	    stralloc_cats(&text, ">\nTo: postmaster\nSubject: message ") && stralloc_cats(&text, id) &&
	    stralloc_cats(&text, " needs a look\nAuto-Submitted: auto-generated\n\nMessage ") &&
	    stralloc_cats(&text, id) && stralloc_cats(&text, " ") && stralloc_cats(&text, what) &&
	    stralloc_cats(&text, "\nbelow ") && stralloc_cats(&text, r->spool) &&
	    stralloc_cats(&text, " on this host. Nothing else will happen to it.\n") &&
	    envelope_begin(&envelope, "") && envelope_add_recipient(&envelope, "postmaster", "", "") &&
	    envelope_end(&envelope) && inject_start(&in, &facts)) {
		inject_write(&in, text.s, text.len);
		inject_finish(&in, &envelope, &result);
		_exit(result.status == QUEUE_OK ? 0 : 1);
	}
	_exit(1);
}

void
report_to_postmaster(struct runner *r, const char *id, const char *what)
{
	pid_t pid;

	if (is_over_the_limit(r)) {
		log_line("%s: postmaster is not told: too many notices this minute", id);
		return;
	}
	pid = fork();
	if (pid == 0)
		inject_note(r, id, what);
	if (pid == -1)
		log_line("%s: postmaster cannot be told: %s", id, strerror(errno));
}
