/* lane: the jobs for one identity, and the delivery processes that do them.
 *
 * A process is given further quick jobs before it has answered, so that it can
 * make several deliveries durable at once; a job that may take long has a
 * process for itself. A process that dies costs its jobs one more try, then a
 * deferral. See runner.h and lib/job.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/node.h"
#include "lib/printable.h"

enum { READ_PIECE = 4096 };

/* ---- finding and keeping lanes ---- */

/* The key is a directory name: letters and digits stay, all else becomes %XX. */
static bool
make_key(stralloc *key, const struct identity *who)
{
	char text[320], hex[4];

	snprintf(text, sizeof text, "%c%s.%lu.%lu", who->kind, who->name != NULL ? who->name : "",
	    (unsigned long)who->uid, (unsigned long)who->gid);
	key->len = 0;
	for (const char *p = text; *p != '\0'; p++) {
		bool is_plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
		    *p == '.' || *p == '-' || *p == '_';

		snprintf(hex, sizeof hex, is_plain ? "%c" : "%%%02X", (unsigned char)*p);
		if (!stralloc_cats(key, hex))
			return false;
	}
	return stralloc_0(key);
}

static void
free_lane(struct lane *l)
{
	free((void *)(uintptr_t)l->identity.name);
	free(l->key);
	free(l);
}

static struct lane *
make_lane(struct runner *r, const char *key, const struct identity *who)
{
	struct lane *l = calloc(1, sizeof *l), **end = &r->lanes;

	if (l == NULL)
		return NULL;
	l->key = strdup(key);
	l->identity = *who;
	if (who->name != NULL)
		l->identity.name = strdup(who->name);
	if (l->key == NULL || (who->name != NULL && l->identity.name == NULL)) {
		free_lane(l);
		return NULL;
	}
	l->waiting_end = &l->waiting;
	l->last_verdict = STAMP;
	while (*end != NULL)	/* who came first is served first */
		end = &(*end)->next;
	*end = l;
	return l;
}

struct lane *
lane_find(struct runner *r, const struct identity *who)
{
	stralloc key = STRALLOC_ZERO;
	struct lane *l = NULL;

	if (make_key(&key, who)) {
		l = lane_by_key(r, key.s);
		if (l == NULL)
			l = make_lane(r, key.s, who);
	}
	stralloc_free(&key);
	return l;
}

static void
append_waiting(struct runner *r, struct lane *l, struct job_run *j)
{
	j->next = NULL;
	*l->waiting_end = j;
	l->waiting_end = &j->next;
	l->nwaiting++;
	r->nwaiting++;
}

void
lane_add(struct runner *r, struct lane *l, struct job_run *j)
{
	append_waiting(r, l, j);
}

bool
lane_is_full(const struct lane *l)
{
	return l->nwaiting >= LANE_SHARE;
}

bool
lane_wants_more(const struct lane *l)
{
	return l == NULL || l->nwaiting < LANE_SHARE / 2;
}

bool
lane_is_moving(const struct lane *l)
{
	tain limit;

	tain_addsec(&limit, &l->last_verdict, MOVING_SECONDS);
	return !l->is_slow && tain_future(&limit);
}

void
lane_press(struct runner *r, struct lane *l)
{
	if (r->pressing == l)
		return;
	r->pressing = l;
	tain_addsec_g(&r->press_end, MOVING_SECONDS);
}

void
lane_relieve(struct runner *r)
{
	if (r->pressing == NULL || (!lane_wants_more(r->pressing) && tain_future(&r->press_end)))
		return;
	r->pressing->is_slow = !lane_wants_more(r->pressing);
	r->pressing = NULL;
}

struct lane *
lane_by_key(const struct runner *r, const char *key)
{
	struct lane *l;

	for (l = r->lanes; l != NULL && strcmp(l->key, key) != 0; l = l->next)
		;
	return l;
}

static void
free_job(struct job_run *j)
{
	genalloc_free(size_t, &j->recipients);
	feed_free(&j->feed);
	free(j);
}

/* ---- processes ---- */

static void
set_deadline(struct worker *w)
{
	if (w->sent != NULL)
		tain_addsec_g(&w->deadline, (int)w->sent->deadline_seconds + JOB_SLACK_SECONDS);
}

static struct worker *
start_worker(struct runner *r, struct lane *l)
{
	struct worker *w = calloc(1, sizeof *w);
	int pair[2];

	if (w == NULL)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		free(w);
		return NULL;
	}
	*w = (struct worker){ .lane = l, .fd = pair[0], .tag = r->next_tag++ };
	w->sent_end = &w->sent;
	if (ndelay_on(w->fd) == -1 || !spawner_request(r, w->tag, &l->identity, pair[1])) {
		fd_close(pair[0]);
		fd_close(pair[1]);
		free(w);
		return NULL;
	}
	fd_close(pair[1]);
	w->next = l->workers;
	l->workers = w;
	l->nworkers++;
	r->nworkers++;
	return w;
}

/* Closing our end tells an idle process to go. */
static void
drop_worker(struct runner *r, struct worker *w)
{
	struct worker **p = &w->lane->workers;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	w->lane->nworkers--;
	r->nworkers--;
	fd_close(w->fd);
	stralloc_free(&w->received);
	free(w);
}

/* Makes room for another identity's process. */
static bool
drop_an_idle_worker(struct runner *r)
{
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		for (struct worker *w = l->workers; w != NULL; w = w->next)
			if (w->sent == NULL) {
				drop_worker(r, w);
				return true;
			}
	return false;
}

/* ---- sending ---- */

static bool
holds_only_quick(const struct worker *w)
{
	for (const struct job_run *j = w->sent; j != NULL; j = j->next)
		if (!j->is_quick || j->losses > 0)
			return false;
	return true;
}

/* The process that the lane's next job goes to. NULL: it has to wait, or, with
 * *is_stuck, none can be started (errno). */
static struct worker *
choose_worker(struct runner *r, struct lane *l, bool *is_stuck)
{
	const struct job_run *j = l->waiting;
	const struct conf_limits *limits = &r->conf->limits;
	bool is_quick = j->is_quick && j->losses == 0, has_quick = false;
	struct worker *w;

	*is_stuck = false;
	for (w = l->workers; w != NULL; w = w->next)
		if (w->sent == NULL)
			return w;
	for (w = l->workers; is_quick && w != NULL; w = w->next) {
		if (!holds_only_quick(w))
			continue;
		if (w->sending == NULL && w->nsent < PIPELINE_JOBS)
			return w;
		has_quick = true;	/* soon */
	}
	if (has_quick || l->nworkers >= limits->mda_max_session_per_user ||
	    (r->nworkers >= limits->mda_max_session && !drop_an_idle_worker(r)))
		return NULL;
	w = start_worker(r, l);
	*is_stuck = w == NULL;
	return w;
}

/* Takes the job that has waited longest. */
static struct job_run *
take_waiting(struct runner *r, struct lane *l)
{
	struct job_run *j = l->waiting;

	l->waiting = j->next;
	if (l->waiting == NULL)
		l->waiting_end = &l->waiting;
	l->nwaiting--;
	r->nwaiting--;
	if (lane_wants_more(l))
		r->must_look_at_wait = true;
	j->next = NULL;
	return j;
}

static void
send_to(struct runner *r, struct worker *w)
{
	struct job_run *j = take_waiting(r, w->lane);

	*w->sent_end = j;
	w->sent_end = &j->next;
	w->nsent++;
	w->sending = j;
	if (w->nsent == 1)
		set_deadline(w);
	lane_worker_writable(r, w);
}

void
lane_worker_writable(struct runner *r, struct worker *w)
{
	if (w->sending == NULL)
		return;
	switch (feed_send(&w->sending->feed, w->fd)) {
	case FEED_DONE:
		w->sending = NULL;
		break;
	case FEED_MORE:
		break;
	case FEED_BROKEN:
		/* Whatever it has said before it died is read first; its end comes as end of file. */
		w->sending = NULL;
		shutdown(w->fd, SHUT_WR);
		break;
	}
	(void)r;
}

/* ---- verdicts ---- */

static struct job_run *
take_oldest(struct worker *w)
{
	struct job_run *j = w->sent;

	w->lane->last_verdict = STAMP;
	w->sent = j->next;
	if (w->sent == NULL)
		w->sent_end = &w->sent;
	w->nsent--;
	if (w->sending == j)
		w->sending = NULL;
	set_deadline(w);
	return j;
}

/* One line of a report. Commands and paths stand for themselves; names are
 * checked like any other: the report is data from that user. */
static bool
append_node(stralloc *nodes, const char **why, const char *s, size_t len, bool is_forward)
{
	static const char include[] = ":include:";

	if (is_forward && len >= sizeof include - 1 && memcmp(s, include, sizeof include - 1) == 0)
		return true;
	if (len > 0 && (*s == '|' || *s == '/'))
		return stralloc_catb(nodes, s, len) && stralloc_0(nodes);
	return node_list_append(nodes, why, s, len);
}

/* A process has reported nodes, separated by LF, in place of a delivery. */
static void
expand(struct runner *r, const struct job_run *j, size_t i, const char *text)
{
	stralloc nodes = STRALLOC_ZERO;
	const char *why = "4.2.0 the list cannot be read", *end;
	bool is_good = true;

	for (; is_good && *text != '\0'; text = end + (*end == '\n')) {
		end = text + strcspn(text, "\n");
		is_good = append_node(&nodes, &why, text, (size_t)(end - text), j->reads_forward);
	}
	if (!is_good)
		outcome_deferred(r, j->message, i, why, false, j->expire_seconds);
	else if (nodes.len == 0)
		outcome_failed(r, j->message, i, "5.2.4 the list names nobody");
	else
		outcome_expanded(r, j->message, i, &nodes, j->reads_forward, j->uid);
	stralloc_free(&nodes);
}

/* What a process says about one recipient. */
static void
conclude_one(struct runner *r, const struct job_run *j, size_t i, const struct job_verdict *v)
{
	char why[JOB_REASON_MAX + 1];

	printable_copy(why, sizeof why, v->reason, strlen(v->reason));
	switch (v->verdict) {
	case VERDICT_DELIVERED:
		outcome_delivered(r, j->message, i, why);
		break;
	case VERDICT_FAILED:
		outcome_failed(r, j->message, i, why);
		break;
	case VERDICT_EXPANDED:
		if (j->reads_forward || j->reads_list)
			expand(r, j, i, v->reason);
		else	/* as an alias it would have commands run as ppalias */
			outcome_deferred(r, j->message, i, "4.3.0 the delivery process answered what it was not asked",
			    false, j->expire_seconds);
		break;
	case VERDICT_DEFERRED:
	case VERDICT_UNREACHABLE:
	default:
		outcome_deferred(r, j->message, i, why, false, j->expire_seconds);
		break;
	}
}

/* The job is over: verdicts[] has one for each of its recipients, or one for all. */
static void
conclude(struct runner *r, struct job_run *j, const struct job_verdict verdicts[], bool is_one_for_all)
{
	const size_t *i = genalloc_s(size_t, &j->recipients);
	size_t n = genalloc_len(size_t, &j->recipients);
	struct message *m = j->message;

	m->running--;
	for (size_t k = 0; k < n; k++)
		conclude_one(r, j, i[k], &verdicts[is_one_for_all ? 0 : k]);
	free_job(j);
	message_advance(r, m);
}

static void
defer_job(struct runner *r, struct job_run *j, const char *reason)
{
	struct job_verdict v = { .verdict = VERDICT_DEFERRED, .reason = reason };

	conclude(r, j, &v, true);
}

/* The process has gone: what it had not answered is tried once more by another, then deferred. */
static void
lose_worker(struct runner *r, struct worker *w, const char *reason)
{
	struct lane *l = w->lane;
	struct job_run *jobs = w->sent, *j;

	w->sent = NULL;
	drop_worker(r, w);
	while ((j = jobs) != NULL) {
		jobs = j->next;
		j->losses++;
		if (reason != NULL || j->losses >= LOSSES_MAX || r->is_stopping) {
			defer_job(r, j, reason != NULL ? reason : "4.3.0 the delivery process ended without a word");
			continue;
		}
		j->feed.head_sent = 0;
		j->feed.text_left += (uint64_t)j->feed.text_at;
		j->feed.text_at = 0;
		append_waiting(r, l, j);
	}
}

/* One whole frame. False: the process speaks nonsense. */
static bool
take_frame(struct runner *r, struct worker *w, enum job_frame type, const char *body, size_t len)
{
	genalloc verdicts = GENALLOC_ZERO;
	bool is_good = type == JOB_FRAME_VERDICTS && w->sent != NULL && job_decode_verdicts(&verdicts, body, len) &&
	    genalloc_len(struct job_verdict, &verdicts) == genalloc_len(size_t, &w->sent->recipients);

	if (is_good)
		conclude(r, take_oldest(w), genalloc_s(struct job_verdict, &verdicts), false);
	genalloc_free(struct job_verdict, &verdicts);
	return is_good;
}

/* Works off the frames received; the worker may have been dropped afterwards. */
static void
take_frames(struct runner *r, struct worker *w)
{
	enum job_frame type;
	size_t size, at = 0;

	while (at < w->received.len) {
		const char *frame = w->received.s + at;

		if (!job_scan_frame(&type, &size, frame, w->received.len - at)) {
			lose_worker(r, w, "4.3.0 the delivery process speaks nonsense");
			return;
		}
		if (size == 0 || size > w->received.len - at)
			break;
		at += size;
		if (type == JOB_FRAME_STUCK) {
			char why[JOB_REASON_MAX + 1];

			printable_copy(why, sizeof why, frame + JOB_HEAD, strnlen(frame + JOB_HEAD, size - JOB_HEAD));
			lose_worker(r, w, why);
			return;
		}
		if (!take_frame(r, w, type, frame + JOB_HEAD, size - JOB_HEAD)) {
			lose_worker(r, w, "4.3.0 the delivery process speaks nonsense");
			return;
		}
	}
	memmove(w->received.s, w->received.s + at, w->received.len - at);
	w->received.len -= at;
}

void
lane_worker_readable(struct runner *r, struct worker *w)
{
	ssize_t n;

	if (!stralloc_readyplus(&w->received, READ_PIECE))
		return;		/* it will still be there when memory is */
	n = read(w->fd, w->received.s + w->received.len, READ_PIECE);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose_worker(r, w, NULL);
		return;
	}
	w->received.len += (size_t)n;
	take_frames(r, w);
}

/* ---- dispatch ---- */

/* The lane's next job. False: it has to wait, or there is none. */
static bool
dispatch(struct runner *r, struct lane *l)
{
	struct worker *w;
	bool is_stuck;

	if (l->waiting == NULL)
		return false;
	w = choose_worker(r, l, &is_stuck);
	if (w != NULL)
		send_to(r, w);
	else if (is_stuck)
		defer_job(r, take_waiting(r, l), "4.3.0 cannot start a delivery process");
	return w != NULL || is_stuck;
}

/* Where processes are scarce, whoever has none gets the first that is free. */
void
lane_dispatch(struct runner *r)
{
	if (r->is_stopping || r->conf == NULL)
		return;
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		if (l->workers == NULL)
			dispatch(r, l);
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		while (dispatch(r, l))
			;
}

/* ---- housekeeping ---- */

void
lane_enforce_deadlines(struct runner *r)
{
	struct worker *next;

	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		for (struct worker *w = l->workers; w != NULL; w = next) {
			next = w->next;
			if (w->sent == NULL || tain_future(&w->deadline))
				continue;
			spawner_kill(r, w->tag);
			lose_worker(r, w, "4.3.0 the delivery took too long");
		}
}

void
lane_tidy(struct runner *r)
{
	struct lane **p = &r->lanes, *l;
	struct worker *next;

	while ((l = *p) != NULL) {
		if (r->is_stopping)
			for (struct worker *w = l->workers; w != NULL; w = next) {
				next = w->next;
				if (w->sent == NULL)
					drop_worker(r, w);
			}
		if (l->waiting == NULL && l->workers == NULL) {
			*p = l->next;
			if (r->pressing == l)
				r->pressing = NULL;
			free_lane(l);
			r->must_look_at_wait = true;
		} else {
			p = &l->next;
		}
	}
}

void
lane_forget_waiting(struct runner *r)
{
	for (struct lane *l = r->lanes; l != NULL; l = l->next) {
		struct job_run *j, *jobs = l->waiting;

		l->waiting = NULL;
		l->waiting_end = &l->waiting;
		r->nwaiting -= l->nwaiting;
		l->nwaiting = 0;
		while ((j = jobs) != NULL) {
			struct message *m = j->message;

			jobs = j->next;
			for (size_t k = 0; k < genalloc_len(size_t, &j->recipients); k++)
				message_set_progress(m, genalloc_s(size_t, &j->recipients)[k], PROGRESS_OVER);
			m->running--;
			free_job(j);
			message_advance(r, m);
		}
	}
}
