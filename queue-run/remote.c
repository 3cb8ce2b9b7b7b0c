/* remote: recipients that another host takes.
 *
 * The recipients of one message that go the same way are one job, up to what a transaction
 * may hold; its frame is made when a process takes it. A destination that nobody answers at
 * is remembered (destination.c), and what waits for it is deferred with the
 * one attempt that showed it. See runner.h and lib/relay.h. */
#include "queue-run/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/relay.h"

/* ---- which way ---- */

/* What is parsed from a route's param. */
struct way {
	struct relay relay;
	stralloc key;
};

static uint32_t
lower(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Connections at a time: a lane is a domain and a relay, and hardly ever more than one host
 * and one route, so that the lowest of the limits that have to do with these holds. */
static uint32_t
sessions_max(const struct conf *c, const char *host)
{
	const struct conf_mta_limit *l = relay_find_limit(c, host);

	if (l == NULL)
		return 1;
	return lower(lower(l->max_conn_per_host, l->max_conn_per_route),
	    lower(lower(l->max_conn_per_relay, l->max_conn_per_domain), l->max_conn_per_connector));
}

static bool
read_way(struct way *w, const char *param)
{
	*w = (struct way){ .key = STRALLOC_ZERO };
	relay_init(&w->relay);
	return relay_decode(&w->relay, param) && stralloc_append(&w->key, (char)IDENTITY_REMOTE) &&
	    relay_key(&w->key, &w->relay) && stralloc_0(&w->key);
}

static void
free_way(struct way *w)
{
	relay_free(&w->relay);
	stralloc_free(&w->key);
}

/* ---- jobs ---- */

/* A transaction has one reverse-path. */
static bool
takes(const struct job_run *j, const struct message *m, size_t i)
{
	return j->message == m && genalloc_len(size_t, &j->recipients) < JOB_RECIPIENTS_MAX &&
	    strcmp(message_reverse_path(m, *genalloc_s(size_t, &j->recipients)), message_reverse_path(m, i)) == 0;
}

/* A job that still waits there and has room for the recipient. */
static struct job_run *
find_waiting(const struct lane *l, const struct message *m, size_t i)
{
	struct job_run *j = l->waiting;

	while (j != NULL && !takes(j, m, i))
		j = j->next;
	return j;
}

static bool
add_to_lane(struct runner *r, struct lane *l, struct message *m, size_t i, uint32_t expire_seconds)
{
	struct job_run *j = find_waiting(l, m, i);

	if (j != NULL)
		return genalloc_append(size_t, &j->recipients, &i);
	j = job_new(m, MTA_SECONDS, expire_seconds);
	if (j == NULL)
		return false;
	if (!genalloc_append(size_t, &j->recipients, &i)) {
		job_free(j);
		return false;
	}
	j->is_relay = true;
	m->running++;
	lane_add(r, l, j);
	return true;
}

static void
spare(struct runner *r, struct message *m, size_t i, const struct destination *d, uint32_t expire_seconds)
{
	char reason[JOB_REASON_MAX + 1];

	snprintf(reason, sizeof reason, "%.*s (as found %lld seconds ago)", JOB_REASON_MAX - 40, d->reason,
	    (long long)time(NULL) - (long long)d->tried);
	outcome_spared(r, m, i, reason, d->tried, expire_seconds);
	if (d->until > m->due_not_before)
		m->due_not_before = d->until;
}

void
remote_hand_out(struct runner *r, struct message *m, size_t i, const char *param, uint32_t expire_seconds)
{
	struct way w;
	struct lane *l = NULL;
	const struct destination *d;
	bool is_read = read_way(&w, param), is_done = false;

	m->is_remote = true;
	if (is_read && (d = destination_dead(r, w.key.s)) != NULL) {
		spare(r, m, i, d, expire_seconds);
		free_way(&w);
		return;
	}
	if (is_read)
		l = lane_find_remote(r, &(struct remote_lane){
			.key = w.key.s, .param = param, .domain = w.relay.host, .label = w.relay.label,
			.table = w.relay.table, .sessions_max = sessions_max(r->conf, w.relay.host),
		});
	free_way(&w);
	if (l != NULL) {
		if (find_waiting(l, m, i) == NULL && !lane_admits(r, l, m, i))
			return;
		is_done = add_to_lane(r, l, m, i, expire_seconds);
	}
	if (is_done)
		message_set_progress(m, i, PROGRESS_RUNNING);
	else
		outcome_deferred(r, m, i, "4.3.0 no memory for the delivery", false, expire_seconds);
}

/* The text goes as a descriptor of its own, which cannot write and has no part in our position. */
static bool
pass_text(const struct runner *r, struct job_run *j)
{
	j->feed.passed_fd = openat(r->queue.place[QUEUE_CUR], j->message->file.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return j->feed.passed_fd != -1;
}

bool
remote_load(const struct runner *r, const struct lane *l, struct job_run *j)
{
	const struct message *m = j->message;
	const struct facts *f = &m->file.facts;
	const size_t *i = genalloc_s(size_t, &j->recipients);
	size_t n = genalloc_len(size_t, &j->recipients);
	struct job job = {
		.id = m->id, .action = JOB_RELAY, .param = l->param, .reverse_path = message_reverse_path(m, i[0]),
		.user = "", .home = "", .origin = "", .helo = "", .auth_user = "", .deadline_seconds = j->deadline_seconds,
		.ret = f->ret, .envid = f->envid, .is_smtputf8 = f->is_smtputf8, .text_size = m->file.text_size,
		.recipients = GENALLOC_ZERO,
	};
	char letters[JOB_RECIPIENTS_MAX][NOTIFY_MAX + 1];
	bool is_loaded = n <= JOB_RECIPIENTS_MAX;

	for (size_t k = 0; is_loaded && k < n; k++) {
		const struct queue_recipient *q = message_recipient(m, i[k]);
		struct job_recipient to = {
			.original = message_recipient(m, message_root(m, i[k]))->text, .address = q->text,
			.notify = message_notify(m, i[k], letters[k]), .orcpt = q->orcpt,
		};

		is_loaded = genalloc_append(struct job_recipient, &job.recipients, &to);
	}
	j->feed.head.len = 0;
	is_loaded = is_loaded && job_encode(&j->feed.head, &job) && pass_text(r, j);
	genalloc_free(struct job_recipient, &job.recipients);
	return is_loaded;
}

/* ---- verdicts ---- */

/* A destination that answers gets one connection more each time, so that one that hangs never holds more than one. */
void
remote_note_verdicts(struct runner *r, struct lane *l, const struct job_verdict *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].verdict == VERDICT_UNREACHABLE) {
			l->window = 1;
			destination_note_failure(r, l->key, l->domain, v[i].reason);
			return;
		}
	if (l->window < l->sessions_max)
		l->window++;
	destination_note_answer(r, l->key);
}

void
remote_spare_waiting(struct runner *r, struct lane *l)
{
	const struct destination *d = destination_dead(r, l->key);

	if (d != NULL)
		lane_route_waiting(r, l);
}
