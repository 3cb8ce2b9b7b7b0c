/* lane: the jobs for one identity here, or for one destination elsewhere, that wait for a
 * process.
 *
 * No lane holds more than its share of the window: what comes beyond that waits outside, in
 * wait/KEY. A lane that stands still (a host that hangs, a command that never
 * ends) has a much smaller one, so that many such lanes leave room for the others. See
 * runner.h. */
#include "queue-run/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* One message may make a thousand lanes: they are not looked for one by one. */
static struct lane **
bucket(struct runner *r, const char *key)
{
	return &r->lane_buckets[key_hash(key) % LANE_BUCKETS];
}

static void
free_lane(struct lane *l)
{
	free((void *)(uintptr_t)l->identity.name);
	free((void *)(uintptr_t)l->identity.table);
	free((void *)(uintptr_t)l->param);
	free((void *)(uintptr_t)l->domain);
	free(l->key);
	free(l);
}

/* NULL stays NULL. False: no memory. */
static bool
copy(const char **to, const char *s)
{
	*to = s != NULL ? strdup(s) : NULL;
	return s == NULL || *to != NULL;
}

/* what: NULL for an identity here. */
static struct lane *
make_lane(struct runner *r, const char *key, const struct identity *who, const struct remote_lane *what)
{
	struct lane *l = calloc(1, sizeof *l), **place = bucket(r, key);

	if (l == NULL)
		return NULL;
	l->identity = *who;
	l->identity.table = NULL;
	l->key = strdup(key);
	if (!copy(&l->identity.name, who->name) || !copy(&l->identity.table, who->table) || l->key == NULL ||
	    (what != NULL && (!copy(&l->param, what->param) || !copy(&l->domain, what->domain)))) {
		free_lane(l);
		return NULL;
	}
	l->sessions_max = what != NULL ? what->sessions_max : 0;
	l->window = 1;
	l->waiting_end = &l->waiting;
	l->last_verdict = STAMP;
	if (r->lanes == NULL)
		r->lanes_end = &r->lanes;
	*r->lanes_end = l;	/* who came first is served first */
	r->lanes_end = &l->next;
	l->chain = *place;
	*place = l;
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
			l = make_lane(r, key.s, who, NULL);
	}
	stralloc_free(&key);
	return l;
}

struct lane *
lane_find_remote(struct runner *r, const struct remote_lane *what)
{
	struct identity who = { .kind = IDENTITY_REMOTE, .name = what->label, .table = what->table };
	struct lane *l = lane_by_key(r, what->key);

	return l != NULL ? l : make_lane(r, what->key, &who, what);
}

struct lane *
lane_by_key(const struct runner *r, const char *key)
{
	struct lane *l = r->lane_buckets[key_hash(key) % LANE_BUCKETS];

	while (l != NULL && strcmp(l->key, key) != 0)
		l = l->chain;
	return l;
}

/* ---- jobs ---- */

struct job_run *
job_new(struct message *m, uint32_t deadline_seconds, uint32_t expire_seconds)
{
	struct job_run *j = calloc(1, sizeof *j);

	if (j == NULL)
		return NULL;
	j->feed = (struct feed)FEED_ZERO;
	j->message = m;
	j->deadline_seconds = deadline_seconds;
	j->expire_seconds = expire_seconds;
	return j;
}

void
job_free(struct job_run *j)
{
	genalloc_free(size_t, &j->recipients);
	feed_free(&j->feed);
	free(j);
}

void
lane_add(struct runner *r, struct lane *l, struct job_run *j)
{
	j->next = NULL;
	*l->waiting_end = j;
	l->waiting_end = &j->next;
	l->nwaiting++;
	r->nwaiting++;
}

/* Takes the job at *p out of the line. */
static struct job_run *
take_out(struct runner *r, struct lane *l, struct job_run **p)
{
	struct job_run *j = *p;

	*p = j->next;
	if (l->waiting_end == &j->next)
		l->waiting_end = p;
	l->nwaiting--;
	r->nwaiting--;
	j->next = NULL;
	return j;
}

struct job_run *
lane_take(struct runner *r, struct lane *l)
{
	struct job_run *j = take_out(r, l, &l->waiting);

	if (lane_wants_more(l))
		r->must_look_at_wait = true;
	return j;
}

/* ---- how much a lane may hold ---- */

/* Whether its processes have said something lately, or it has just begun. */
static bool
is_answering(const struct lane *l)
{
	tain limit;

	tain_addsec(&limit, &l->last_verdict, MOVING_SECONDS);
	return tain_future(&limit);
}

bool
lane_is_moving(const struct lane *l)
{
	return !l->is_slow && is_answering(l);
}

static size_t
share(const struct lane *l)
{
	return is_answering(l) ? LANE_SHARE : LANE_SHARE_STILL;
}

bool
lane_is_full(const struct lane *l)
{
	return l->nwaiting >= share(l);
}

bool
lane_wants_more(const struct lane *l)
{
	return l == NULL || l->nwaiting < share(l) / 2;
}

bool
lane_wants_parked(const struct runner *r, const char *key)
{
	return pause_is_key(key) ? pause_is_over(r, key) : lane_wants_more(lane_by_key(r, key));
}

static void
press(struct runner *r, struct lane *l)
{
	if (r->pressing == l)
		return;
	r->pressing = l;
	tain_addsec_g(&r->press_end, MOVING_SECONDS);
}

/* Whether waiting for it costs less than parking a message outside and fetching it
 * again. A destination is waited for only while there are no others. */
static bool
is_worth_waiting_for(const struct runner *r, const struct lane *l)
{
	return lane_is_moving(l) && (l->param == NULL || (r->lanes == l && l->next == NULL));
}

bool
lane_admits(struct runner *r, struct lane *l, struct message *m, size_t i)
{
	if (!lane_is_full(l))
		return true;
	if (is_worth_waiting_for(r, l)) {
		press(r, l);	/* this one still, but no further message */
		return true;
	}
	message_park(m, i, l->key);
	return false;
}

void
lane_relieve(struct runner *r)
{
	if (r->pressing == NULL || (!lane_wants_more(r->pressing) && tain_future(&r->press_end)))
		return;
	r->pressing->is_slow = !lane_wants_more(r->pressing);
	r->pressing = NULL;
}

/* Ends a job that no process has seen. Its recipients are parked, where there is a key. */
static void
take_back(struct job_run *j, const char *park_key, enum progress progress)
{
	struct message *m = j->message;
	const size_t *i = genalloc_s(size_t, &j->recipients);

	for (size_t k = 0; k < genalloc_len(size_t, &j->recipients); k++)
		if (park_key != NULL)
			message_park(m, i[k], park_key);
		else
			message_set_progress(m, i[k], progress);
	m->running--;
	m->first_undecided = 0;
	job_free(j);
}

static void
give_back(struct runner *r, struct job_run *jobs, const char *park_key, enum progress progress)
{
	struct job_run *j;

	while ((j = jobs) != NULL) {
		struct message *m = j->message;

		jobs = j->next;
		take_back(j, park_key, progress);
		message_advance(r, m);
	}
}

void
lane_withdraw(struct runner *r, struct message *m)
{
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		for (struct job_run **p = &l->waiting; *p != NULL;)
			if ((*p)->message == m)
				take_back(take_out(r, l, p), NULL, PROGRESS_OVER);
			else
				p = &(*p)->next;
}

/* The last ones that came go first. */
static void
shed(struct runner *r, struct lane *l)
{
	struct job_run **p = &l->waiting, *jobs = NULL, **end = &jobs;

	for (size_t n = share(l); n > 0; n--)
		p = &(*p)->next;
	while (*p != NULL) {
		*end = take_out(r, l, p);
		end = &(*end)->next;
	}
	give_back(r, jobs, l->key, PROGRESS_PARKED);
}

void
lane_shed(struct runner *r)
{
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		if (l->nwaiting > LANE_SHARE_STILL && !is_answering(l))
			shed(r, l);
}

void
lane_next_deadline(const struct runner *r, tain *deadline)
{
	tain t;

	for (const struct lane *l = r->lanes; l != NULL; l = l->next) {
		tain_addsec(&t, &l->last_verdict, MOVING_SECONDS);
		if (l->nwaiting > LANE_SHARE_STILL && tain_less(&t, deadline))
			*deadline = t;
	}
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
	w = worker_choose(r, l, &is_stuck);
	if (w != NULL)
		worker_send(r, w, lane_take(r, l));
	else if (is_stuck)
		worker_defer_job(r, lane_take(r, l), "4.3.0 cannot start a delivery process");
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

static void
leave_bucket(struct runner *r, const struct lane *l)
{
	struct lane **p = bucket(r, l->key);

	while (*p != l)
		p = &(*p)->chain;
	*p = l->chain;
}

void
lane_tidy(struct runner *r)
{
	struct lane **p = &r->lanes, *l;

	while ((l = *p) != NULL) {
		if (r->is_stopping)
			worker_drop_idle(r, l);
		if (l->waiting == NULL && l->workers == NULL) {
			*p = l->next;
			if (r->lanes_end == &l->next)
				r->lanes_end = p;
			leave_bucket(r, l);
			if (r->pressing == l)
				r->pressing = NULL;
			free_lane(l);
			r->must_look_at_wait = true;
		} else {
			p = &l->next;
		}
	}
}

static struct job_run *
take_all(struct runner *r, struct lane *l)
{
	struct job_run *jobs = l->waiting;

	l->waiting = NULL;
	l->waiting_end = &l->waiting;
	r->nwaiting -= l->nwaiting;
	l->nwaiting = 0;
	return jobs;
}

void
lane_forget_waiting(struct runner *r)
{
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		give_back(r, take_all(r, l), NULL, PROGRESS_OVER);
}

void
lane_route_waiting(struct runner *r, struct lane *l)
{
	give_back(r, take_all(r, l), NULL, PROGRESS_NONE);
	r->must_look_at_wait = true;
}
