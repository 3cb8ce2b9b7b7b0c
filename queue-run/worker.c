/* worker: the delivery processes of a lane, what they are sent and what they answer.
 *
 * A process is given further quick jobs before it has answered, so that it can
 * make several deliveries durable at once; a job that may take long has a
 * process for itself. A process that dies costs its jobs one more try, then a
 * deferral. What it answers is data: of a user, or from a network. See runner.h and
 * lib/job.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/node.h"
#include "lib/printable.h"

enum { READ_PIECE = 4096 };

/* ---- processes ---- */

static bool
is_remote(const struct lane *l)
{
	return l->identity.kind == IDENTITY_REMOTE;
}

/* The number of processes that this one is one of. */
static size_t *
population(struct runner *r, const struct lane *l)
{
	return is_remote(l) ? &r->nsessions : &r->nworkers;
}

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
	++*population(r, l);
	r->has_no_idle[is_remote(l)] = false;
	return w;
}

/* Closing our end tells an idle process to go. */
static void
drop(struct runner *r, struct worker *w)
{
	struct worker **p = &w->lane->workers;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	w->lane->nworkers--;
	--*population(r, w->lane);
	fd_close(w->fd);
	stralloc_free(&w->received);
	free(w);
}

void
worker_drop_idle(struct runner *r, struct lane *l)
{
	struct worker *next;

	for (struct worker *w = l->workers; w != NULL; w = next) {
		next = w->next;
		if (w->sent == NULL)
			drop(r, w);
	}
}

/* Makes room for another lane's process of the same sort. */
static bool
drop_an_idle_one(struct runner *r, bool is_of_remote)
{
	if (r->has_no_idle[is_of_remote])
		return false;
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		for (struct worker *w = l->workers; w != NULL && is_remote(l) == is_of_remote; w = w->next)
			if (w->sent == NULL) {
				drop(r, w);
				return true;
			}
	r->has_no_idle[is_of_remote] = true;	/* thousands of lanes may ask in one turn */
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

/* Whether the destination may have another connection. The first may cost an idle one of
 * another; further ones are for what one cannot cope with, or destinations would take
 * them from each other in turn. */
static bool
may_connect(struct runner *r, const struct lane *l)
{
	if (l->nworkers == 0)
		return r->nsessions < SESSIONS_MAX || drop_an_idle_one(r, true);
	return l->nworkers < l->window && l->nwaiting > l->nworkers && r->nsessions < SESSIONS_MAX;
}

/* Whether the lane may have another process. It may cost an idle one of another. */
static bool
may_start(struct runner *r, const struct lane *l)
{
	const struct conf_limits *limits = &r->conf->limits;

	if (is_remote(l))
		return may_connect(r, l);
	return l->nworkers < limits->mda_max_session_per_user &&
	    (r->nworkers < limits->mda_max_session || drop_an_idle_one(r, false));
}

struct worker *
worker_choose(struct runner *r, struct lane *l, bool *is_stuck)
{
	const struct job_run *j = l->waiting;
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
	if (has_quick || !may_start(r, l))
		return NULL;
	w = start_worker(r, l);
	*is_stuck = w == NULL;
	return w;
}

void
worker_send(struct runner *r, struct worker *w, struct job_run *j)
{
	if (is_remote(w->lane) && !remote_load(r, w->lane, j)) {
		worker_defer_job(r, j, "4.3.0 no memory or descriptor for the delivery");
		return;
	}
	*w->sent_end = j;
	w->sent_end = &j->next;
	w->nsent++;
	w->sending = j;
	if (w->nsent == 1)
		set_deadline(w);
	worker_writable(w);
}

void
worker_writable(struct worker *w)
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
}

/* ---- verdicts ---- */

static struct job_run *
take_oldest(struct runner *r, struct worker *w)
{
	struct job_run *j = w->sent;

	w->lane->last_verdict = STAMP;
	w->sent = j->next;
	if (w->sent == NULL) {
		w->sent_end = &w->sent;
		r->has_no_idle[is_remote(w->lane)] = false;
	}
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
		outcome_tell(j->message, i, j->is_relay ? NOTICE_RELAYED : NOTICE_DELIVERED);
		outcome_delivered(r, j->message, i, j->is_relay, why);
		break;
	case VERDICT_PASSED_ON:
		outcome_delivered(r, j->message, i, j->is_relay, why);
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
	job_free(j);
	message_advance(r, m);
}

void
worker_defer_job(struct runner *r, struct job_run *j, const char *reason)
{
	struct job_verdict v = { .verdict = VERDICT_DEFERRED, .reason = reason };

	conclude(r, j, &v, true);
}

/* The operator may have paused or removed it meanwhile. */
static bool
is_wanted(const struct job_run *j)
{
	const size_t *i = genalloc_s(size_t, &j->recipients);

	for (size_t k = 0; k < genalloc_len(size_t, &j->recipients); k++)
		if (message_recipient(j->message, i[k])->status == RECIPIENT_PENDING)
			return !j->message->is_held;
	return false;
}

/* The process has gone: what it had not answered is tried once more by another, then deferred. */
static void
lose(struct runner *r, struct worker *w, const char *reason)
{
	struct lane *l = w->lane;
	struct job_run *jobs = w->sent, *j;

	w->sent = NULL;
	if (is_remote(l) && *l->identity.name != '\0')
		spawner_kill(r, w->tag);	/* its auth-check may still be at work */
	drop(r, w);
	while ((j = jobs) != NULL) {
		jobs = j->next;
		j->losses++;
		if (reason != NULL || j->losses >= LOSSES_MAX || r->is_stopping || !is_wanted(j)) {
			worker_defer_job(r, j, reason != NULL ? reason : "4.3.0 the delivery process ended without a word");
			continue;
		}
		feed_rewind(&j->feed);
		lane_add(r, l, j);
	}
}

static void
take_verdicts(struct runner *r, struct worker *w, const struct job_verdict *v, size_t n)
{
	struct lane *l = w->lane;
	struct job_run *j = take_oldest(r, w);

	if (is_remote(l))
		remote_note_verdicts(r, l, v, n);
	conclude(r, j, v, false);
	if (is_remote(l))
		remote_spare_waiting(r, l);
}

/* One whole frame. False: the process speaks nonsense. */
static bool
take_frame(struct runner *r, struct worker *w, enum job_frame type, const char *body, size_t len)
{
	genalloc verdicts = GENALLOC_ZERO;
	bool is_good = type == JOB_FRAME_VERDICTS && w->sent != NULL && job_decode_verdicts(&verdicts, body, len) &&
	    genalloc_len(struct job_verdict, &verdicts) == genalloc_len(size_t, &w->sent->recipients);

	if (is_good)
		take_verdicts(r, w, genalloc_s(struct job_verdict, &verdicts), genalloc_len(struct job_verdict, &verdicts));
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
			lose(r, w, "4.3.0 the delivery process speaks nonsense");
			return;
		}
		if (size == 0 || size > w->received.len - at)
			break;
		at += size;
		if (type == JOB_FRAME_STUCK) {
			char why[JOB_REASON_MAX + 1];

			printable_copy(why, sizeof why, frame + JOB_HEAD, strnlen(frame + JOB_HEAD, size - JOB_HEAD));
			lose(r, w, why);
			return;
		}
		if (!take_frame(r, w, type, frame + JOB_HEAD, size - JOB_HEAD)) {
			lose(r, w, "4.3.0 the delivery process speaks nonsense");
			return;
		}
	}
	memmove(w->received.s, w->received.s + at, w->received.len - at);
	w->received.len -= at;
}

void
worker_readable(struct runner *r, struct worker *w)
{
	ssize_t n;

	if (!stralloc_readyplus(&w->received, READ_PIECE))
		return;		/* it will still be there when memory is */
	n = read(w->fd, w->received.s + w->received.len, READ_PIECE);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(r, w, NULL);
		return;
	}
	w->received.len += (size_t)n;
	take_frames(r, w);
}

void
worker_enforce_deadlines(struct runner *r)
{
	struct worker *next;

	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		for (struct worker *w = l->workers; w != NULL; w = next) {
			next = w->next;
			if (w->sent == NULL || tain_future(&w->deadline))
				continue;
			spawner_kill(r, w->tag);
			lose(r, w, "4.3.0 the delivery took too long");
		}
}
