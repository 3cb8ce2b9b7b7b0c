/* router: questions to tables that may wait, asked in processes of their own.
 *
 * Where some table of the rules is answered by a program, all routing is done
 * by up to ROUTERS_MAX children of the runner, one question at a time each, so
 * that a locked database holds up nobody else's mail. A child that does not
 * answer in ROUTE_SECONDS, dies or speaks nonsense costs the recipient one
 * deferral, and is replaced. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/log.h"
#include "lib/spawn.h"
#include "queue-run/route_packet.h"

/* A recipient that cannot be decided about before the answer is there. */
struct route_run {
	struct route_run *next;
	struct message *message;
	size_t i;		/* the recipient */
	size_t about;		/* the one that the question is about: itself, or its parent */
	bool skip_alias;
};

/* ---- who needs it ---- */

static bool
waits(const struct conf_table *t)
{
	return t != NULL && table_may_wait(t);
}

bool
router_is_needed(const struct conf *c)
{
	for (size_t i = 0; i < c->nrules; i++) {
		const struct conf_rule *r = &c->rules[i];

		if (waits(r->from_source) || waits(r->for_domain) || waits(r->sender) ||
		    waits(r->recipient) || waits(r->alias) || waits(r->virtual) ||
		    waits(r->userbase))
			return true;
	}
	return false;
}

/* ---- the list ---- */

bool
router_ask(struct runner *r, struct message *m, size_t i, size_t about, bool skip_alias)
{
	struct route_run *run = malloc(sizeof *run);

	if (run == NULL)
		return false;
	*run = (struct route_run){ .message = m, .i = i, .about = about, .skip_alias = skip_alias };
	if (r->to_route == NULL)
		r->to_route_end = &r->to_route;
	*r->to_route_end = run;
	r->to_route_end = &run->next;
	message_set_progress(m, i, PROGRESS_RUNNING);
	m->running++;
	return true;
}

static struct route_run *
take_waiting(struct runner *r)
{
	struct route_run *run = r->to_route;

	r->to_route = run->next;
	if (r->to_route == NULL)
		r->to_route_end = &r->to_route;
	run->next = NULL;
	return run;
}

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

static void
defer(struct runner *r, struct route_run *run, const char *words)
{
	struct route route = ROUTE_ZERO;

	route.status = "4.3.0";
	if (!stralloc_copys(&route.why, words))
		route.why.len = 0;
	conclude(r, run, &route);
	route_free(&route);
}

/* ---- processes ---- */

static void
close_router(struct router *w)
{
	fd_close(w->fd);
	*w = (struct router){ .pid = w->pid };
}

/* Its helpers are in its process group. Its place is free when it has been reaped. */
static void
kill_router(struct router *w)
{
	if (w->pid != 0 && kill(-w->pid, SIGKILL) == -1)
		kill(w->pid, SIGKILL);
	close_router(w);
}

static bool
start_router(const struct runner *r, struct router *w)
{
	pid_t runner = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return false;
	*w = (struct router){ .pid = fork(), .fd = pair[0] };
	if (w->pid == 0)
		router_child_run(r->conf, pair[1], runner);
	fd_close(pair[1]);
	if (w->pid == -1) {
		int e = errno;

		w->pid = 0;
		close_router(w);
		errno = e;
		return false;
	}
	setpgid(w->pid, w->pid);	/* whoever of the two comes first */
	return true;
}

void
router_reaped(struct runner *r, pid_t pid)
{
	for (size_t i = 0; i < ROUTERS_MAX; i++)
		if (r->routers[i].pid == pid)
			r->routers[i].pid = 0;
}

/* ---- asking ---- */

static bool
send_question(struct runner *r, struct router *w, const struct route_run *run)
{
	stralloc packet = STRALLOC_ZERO;
	struct route_question q;
	char name[STEP_NAME_MAX + 1];
	bool is_sent;

	is_sent = step_pose(r, run->message, run->about, run->skip_alias, name, &q) &&
	    route_packet_ask(&packet, &q) &&
	    send(w->fd, packet.s, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)packet.len;
	stralloc_free(&packet);
	return is_sent;
}

/* A process that has nothing to do, started where the others are slow. NULL: all
 * are busy, or, with *is_stuck, there is none and none can be started (errno). */
static struct router *
find_idle(struct runner *r, bool *is_stuck)
{
	struct router *room = NULL;
	bool has_quick = false;

	*is_stuck = true;
	for (size_t i = 0; i < ROUTERS_MAX; i++) {
		struct router *w = &r->routers[i];

		if (w->fd != 0 && w->asked == NULL)
			return w;
		if (w->fd == 0 && w->pid == 0) {
			room = w;
			continue;
		}
		*is_stuck = false;
		has_quick = has_quick || (w->fd != 0 && tain_future(&w->patience));
	}
	return room != NULL && !has_quick && start_router(r, room) ? room : NULL;
}

static void
ask_waiting(struct runner *r, struct router *w)
{
	struct route_run *run = take_waiting(r);
	tain patience;

	if (!send_question(r, w, run)) {
		kill_router(w);
		defer(r, run, "the routing process cannot be asked");
		return;
	}
	w->asked = run;
	tain_addsec_g(&w->deadline, ROUTE_SECONDS);
	tain_from_millisecs(&patience, ROUTE_PATIENCE_MS);
	tain_add_g(&w->patience, &patience);
}

void
router_dispatch(struct runner *r)
{
	struct router *w;
	bool is_stuck;

	while (r->to_route != NULL && r->conf != NULL) {
		w = find_idle(r, &is_stuck);
		if (w != NULL) {
			ask_waiting(r, w);
			continue;
		}
		if (!is_stuck)
			return;
		log_line("a routing process cannot be started: %s", strerror(errno));
		defer(r, take_waiting(r), "a routing process cannot be started");
	}
}

/* ---- answers ---- */

static void
lose_router(struct runner *r, struct router *w, const char *words)
{
	struct route_run *run = w->asked;

	log_line("%s", words);
	kill_router(w);
	if (run != NULL)
		defer(r, run, words);
}

void
router_readable(struct runner *r, struct router *w)
{
	static char packet[ROUTE_ANSWER_MAX];
	struct route route = ROUTE_ZERO;
	struct route_run *run = w->asked;
	ssize_t n = recv(w->fd, packet, sizeof packet, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose_router(r, w, "the routing process has died");
	} else if (run == NULL || !route_packet_read_answer(&route, r->conf, packet, (size_t)n)) {
		lose_router(r, w, "the routing process speaks nonsense");
	} else {
		w->asked = NULL;
		conclude(r, run, &route);
	}
	route_free(&route);
}

void
router_enforce_deadlines(struct runner *r)
{
	for (size_t i = 0; i < ROUTERS_MAX; i++)
		if (r->routers[i].asked != NULL && !tain_future(&r->routers[i].deadline))
			lose_router(r, &r->routers[i],
			    "a table does not answer: the routing process took too long");
}

void
router_next_deadline(const struct runner *r, tain *deadline)
{
	bool has_room = false;

	for (size_t i = 0; i < ROUTERS_MAX; i++)
		has_room = has_room || (r->routers[i].fd == 0 && r->routers[i].pid == 0);
	for (size_t i = 0; i < ROUTERS_MAX; i++) {
		const struct router *w = &r->routers[i];
		const tain *t = has_room && r->to_route != NULL && tain_future(&w->patience) ?
		    &w->patience : &w->deadline;

		if (w->asked != NULL && tain_less(t, deadline))
			*deadline = *t;
	}
}

void
router_forget(struct runner *r)
{
	struct route_run *runs = r->to_route, *run;

	r->to_route = NULL;
	for (size_t i = 0; i < ROUTERS_MAX; i++) {
		struct router *w = &r->routers[i];

		if (w->fd == 0)
			continue;
		if (w->asked == NULL) {
			close_router(w);	/* it ends by itself */
			continue;
		}
		w->asked->next = runs;
		runs = w->asked;
		kill_router(w);
	}
	while ((run = runs) != NULL) {
		struct message *m = run->message;

		runs = run->next;
		message_set_progress(m, run->i, PROGRESS_OVER);
		m->running--;
		free(run);
		message_advance(r, m);
	}
}

void
router_end(struct runner *r)
{
	tain deadline;
	int status;

	router_forget(r);
	tain_now_g();
	tain_addsec_g(&deadline, ROUTER_END_SECONDS);
	for (size_t i = 0; i < ROUTERS_MAX; i++)
		if (r->routers[i].pid != 0)
			spawn_wait(r->routers[i].pid, &status, &deadline);
}
