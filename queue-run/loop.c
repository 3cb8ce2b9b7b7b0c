/* loop: waits for whatever comes first, and for nothing else.
 *
 * Signals, the trigger, delivery processes, notices, the calendar: each is
 * looked at once per turn. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/iopause.h>
#include <skalibs/selfpipe.h>

#include "lib/log.h"
#include "lib/stats.h"

/* What the n-th entry of the poll array belongs to. */
struct watched {
	struct worker *worker;
	struct message *message;
	struct router *router;
};

struct turn {
	genalloc polls;		/* iopause_fd */
	genalloc owners;	/* struct watched */
};

enum { POLL_SIGNALS, POLL_TRIGGER, POLL_SPAWNER, POLL_FIRST_OTHER };

/* ---- configuration ---- */

static void
forget_conf(struct runner *r)
{
	if (r->tables != NULL)
		table_set_free(r->tables);
	if (r->conf != NULL)
		conf_free(r->conf);
	r->tables = NULL;
	r->conf = NULL;
	router_forget(r);	/* they answer by what was there */
}

static void
read_conf(struct runner *r)
{
	struct conf *c = conf_read(r->conf_path, r->macros, r->nmacros);

	forget_conf(r);
	if (c == NULL) {
		log_line("%s: no memory to read it: no mail is taken up", r->conf_path);
		r->is_conf_known = false;	/* look again */
		return;
	}
	for (size_t i = 0; i < c->nmessages; i++)
		if (c->messages[i].is_error)
			log_line("%s:%u: %s", c->messages[i].at.file, c->messages[i].at.line, c->messages[i].text);
	if (c->nerrors > 0 || (r->tables = table_set_new(c)) == NULL) {
		log_line("%s: no mail is taken up until it parses", r->conf_path);
		conf_free(c);
		lane_forget_waiting(r);
		return;
	}
	r->conf = c;
	r->must_rescan = true;
	r->next_slot_due = 0;
	r->must_look_at_wait = true;
}

/* Reads the configuration again where the file has changed. */
static void
look_at_conf(struct runner *r)
{
	struct stat st;

	if (tain_future(&r->next_conf_look))
		return;
	tain_addsec_g(&r->next_conf_look, 1);
	if (stat(r->conf_path, &st) == -1)
		memset(&st, 0, sizeof st);	/* read_conf() says what is wrong */
	if (r->is_conf_known && st.st_ino == r->conf_inode && st.st_size == r->conf_size &&
	    memcmp(&st.st_mtim, &r->conf_mtime, sizeof st.st_mtim) == 0)
		return;
	r->is_conf_known = true;
	r->conf_inode = st.st_ino;
	r->conf_size = st.st_size;
	r->conf_mtime = st.st_mtim;
	read_conf(r);
}

/* ---- what can happen ---- */

static void
begin_to_stop(struct runner *r)
{
	if (r->is_stopping)
		return;
	log_line("stopping: running deliveries have %d seconds", GRACE_SECONDS);
	r->is_stopping = true;
	tain_addsec_g(&r->stop_deadline, GRACE_SECONDS);
	lane_forget_waiting(r);
	router_forget(r);
	message_retry_records(r);
}

static void
reap(struct runner *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		router_reaped(r, pid);
		for (struct message *m = r->messages; m != NULL; m = m->next)
			if (m->bounce == pid) {
				report_ended(r, m, status);
				break;
			}
	}
}

static void
take_signals(struct runner *r)
{
	int s;

	while ((s = selfpipe_read()) > 0) {
		if (s == SIGCHLD)
			reap(r);
		if (s == SIGHUP) {
			r->is_conf_known = false;
			r->next_conf_look = r->next_touch = STAMP;
			scan_look_everywhere(r);
		}
		if (s == SIGTERM || s == SIGINT)
			begin_to_stop(r);
	}
}

static void
drain_trigger(struct runner *r)
{
	char octets[512];

	while (read(r->trigger_fd, octets, sizeof octets) > 0)
		;
	operator_look(r);
	r->must_rescan = true;
}

/* ---- timers ---- */

static bool
is_over(const tain *t)
{
	return !tain_future(t);
}

/* A spool that was removed takes no mail any more, and no other runner would notice us. */
static void
touch_lock(struct runner *r)
{
	struct stat st;

	if (futimens(r->lock_fd, NULL) == -1)
		log_line("lock cannot be touched: %s", strerror(errno));
	if (r->has_lost_spool || fstat(r->lock_fd, &st) == -1 || st.st_nlink > 0)
		return;
	r->has_lost_spool = true;
	log_line("%s was removed under this runner, which ends: queue-init makes it anew", r->spool);
	begin_to_stop(r);
}

static void
keep_house(struct runner *r)
{
	if (r->has_unrecorded && is_over(&r->next_record_retry)) {
		tain_addsec_g(&r->next_record_retry, RECORD_RETRY_SECONDS);
		message_retry_records(r);
	}
	if ((r->cur_has_orphans || r->has_busy_drafts) && is_over(&r->next_look)) {
		tain_addsec_g(&r->next_look, ORPHAN_SECONDS);
		r->must_rescan = r->must_rescan || r->has_busy_drafts;
		if (r->cur_has_orphans)
			scan_recover(r);
	}
	if (r->has_trouble && is_over(&r->next_trouble))
		scan_look_everywhere(r);
	if (is_over(&r->next_sweep)) {
		tain_addsec_g(&r->next_sweep, SWEEP_SECONDS);
		scan_sweep_drafts(r);
		scan_look_everywhere(r);
	}
	while (is_over(&r->next_touch)) {	/* again where a dead runner's messages were recovered by it */
		tain_addsec_g(&r->next_touch, LOCK_TOUCH_SECONDS);
		operator_look(r);	/* a trigger may have been lost */
		touch_lock(r);
	}
	worker_enforce_deadlines(r);
	if (r->has_news_of_destinations && is_over(&r->next_publish)) {
		tain_addsec_g(&r->next_publish, PUBLISH_SECONDS);
		destination_publish(r);
	}
	router_enforce_deadlines(r);
	report_enforce_deadlines(r);
}

static void
sooner(tain *deadline, const tain *t)
{
	if (tain_less(t, deadline))
		*deadline = *t;
}

/* When something is to be done at the latest, even if nothing happens. */
static void
next_deadline(const struct runner *r, tain *deadline)
{
	int64_t rest = r->next_slot_due - (int64_t)time(NULL);

	tain_addsec_g(deadline, rest < 0 || scan_can_go_on(r) ? 0 : rest > LOCK_TOUCH_SECONDS ? LOCK_TOUCH_SECONDS : (int)rest);
	if (r->is_stopping || r->conf == NULL || r->pressing != NULL || r->nmessages >= WINDOW_MESSAGES)
		tain_addsec_g(deadline, 1);
	sooner(deadline, &r->next_touch);
	sooner(deadline, &r->next_sweep);
	if (r->has_trouble)
		sooner(deadline, &r->next_trouble);
	if (r->has_unrecorded)
		sooner(deadline, &r->next_record_retry);
	if (r->cur_has_orphans || r->has_busy_drafts)
		sooner(deadline, &r->next_look);
	if (r->is_stopping)
		sooner(deadline, &r->stop_deadline);
	for (const struct lane *l = r->lanes; l != NULL; l = l->next)
		for (const struct worker *w = l->workers; w != NULL; w = w->next)
			if (w->sent != NULL)
				sooner(deadline, &w->deadline);
	if (r->has_news_of_destinations)
		sooner(deadline, &r->next_publish);
	lane_next_deadline(r, deadline);
	router_next_deadline(r, deadline);
	for (const struct message *m = r->messages; m != NULL; m = m->next)
		if (m->bounce != 0)
			sooner(deadline, &m->bounce_deadline);
}

/* ---- one turn ---- */

static bool
watch(struct turn *t, int fd, unsigned events, struct watched o)
{
	iopause_fd p = { .fd = fd, .events = (short)events };

	return genalloc_append(iopause_fd, &t->polls, &p) && genalloc_append(struct watched, &t->owners, &o);
}

static bool
watch_all(struct runner *r, struct turn *t)
{
	struct watched nobody = { .worker = NULL };
	bool is_watched;

	genalloc_setlen(iopause_fd, &t->polls, 0);
	genalloc_setlen(struct watched, &t->owners, 0);
	is_watched = watch(t, r->signal_fd, IOPAUSE_READ, nobody) &&
	    watch(t, r->trigger_fd, IOPAUSE_READ, nobody) && watch(t, r->spawner_fd, IOPAUSE_READ, nobody);
	for (const struct lane *l = r->lanes; is_watched && l != NULL; l = l->next)
		for (struct worker *w = l->workers; is_watched && w != NULL; w = w->next)
			is_watched = watch(t, w->fd, IOPAUSE_READ | (w->sending != NULL ? IOPAUSE_WRITE : 0),
			    (struct watched){ .worker = w });
	for (struct message *m = r->messages; is_watched && m != NULL; m = m->next)
		if (m->bounce_fd != -1)
			is_watched = watch(t, m->bounce_fd, IOPAUSE_WRITE, (struct watched){ .message = m });
	for (size_t i = 0; is_watched && i < ROUTERS_MAX; i++)
		if (r->routers[i].fd != 0)
			is_watched = watch(t, r->routers[i].fd, IOPAUSE_READ, (struct watched){ .router = &r->routers[i] });
	return is_watched;
}

/* Whatever one owner does to others (a message that ends, a lane that empties),
 * it never drops another's worker or another message's pipe: see lane_dispatch(). */
static void
serve(struct runner *r, const struct turn *t)
{
	const iopause_fd *p = genalloc_s(iopause_fd, &t->polls);
	const struct watched *o = genalloc_s(struct watched, &t->owners);
	size_t n = genalloc_len(iopause_fd, &t->polls);

	for (size_t i = POLL_FIRST_OTHER; i < n; i++) {
		if (p[i].revents == 0)
			continue;
		if (o[i].message != NULL) {
			report_writable(r, o[i].message);
			continue;
		}
		if (o[i].router != NULL) {
			router_readable(r, o[i].router);
			continue;
		}
		if (p[i].revents & IOPAUSE_WRITE)
			worker_writable(o[i].worker);
		if (p[i].revents & (IOPAUSE_READ | IOPAUSE_EXCEPT))
			worker_readable(r, o[i].worker);
	}
	if (p[POLL_TRIGGER].revents != 0)
		drain_trigger(r);
	if (p[POLL_SPAWNER].revents != 0) {
		log_line("the spawner has died: no delivery can be started any more");
		fd_close(r->spawner_fd);
		r->spawner_fd = -1;
		begin_to_stop(r);
	}
	if (p[POLL_SIGNALS].revents != 0)
		take_signals(r);
}

static bool
is_done(const struct runner *r)
{
	if (r->is_stopping)
		return r->nmessages == 0 || is_over(&r->stop_deadline);
	if (r->stays)
		return false;
	return r->nmessages == 0 && (r->conf == NULL || !scan_has_more(r));
}

void
loop_run(struct runner *r)
{
	struct turn t = { .polls = GENALLOC_ZERO, .owners = GENALLOC_ZERO };
	tain deadline;

	for (;;) {
		tain_now_g();
		if (!r->is_stopping)
			look_at_conf(r);
		keep_house(r);
		lane_relieve(r);
		lane_shed(r);
		scan_take_due(r);
		router_dispatch(r);
		lane_dispatch(r);
		lane_tidy(r);
		stats_set(STATS_QUEUE_WORKERS, r->nworkers);
		stats_set(STATS_QUEUE_WINDOW, r->nmessages);
		if (is_done(r))
			break;
		if (!watch_all(r, &t)) {
			log_line("no memory to watch for events: trying again");
			sleep(1);
			continue;
		}
		next_deadline(r, &deadline);
		if (iopause_g(genalloc_s(iopause_fd, &t.polls), (unsigned)genalloc_len(iopause_fd, &t.polls), &deadline) > 0)
			serve(r, &t);
	}
	genalloc_free(iopause_fd, &t.polls);
	genalloc_free(struct watched, &t.owners);
	r->has_ended_without_conf = r->conf == NULL;
	destination_publish(r);
	destination_forget_all(r);
	forget_conf(r);
	router_end(r);
}
