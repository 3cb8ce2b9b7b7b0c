/* runner: the state of queue-run, and the names of its parts.
 *
 *	scan.c      finds messages that are due and takes them up
 *	message.c   one message from being taken up to leaving the window
 *	step.c      one recipient: what today's configuration says is to be done
 *	router.c    questions to tables that may wait, in a line for each table
 *	router_process.c  the processes that ask them (router_child.c)
 *	outcome.c   what became of a recipient, recorded or kept until it can be
 *	lane.c      jobs that wait for a process of one identity or destination
 *	worker.c    these processes, what they are sent and what they answer
 *	remote.c    recipients that another host takes
 *	destination.c  where nobody answered lately
 *	pause.c     what the operator has stopped
 *	operator.c  what the operator asks of messages
 *	feed.c      octets to a process without waiting for it
 *	report.c    notices, made by queue-bounce
 *	spawner.c   the small part that starts delivery processes under other identities
 *	loop.c      waits for whatever comes first
 *
 * One struct of each kind has one owner: the runner owns messages and lanes, a
 * message owns its queue file, a lane its jobs and workers. */
#ifndef PIPEPOST_RUNNER_H
#define PIPEPOST_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "lib/conf.h"
#include "lib/job.h"
#include "lib/notice.h"
#include "lib/queue.h"
#include "lib/route.h"
#include "lib/table.h"

/* Every limit of queue-run(8). */
enum {
	WINDOW_MESSAGES = 500,		/* messages in memory */
	LANE_SHARE = WINDOW_MESSAGES / 5,	/* of the window, for one destination */
	LANE_SHARE_STILL = 10,		/* for one that has not answered for MOVING_SECONDS */
	TAKEN_PER_TURN = 64,		/* messages taken up before the loop looks at everything else again */
	SESSIONS_MAX = 100,		/* delivery processes to other hosts */
	PIPELINE_JOBS = 16,		/* jobs given to one process before its first verdict */
	GRACE_SECONDS = 30,		/* for running deliveries after TERM */
	MDA_SECONDS = 300,		/* for one command */
	MTA_SECONDS = 3600,		/* for one message on its way to another host */
	JOB_RECIPIENTS_MAX = 100,	/* of such a job */
	DEAD_BASE_SECONDS = 60,		/* a destination is left alone n*n times this after the n-th failure in a row */
	DEAD_MAX_SECONDS = 3600,
	DEAD_FORGET_SECONDS = 24 * 3600,	/* a failure so old is forgotten where room is wanted */
	DESTINATIONS_MAX = 10000,	/* that are remembered */
	DESTINATION_BUCKETS = 1024,
	LANE_BUCKETS = 4096,
	PUBLISH_SECONDS = 1,		/* between two versions of control/hosts */
	JOB_SLACK_SECONDS = 30,		/* what a job may take beyond its own deadline before its process is killed */
	BOUNCE_SECONDS = 300,		/* for one queue-bounce */
	BOUNCES_PER_MINUTE = 60,	/* notices; more wait for the next slot */
	RECORD_RETRY_SECONDS = 5,	/* until an outcome that could not be recorded is tried again */
	ORPHAN_SECONDS = 2,		/* until cur/ is looked at again while a dead runner's children work */
	LOCK_TOUCH_SECONDS = 60,	/* how often a living runner touches `lock` */
	LOCK_STALE_SECONDS = 300,	/* a lock not touched for so long is worth a log line */
	SWEEP_SECONDS = 600,		/* between looks at all of the spool */
	TROUBLE_SECONDS = 30,		/* until what could not be read or moved is tried again */
	RETRY_LOCAL_BASE = 10,		/* seconds; the n-th retry comes after n*n times this */
	RETRY_LOCAL_MAX = 3600,
	RETRY_REMOTE_BASE = 400,
	RETRY_REMOTE_MAX = 4 * 3600,
	ABSENCE_SECONDS = 15 * 60,	/* between the two attempts that prove an accepted recipient absent */
	EXPIRY_ATTEMPTS = 3,		/* nothing expires with fewer */
	RECOVERIES_MAX = 5,		/* found in cur/ so often: hold */
	MOVING_SECONDS = 1,		/* a destination that has answered within them is moving */
	ROUTERS_MAX = 16,		/* routing processes */
	ROUTERS_PER_LINE = 2,		/* of them for one table */
	ROUTE_SECONDS = 60,		/* for one question to a routing process */
	ROUTE_PATIENCE_MS = 50,		/* until one that is busy gets help by another one */
	ROUTER_END_SECONDS = 3,		/* for routing processes, when the runner ends */
	NOTIFY_MAX = 5,			/* "never" */
	STEP_NAME_MAX = 255,		/* octets of a local name */
	EXPANDED_MAX = 10000,		/* nodes of aliases and .forwards behind one message */
	LOSSES_MAX = 2,			/* a job whose process died so often is deferred */
};

struct message;
struct lane;

/* Octets on their way to a process: a frame, then a descriptor or a piece of a file. */
struct feed {
	stralloc head;
	size_t head_sent;
	int passed_fd;		/* to be passed, owned; -1: none */
	int text_fd;		/* not owned */
	off_t text_at;
	uint64_t text_left;
};
#define FEED_ZERO { .head = STRALLOC_ZERO, .passed_fd = -1, .text_fd = -1 }

/* One delivery to be made: one recipient of one message; or, to another host,
 * all of the message's recipients there. */
struct job_run {
	struct job_run *next;
	struct message *message;
	genalloc recipients;		/* size_t */
	struct feed feed;
	uint32_t deadline_seconds;
	uint32_t expire_seconds;
	unsigned losses;		/* processes that died over it */
	bool is_quick;			/* may stand in line behind others in one process */
	bool reads_forward;		/* may be answered with an expansion: the .forward of uid */
	bool reads_list;		/* the same: an :include: of an alias */
	bool is_relay;			/* to another host */
	uid_t uid;
};

/* A delivery process. */
struct worker {
	struct worker *next;
	struct lane *lane;
	uint32_t tag;			/* its name towards the spawner */
	int fd;
	struct job_run *sent, **sent_end;	/* oldest first; the last may still be on its way */
	size_t nsent;
	struct job_run *sending;	/* the one of them whose octets are not all out, or NULL */
	stralloc received;
	tain deadline;			/* of the oldest job */
};

enum identity_kind {
	IDENTITY_SYSTEM = 's',	/* an account, by name */
	IDENTITY_MBOX = 'b',	/* the same, and its system mailbox is made if missing */
	IDENTITY_ROW = 'r',	/* uid and gid of a table row */
	IDENTITY_ALIAS = 'a',	/* ppalias: commands and files of alias tables */
	IDENTITY_REMOTE = 'd',	/* ppremote: deliver-remote */
};

/* Who a delivery process is to be. */
struct identity {
	enum identity_kind kind;
	const char *name;	/* SYSTEM, MBOX; REMOTE: the label of its credentials, "" without */
	const char *table;	/* REMOTE: where the label is looked up */
	uid_t uid;		/* ROW */
	gid_t gid;
};

/* The jobs for one identity or destination, and the processes that do them. */
struct lane {
	struct lane *next, *chain;	/* of all; of those in its bucket */
	char *key;		/* letters, digits and %XX: also the directory below wait/ */
	struct identity identity;
	const char *param;	/* REMOTE: where to, as lib/relay.h encodes it */
	const char *domain;	/* REMOTE: for people */
	uint32_t sessions_max;	/* REMOTE: connections at a time, by the configuration */
	uint32_t window;	/* and as many as it has earned */
	struct job_run *waiting, **waiting_end;
	size_t nwaiting, nmessages;	/* jobs not sent yet; jobs in all */
	struct worker *workers;
	size_t nworkers;
	tain last_verdict;
	bool is_slow;			/* has pressed for MOVING_SECONDS: others do not wait for it again */
};

/* What a lane to another host is made of. Copied. */
struct remote_lane {
	const char *key, *param, *domain, *label, *table;
	uint32_t sessions_max;
};

/* A destination at which nobody could be reached. */
struct destination {
	struct destination *next;
	char *key;		/* its lane's */
	char *domain;
	char *reason;		/* printable */
	int64_t since, tried, until;	/* the first failure, the last attempt, and when it may be tried again */
	unsigned failures;
};

/* A recipient that cannot be decided about before a routing process has answered. */
struct route_run {
	struct route_run *next;
	struct route_line *line;
	struct message *message;
	size_t i;			/* the recipient */
	size_t about;			/* the one that the question is about: itself, or its parent */
	bool skip_alias;
};

/* Questions that need the same tables: they wait for each other, and for nobody else. */
struct route_line {
	struct route_line *next;
	uint64_t sources;		/* that may be asked for them (table_sources()) */
	struct route_run *waiting, *last_waiting;	/* not asked yet */
	size_t nmessages;		/* that those belong to */
	size_t nasked;			/* routing processes at work on others */
	tain last_answer;		/* or when the first was put in */
};

/* A routing process. */
struct router {
	pid_t pid;			/* 0: there is none, or it was reaped */
	int fd;				/* 0: there is none, or it is to end */
	struct route_run *asked;	/* the question that it works on, or NULL */
	uint64_t sources;		/* of its last question: their helper programs may still be there */
	tain deadline, patience;	/* when it is killed, and when the others stop waiting for it */
};

/* What is known of one recipient in this attempt. */
enum progress {
	PROGRESS_NONE = 0,	/* not looked at yet */
	PROGRESS_RUNNING,	/* a job is out, or a question to a routing process */
	PROGRESS_UNRECORDED,	/* decided, but not on disk yet */
	PROGRESS_PARKED,	/* its destination has its share of the window: wait/KEY */
	PROGRESS_OVER,		/* nothing more in this attempt */
};

enum outcome_kind {
	OUTCOME_DELIVERED, OUTCOME_DEFERRED, OUTCOME_ABSENT, OUTCOME_FAILED, OUTCOME_EXPANDED,
	OUTCOME_REPORTED,	/* the notice of a failure is queued */
	OUTCOME_DISCARDED,	/* there can be none */
};

struct outcome {
	struct outcome *next;
	size_t recipient;
	enum outcome_kind kind;
	char *reason;			/* may be NULL for DELIVERED and REPORTED */
	stralloc nodes;			/* EXPANDED: canonical nodes, each with NUL */
	bool is_forward;		/* EXPANDED: by a .forward, as this uid */
	uid_t uid;
	uint32_t expire_seconds;
	int64_t tried;			/* DEFERRED: when the attempt was, 0: now */
};

/* What a sender who asked for it is told of a recipient. */
struct success {
	size_t recipient;
	enum notice_action action;
};

struct message {
	struct message *next, *previous;
	struct queue_file file;
	char id[QUEUE_ID_MAX + 1];
	stralloc progress;		/* one octet (enum progress) per recipient */
	size_t first_undecided;		/* none before it has PROGRESS_NONE */
	size_t running;			/* jobs and questions out */
	struct outcome *unrecorded;	/* in the order in which they came */
	bool is_remote;			/* some deferral was a relay's: longer intervals */
	bool has_deferral;		/* in this attempt; without one it is due again at once */
	int64_t due_not_before;		/* 0 = by the interval alone */
	const char *parked;		/* key of the lane that was full, or NULL; owned */
	pid_t bounce;			/* queue-bounce at work, 0 = none */
	enum notice_kind bounce_kind;
	int bounce_fd;
	struct feed bounce_feed;
	tain bounce_deadline;
	genalloc bounced;		/* size_t: recipients that the notice is about */
	genalloc succeeded;		/* struct success: of this attempt */
	uint32_t expire_seconds;	/* of the last deferral; 0 = none in this attempt */
	bool is_bounce_tried;
	bool is_scheduled, is_held;	/* by the operator, at the end of the attempt: due at once; into hold/ */
};

struct runner {
	bool stays, is_stopping, must_rescan;
	bool has_ended_without_conf;
	bool has_lost_spool;		/* it was removed under us */
	const char *spool, *conf_path;
	struct conf_macro *macros;	/* -D */
	size_t nmacros;
	struct queue queue;
	int lock_fd, trigger_fd, signal_fd, spawner_fd;
	pid_t spawner_pid;

	struct conf *conf;		/* NULL: it does not parse, nothing is taken up */
	struct table_set *tables;
	struct timespec conf_mtime;
	off_t conf_size;
	ino_t conf_inode;
	bool is_conf_known;		/* the three above are set */
	char host[256];
	char alias_home[4096];		/* SPOOL-alias */

	struct router routers[ROUTERS_MAX];
	struct route_line *route_lines;

	struct message *messages;
	size_t nmessages;
	struct lane *lanes, **lanes_end;
	struct lane *lane_buckets[LANE_BUCKETS];	/* by key */
	size_t nwaiting;		/* over all lanes */
	size_t nworkers, nsessions;	/* processes here, and to other hosts */
	bool has_no_idle[2];		/* of them there is none without a job: here, to other hosts */
	struct destination *destinations[DESTINATION_BUCKETS];
	size_t ndestinations;
	bool has_news_of_destinations;
	bool is_local_paused, is_remote_paused, has_paused_domains;
	struct lane *pressing;		/* full, but moving: nothing is taken up until it has room, or NULL */
	tain press_end;
	uint32_t next_tag;

	bool new_has_more, wait_has_more, cur_has_orphans;
	bool must_look_at_wait;		/* a lane has room again */
	bool has_busy_drafts;		/* new/ holds files whose writers were still at work */
	bool has_trouble;		/* something could not be read or moved: all is looked at again */
	bool is_after_reboot;		/* texts are verified when they are taken up */
	int64_t started;
	genalloc ignored;		/* char *: names in new/ to be left alone */
	int64_t next_slot_due;		/* when the earliest slot of later/ is due, INT64_MAX = none */
	int64_t bounce_minute;
	unsigned bounces_this_minute;
	tain next_record_retry, next_look, next_touch, next_sweep, next_conf_look, next_trouble, next_publish, stop_deadline;
	bool has_unrecorded;
	size_t taken, may_take;		/* messages, in this turn of the loop */
};

/* ---- scan.c ---- */

/* At start: cur/ of a dead runner goes back to the calendar, tmp/ is swept. */
void scan_recover(struct runner *r);
void scan_sweep_drafts(struct runner *r);

/* Takes up what is due while the window has room. */
void scan_take_due(struct runner *r);

/* Whether something due was left where it is: for a cron pass to know that it is not done. */
bool scan_has_more(const struct runner *r);

/* Whether some of that could be taken up now. */
bool scan_can_go_on(const struct runner *r);

/* Something could not be read or moved, and has been logged. */
void scan_note_trouble(struct runner *r);

/* Next time everything is looked at, whatever is known of it. Called now and
 * then in any case: a trigger may have been lost, a file been put there by hand. */
void scan_look_everywhere(struct runner *r);

/* A name in new/ that is to be left alone until the next start. */
void scan_ignore(struct runner *r, const char *name);

/* ---- message.c ---- */

/* Moves directory/name to cur/, opens it there and begins its attempt. False:
 * it stays where it is. */
bool message_take(struct runner *r, int directory, const char *name);

/* Whether nothing further of it is to be started in this attempt. */
bool message_is_to_rest(const struct runner *r, const struct message *m);

/* Goes on with a message after something has happened to it. It may be gone afterwards. */
void message_advance(struct runner *r, struct message *m);

/* Moves cur/name to the slot that is due at the time, making the slot. Fails with errno. */
bool message_shelve(struct runner *r, const char *name, int64_t due);

/* A file of cur/ that cannot be worked on: away with it, by what was found. */
void message_put_away(struct runner *r, enum queue_read found, const char *name);

/* Writes what could not be written before; called now and then. */
void message_retry_records(struct runner *r);

struct queue_recipient *message_recipient(const struct message *m, size_t i);
size_t message_count(const struct message *m);
void message_set_progress(struct message *m, size_t i, enum progress p);

/* Recipient i waits outside for the lane of that key, as soon as nothing else of the message is under way. */
void message_park(struct message *m, size_t i, const char *key);

/* The envelope recipient that recipient i comes from. */
size_t message_root(const struct message *m, size_t i);

/* The reverse-path that counts for recipient i. */
const char *message_reverse_path(const struct message *m, size_t i);

/* NOTIFY of recipient i: the envelope's, but without SUCCESS for one of several that
 * an alias stands for, since the sender is told that it was expanded (RFC 3461
 * 5.2.7.3 c). letters is memory for it. */
const char *message_notify(const struct message *m, size_t i, char letters[NOTIFY_MAX + 1]);

/* ---- step.c ---- */

/* Decides about one pending recipient: records an outcome, hands out a job or a question. */
void step_recipient(struct runner *r, struct message *m, size_t i);

/* The same, when the routing process has answered. *route is used up. */
void step_resume(struct runner *r, struct message *m, size_t i, struct route *route);

/* The question about recipient i, in the memory of m, r and name. False: its name is too long. */
bool step_pose(const struct runner *r, const struct message *m, size_t i, bool skip_alias,
    char name[STEP_NAME_MAX + 1], struct route_question *q);

/* ---- router.c ---- */

/* Asks in place of step.c, which goes on when the answer is there. sources are
 * those that the question cannot be answered without, as far as is known. False: ENOMEM. */
bool router_ask(struct runner *r, struct message *m, size_t i, size_t about, bool skip_alias, uint64_t sources);

/* Gives questions to processes that have nothing to do. */
void router_dispatch(struct runner *r);

/* Makes *deadline sooner, if something is to be done earlier. */
void router_next_deadline(const struct runner *r, tain *deadline);

/* Ends the processes and gives up all questions: their recipients stay pending. */
void router_forget(struct runner *r);

/* No answer will come: the recipient is deferred. */
void router_give_up(struct runner *r, struct route_run *run, const char *words);

/* The answer, which is used up. refused are sources that were needed and not
 * permitted: then it is none, and the question goes to another line. */
void router_answered(struct runner *r, struct route_run *run, struct route *answer, uint64_t refused);

/* ---- router_process.c ---- */

/* A process that has nothing to do, for the line, started where those at work
 * are slow. NULL: it has to wait, or, with *is_stuck, in vain (errno). */
struct router *router_find(struct runner *r, const struct route_line *line, bool *is_stuck);

/* Asks. False: the process is gone. */
bool router_send(struct runner *r, struct router *w, struct route_run *run);

void router_readable(struct runner *r, struct router *w);
void router_enforce_deadlines(struct runner *r);
void router_reaped(struct runner *r, pid_t pid);

/* It needs not answer any more: one at work is killed. */
void router_drop(struct router *w);

/* Gives up all questions, ends the processes and waits until they have ended. */
void router_end(struct runner *r);

/* ---- router_child.c ---- */

/* In the child: answers on the socket until the runner closes it. */
_Noreturn void router_child_run(const struct conf *c, int fd, pid_t runner);

/* ---- outcome.c ---- */

/* Takes over what became of a recipient: logs it, records it, or keeps it to
 * be recorded later. reason is copied. */
void outcome_delivered(struct runner *r, struct message *m, size_t i, bool is_relayed, const char *reason);

/* Keeps what the sender is to be told of a success, if he asked for that. */
void outcome_tell(struct message *m, size_t i, enum notice_action action);
void outcome_deferred(struct runner *r, struct message *m, size_t i, const char *reason, bool is_absence,
    uint32_t expire_seconds);

/* The same by an attempt that another message has made at the same destination, at that time. */
void outcome_spared(struct runner *r, struct message *m, size_t i, const char *reason, int64_t tried,
    uint32_t expire_seconds);
void outcome_failed(struct runner *r, struct message *m, size_t i, const char *reason);
void outcome_reported(struct runner *r, struct message *m, size_t i);
void outcome_discarded(struct runner *r, struct message *m, size_t i);
void outcome_expanded(struct runner *r, struct message *m, size_t i, const stralloc *nodes, bool is_forward, uid_t uid);

/* Tries to record what is kept; true when nothing is left. */
bool outcome_flush(struct runner *r, struct message *m);

/* FNV-1a, for the tables by key. */
static inline uint32_t
key_hash(const char *key)
{
	uint32_t h = 2166136261U;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return h;
}

/* ---- lane.c ---- */

/* A job without recipients yet; NULL with ENOMEM. */
struct job_run *job_new(struct message *m, uint32_t deadline_seconds, uint32_t expire_seconds);
void job_free(struct job_run *j);

/* The lane for an identity, or for a destination, made if need be; NULL with ENOMEM. */
struct lane *lane_find(struct runner *r, const struct identity *who);
struct lane *lane_find_remote(struct runner *r, const struct remote_lane *what);
struct lane *lane_by_key(const struct runner *r, const char *key);

/* Whether the lane takes another recipient of the message. If not, it has been parked. */
bool lane_admits(struct runner *r, struct lane *l, struct message *m, size_t i);

/* Hands a job over to a lane, which owns it from then on. */
void lane_add(struct runner *r, struct lane *l, struct job_run *j);

/* Takes the job that has waited longest. */
struct job_run *lane_take(struct runner *r, struct lane *l);

/* Sends waiting jobs wherever a process can take them or be started. Called
 * from the loop alone: it may drop an idle worker to make room. */
void lane_dispatch(struct runner *r);

/* Drops lanes without jobs and workers, and closes idle workers when stopping. */
void lane_tidy(struct runner *r);

/* Gives up every job that was not sent yet: its recipient stays pending. */
void lane_forget_waiting(struct runner *r);

/* Decides anew about the recipients of jobs that were not sent yet. */
void lane_route_waiting(struct runner *r, struct lane *l);

/* Takes the message's jobs back that were not sent yet; their recipients stay pending. */
void lane_withdraw(struct runner *r, struct message *m);

/* Parks what is beyond the share of lanes that stand still. */
void lane_shed(struct runner *r);
void lane_next_deadline(const struct runner *r, tain *deadline);

/* Whether the lane has fallen so far below its share that parked messages should be
 * fetched. NULL: no such lane. */
bool lane_wants_more(const struct lane *l);
bool lane_is_full(const struct lane *l);

/* Whether messages that are parked under the key should be fetched. */
bool lane_wants_parked(const struct runner *r, const char *key);

/* Whether its processes have said something within MOVING_SECONDS, and it does not take long to empty. */
bool lane_is_moving(const struct lane *l);

/* Nothing further is taken up until the lane that is pressing has room, or MOVING_SECONDS are over. */
void lane_relieve(struct runner *r);

/* ---- worker.c ---- */

/* The process that the lane's next job goes to. NULL: it has to wait, or, with
 * *is_stuck, none can be started (errno). */
struct worker *worker_choose(struct runner *r, struct lane *l, bool *is_stuck);

/* Gives it the job, which it owns from then on. */
void worker_send(struct runner *r, struct worker *w, struct job_run *j);

/* Ends a job that was not done. */
void worker_defer_job(struct runner *r, struct job_run *j, const char *reason);

/* Octets can be read from, or written to, a worker. */
void worker_readable(struct runner *r, struct worker *w);
void worker_writable(struct worker *w);

/* Kills workers whose oldest job is past its deadline. */
void worker_enforce_deadlines(struct runner *r);
void worker_drop_idle(struct runner *r, struct lane *l);

/* ---- remote.c ---- */

/* Recipient i goes where param says (relay.h): hands it to its lane, or settles it. */
void remote_hand_out(struct runner *r, struct message *m, size_t i, const char *param, uint32_t expire_seconds);

/* Makes the job's frame, and opens the text for it. Fails with errno. */
bool remote_load(const struct runner *r, const struct lane *l, struct job_run *j);

/* What the verdicts of a job say about the destination; and what follows for those who wait for it. */
void remote_note_verdicts(struct runner *r, struct lane *l, const struct job_verdict *v, size_t n);
void remote_spare_waiting(struct runner *r, struct lane *l);

/* ---- destination.c ---- */

/* What is known of a destination that is to be left alone now, else NULL. */
const struct destination *destination_dead(struct runner *r, const char *key);
void destination_note_failure(struct runner *r, const char *key, const char *domain, const char *reason);
void destination_note_answer(struct runner *r, const char *key);
void destination_forget_all(struct runner *r);

/* Reads control/hosts, and writes it if there are news. */
void destination_load(struct runner *r);
void destination_publish(struct runner *r);

/* ---- pause.c ---- */

/* Looks at the flags in control/. */
void pause_look(struct runner *r);

/* Whether recipient i has to wait for the operator; it has been parked then. */
bool pause_holds_back(const struct runner *r, struct message *m, size_t i, bool is_remote);

/* Whether the key of a directory of wait/ is a pause's, and whether that is over. */
bool pause_is_key(const char *key);
bool pause_is_over(const struct runner *r, const char *key);

/* ---- operator.c ---- */

/* Looks at the flags and requests in control/. */
void operator_look(struct runner *r);

/* ---- feed.c ---- */

enum feed_state { FEED_DONE, FEED_MORE, FEED_BROKEN };

/* Sends as much as the descriptor takes without waiting. BROKEN: the other side is gone (errno). */
enum feed_state feed_send(struct feed *f, int fd);

/* From the beginning once more, to another process. */
void feed_rewind(struct feed *f);
void feed_free(struct feed *f);

/* ---- report.c ---- */

/* Starts a notice about what has failed, or been delivered with NOTIFY=SUCCESS,
 * or waits too long. False if there is nothing to report now. */
bool report_start(struct runner *r, struct message *m);

/* The pipe to queue-bounce takes more. */
void report_writable(struct runner *r, struct message *m);

/* queue-bounce has ended. */
void report_ended(struct runner *r, struct message *m, int status);
void report_enforce_deadlines(struct runner *r);

/* One notice to postmaster about a file that was put into corrupt/ or hold/. */
void report_to_postmaster(struct runner *r, const char *id, const char *what);

/* ---- spawner.c ---- */

/* Forks the spawner, before any queue file is read. It keeps `lock` marked as
 * long as it or one of its children lives. Fails with errno. */
bool spawner_start(struct runner *r);

/* Asks for a delivery process; its socket is worker_fd's other end, handed
 * over as child_fd. That it could not be started comes as a STUCK frame. */
bool spawner_request(struct runner *r, uint32_t tag, const struct identity *who, int child_fd);
void spawner_kill(struct runner *r, uint32_t tag);

/* Whether children of an earlier runner are still at work. */
bool spawner_has_orphans(const struct runner *r);

/* ---- loop.c ---- */

/* Runs until there is nothing left to do (or, staying, until TERM). */
void loop_run(struct runner *r);

#endif
