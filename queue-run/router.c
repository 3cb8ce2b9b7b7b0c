/* router: questions that the runner cannot answer without tables that may wait.
 *
 * Questions that need the same tables stand in one line, and each line has
 * routing processes of its own (router_process.c): a locked database holds up
 * nobody but those who cannot be decided about without it. What a question
 * needs comes out while it is asked: a process asks only the tables of its
 * line, and where it meets another one the question moves on to the line that
 * has that, too. A line that does not move holds no more than its share of the
 * window; the rest is deferred. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

/* ---- lines ---- */

/* Two questions about one message, one behind the other, hold it once. */
static bool
holds_same_message(const struct route_run *a, const struct route_run *b)
{
	return a != NULL && b != NULL && a->message == b->message;
}

static struct route_line *
find_line(struct runner *r, uint64_t sources)
{
	struct route_line **l = &r->route_lines;

	for (; *l != NULL; l = &(*l)->next)
		if ((*l)->sources == sources)
			return *l;
	*l = calloc(1, sizeof **l);
	if (*l != NULL)
		(*l)->sources = sources;
	return *l;
}

static void
put_in_line(struct route_line *l, struct route_run *run)
{
	if (l->waiting == NULL && l->nasked == 0)
		l->last_answer = STAMP;
	if (!holds_same_message(l->last_waiting, run))
		l->nmessages++;
	if (l->waiting == NULL)
		l->waiting = run;
	else
		l->last_waiting->next = run;
	l->last_waiting = run;
	run->next = NULL;
	run->line = l;
}

static struct route_run *
take_first(struct route_line *l)
{
	struct route_run *run = l->waiting;

	l->waiting = run->next;
	if (l->waiting == NULL)
		l->last_waiting = NULL;
	if (!holds_same_message(l->waiting, run))
		l->nmessages--;
	run->next = NULL;
	return run;
}

/* Whether the line has moved lately. */
static bool
is_moving(const struct route_line *l)
{
	tain until;

	tain_addsec(&until, &l->last_answer, MOVING_SECONDS);
	return tain_future(&until);
}

bool
router_ask(struct runner *r, struct message *m, size_t i, size_t about, bool skip_alias, uint64_t sources)
{
	struct route_line *l = find_line(r, sources);
	struct route_run *run = l != NULL ? malloc(sizeof *run) : NULL;

	if (run == NULL)
		return false;
	*run = (struct route_run){ .message = m, .i = i, .about = about, .skip_alias = skip_alias };
	put_in_line(l, run);
	message_set_progress(m, i, PROGRESS_RUNNING);
	m->running++;
	return true;
}

/* ---- answers ---- */

/* The step is made with what is known of the recipient now. */
static void
conclude(struct runner *r, struct route_run *run, struct route *route)
{
	struct message *m = run->message;
	size_t i = run->i;

	free(run);
	m->running--;
	step_resume(r, m, i, route);
	message_advance(r, m);
}

void
router_give_up(struct runner *r, struct route_run *run, const char *words)
{
	struct route route = ROUTE_ZERO;

	route.status = "4.3.0";
	if (!stralloc_copys(&route.why, words))
		route.why.len = 0;
	conclude(r, run, &route);
	route_free(&route);
}

void
router_answered(struct runner *r, struct route_run *run, struct route *answer, uint64_t refused)
{
	struct route_line *next;

	run->line->last_answer = STAMP;
	if (refused == 0) {
		conclude(r, run, answer);
		return;
	}
	next = find_line(r, run->line->sources | refused);
	if (next != NULL && next != run->line)
		put_in_line(next, run);
	else
		router_give_up(r, run, next == NULL ? "no memory to route it" : "the routing process speaks nonsense");
}

/* ---- asking ---- */

/* Those who came last wait no shorter for it, and others need the room. */
static void
thin_out(struct runner *r)
{
	for (struct route_line *l = r->route_lines; l != NULL; l = l->next)
		while (l->nmessages > LANE_SHARE && !is_moving(l))
			router_give_up(r, take_first(l), "a table does not answer, and others wait for it already");
}

/* False: none of the line can be asked now. */
static bool
ask_first(struct runner *r, struct route_line *l)
{
	bool is_stuck;
	struct router *w = router_find(r, l, &is_stuck);
	int error = errno;

	if (w == NULL && !is_stuck)
		return false;
	if (w == NULL) {
		log_line("a routing process cannot be started: %s", strerror(error));
		router_give_up(r, take_first(l), "a routing process cannot be started");
	} else {
		struct route_run *run = take_first(l);

		if (!router_send(r, w, run))
			router_give_up(r, run, "the routing process cannot be asked");
	}
	return true;
}

/* Every line has its first process before any has its second. */
void
router_dispatch(struct runner *r)
{
	thin_out(r);
	for (size_t share = 1; share <= ROUTERS_PER_LINE; share++)
		for (struct route_line *l = r->route_lines; l != NULL && r->conf != NULL; l = l->next)
			while (l->waiting != NULL && l->nasked < share && ask_first(r, l))
				;
}

static void
sooner(tain *deadline, const tain *t)
{
	if (tain_future(t) && tain_less(t, deadline))
		*deadline = *t;
}

void
router_next_deadline(const struct runner *r, tain *deadline)
{
	tain stands;

	for (size_t i = 0; i < ROUTERS_MAX; i++) {
		const struct router *w = &r->routers[i];

		if (w->asked == NULL)
			continue;
		if (tain_less(&w->deadline, deadline))
			*deadline = w->deadline;
		if (w->asked->line->waiting != NULL)
			sooner(deadline, &w->patience);
	}
	for (const struct route_line *l = r->route_lines; l != NULL; l = l->next) {
		if (l->nmessages <= LANE_SHARE)
			continue;
		tain_addsec(&stands, &l->last_answer, MOVING_SECONDS);
		if (tain_less(&stands, deadline))
			*deadline = stands;
	}
}

/* ---- the end ---- */

/* All questions, those at work too, in one list. */
static struct route_run *
take_all(struct runner *r)
{
	struct route_run *all = NULL, *run;

	for (size_t i = 0; i < ROUTERS_MAX; i++) {
		run = r->routers[i].asked;
		router_drop(&r->routers[i]);
		if (run == NULL)
			continue;
		run->next = all;
		all = run;
	}
	for (struct route_line *l = r->route_lines, *next; l != NULL; l = next) {
		next = l->next;
		while (l->waiting != NULL) {
			run = take_first(l);
			run->next = all;
			all = run;
		}
		free(l);
	}
	r->route_lines = NULL;
	return all;
}

void
router_forget(struct runner *r)
{
	struct route_run *next;

	for (struct route_run *run = take_all(r); run != NULL; run = next) {
		struct message *m = run->message;

		next = run->next;
		message_set_progress(m, run->i, PROGRESS_OVER);
		m->running--;
		free(run);
		message_advance(r, m);
	}
}
