/* router_process: the children that ask tables in the runner's place.
 *
 * One question at a time each. One that does not answer in ROUTE_SECONDS, dies
 * or speaks nonsense costs a recipient one deferral, and is replaced. Any of
 * them may ask for any line, and rather one that did so before: its helper
 * programs are still there. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/log.h"
#include "lib/spawn.h"
#include "queue-run/route_packet.h"

/* ---- start and end ---- */

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
	if (w->asked != NULL)
		w->asked->line->nasked--;
	if (w->pid != 0 && kill(-w->pid, SIGKILL) == -1)
		kill(w->pid, SIGKILL);
	close_router(w);
}

void
router_drop(struct router *w)
{
	if (w->fd != 0 && w->asked != NULL)
		kill_router(w);
	else if (w->fd != 0)
		close_router(w);	/* it ends by itself */
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

/* ---- choosing one ---- */

/* The processes as a line sees them. */
struct view {
	struct router *idle, *room;
	size_t nroom;
	bool has_any;
	bool has_quick;		/* one of the line's own has not been at work for long */
};

static void
look(struct view *v, struct runner *r, const struct route_line *line)
{
	*v = (struct view){ .idle = NULL };
	for (size_t i = 0; i < ROUTERS_MAX; i++) {
		struct router *w = &r->routers[i];

		if (w->fd == 0 && w->pid == 0) {
			v->room = w;
			v->nroom++;
			continue;
		}
		v->has_any = true;
		if (w->fd != 0 && w->asked == NULL && (v->idle == NULL || w->sources == line->sources))
			v->idle = w;
		if (w->asked != NULL && w->asked->line == line && tain_future(&w->patience))
			v->has_quick = true;
	}
}

/* A line has its second process only while there is room for many other lines. */
struct router *
router_find(struct runner *r, const struct route_line *line, bool *is_stuck)
{
	struct view v;

	look(&v, r, line);
	*is_stuck = false;
	if (v.idle != NULL)
		return v.idle;
	if (v.room == NULL || v.has_quick || (line->nasked > 0 && v.nroom <= ROUTERS_MAX / 2))
		return NULL;
	if (start_router(r, v.room))
		return v.room;
	*is_stuck = !v.has_any;
	return NULL;
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
	    route_packet_ask(&packet, &q, run->line->sources) &&
	    send(w->fd, packet.s, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)packet.len;
	stralloc_free(&packet);
	return is_sent;
}

bool
router_send(struct runner *r, struct router *w, struct route_run *run)
{
	tain patience;

	if (!send_question(r, w, run)) {
		kill_router(w);
		return false;
	}
	w->asked = run;
	w->sources = run->line->sources;
	run->line->nasked++;
	tain_addsec_g(&w->deadline, ROUTE_SECONDS);
	tain_from_millisecs(&patience, ROUTE_PATIENCE_MS);
	tain_add_g(&w->patience, &patience);
	return true;
}

/* ---- answers ---- */

static void
lose_router(struct runner *r, struct router *w, const char *words)
{
	struct route_run *run = w->asked;

	log_line("%s", words);
	kill_router(w);
	if (run != NULL)
		router_give_up(r, run, words);
}

void
router_readable(struct runner *r, struct router *w)
{
	static char packet[ROUTE_ANSWER_MAX];
	struct route route = ROUTE_ZERO;
	struct route_run *run = w->asked;
	uint64_t refused;
	ssize_t n = recv(w->fd, packet, sizeof packet, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose_router(r, w, "the routing process has died");
	} else if (run == NULL || !route_packet_read_answer(&route, &refused, r->conf, packet, (size_t)n)) {
		lose_router(r, w, "the routing process speaks nonsense");
	} else {
		w->asked = NULL;
		run->line->nasked--;
		router_answered(r, run, &route, refused);
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
