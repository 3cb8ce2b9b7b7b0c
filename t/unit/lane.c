/* What the runner believes of a delivery process, which belongs to its user:
 * whatever the user may do to it, the answer is data. The processes, and what
 * becomes of recipients, are played here. */
#include "queue-run/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char happened[512];
static int ends[16];			/* of the processes */
static size_t nstarted;
static bool can_start;
static char started[64];		/* names, in the order of the starts */

static void
note(const char *what, const char *reason)
{
	size_t len = strlen(happened);

	snprintf(happened + len, sizeof happened - len, "%s%s %s", len > 0 ? "; " : "", what, reason);
}

void
outcome_tell(struct message *m, size_t i, enum notice_action action)
{
	(void)m, (void)i, (void)action;
}

void
outcome_delivered(struct runner *r, struct message *m, size_t i, bool is_relayed, const char *reason)
{
	(void)r, (void)m, (void)i, (void)is_relayed, (void)reason;
	note("delivered", "");
}

void
outcome_deferred(struct runner *r, struct message *m, size_t i, const char *reason, bool is_absence,
    uint32_t expire_seconds)
{
	(void)r, (void)m, (void)i, (void)is_absence, (void)expire_seconds;
	note("deferred", reason);
}

void
outcome_failed(struct runner *r, struct message *m, size_t i, const char *reason)
{
	(void)r, (void)m, (void)i;
	note("failed", reason);
}

void
outcome_expanded(struct runner *r, struct message *m, size_t i, const stralloc *nodes, bool is_forward, uid_t uid)
{
	char text[64];

	(void)r, (void)m, (void)i;
	snprintf(text, sizeof text, "by %s of %lu to %s", is_forward ? "the .forward" : "an alias", (unsigned long)uid,
	    nodes->s);
	note("expanded", text);
}

void
message_advance(struct runner *r, struct message *m)
{
	(void)r, (void)m;
}

struct queue_recipient *
message_recipient(const struct message *m, size_t i)
{
	static struct queue_recipient pending = { .status = RECIPIENT_PENDING };

	(void)m, (void)i;
	return &pending;
}

void
message_set_progress(struct message *m, size_t i, enum progress p)
{
	(void)m, (void)i, (void)p;
}

void
message_park(struct message *m, size_t i, const char *key)
{
	(void)m, (void)i;
	note("parked", key);
}

bool
pause_is_key(const char *key)
{
	return *key == 'p';
}

bool
pause_is_over(const struct runner *r, const char *key)
{
	(void)r, (void)key;
	return false;
}

bool
remote_load(const struct runner *r, const struct lane *l, struct job_run *j)
{
	(void)r, (void)l, (void)j;
	return true;
}

void
remote_note_verdicts(struct runner *r, struct lane *l, const struct job_verdict *v, size_t n)
{
	(void)r, (void)l, (void)v, (void)n;
}

void
remote_spare_waiting(struct runner *r, struct lane *l)
{
	(void)r, (void)l;
}

bool
spawner_request(struct runner *r, uint32_t tag, const struct identity *who, int child_fd)
{
	size_t len = strlen(started);

	(void)r, (void)tag;
	snprintf(started + len, sizeof started - len, "%s ", who->name);
	if (can_start)
		ends[nstarted++] = dup(child_fd);
	return can_start;
}

void
spawner_kill(struct runner *r, uint32_t tag)
{
	(void)r, (void)tag;
}

/* ---- one job ---- */

static struct conf conf = { .limits = { .mda_max_session = 10, .mda_max_session_per_user = 2 } };
static const struct identity alice = { .kind = IDENTITY_SYSTEM, .name = "alice" };

static struct job_run *
new_job(struct message *m, const char *text)
{
	struct job_run *j = job_new(m, 300, 345600);
	size_t i = 0;

	assert_non_null(j);
	assert_true(genalloc_append(size_t, &j->recipients, &i));
	assert_true(stralloc_copys(&j->feed.head, text));
	j->uid = 1000;
	j->is_quick = true;
	m->running++;
	return j;
}

/* The process that was started first answers its first job with these octets. */
static void
answer(struct runner *r, const char *s, size_t len)
{
	struct worker *w = r->lanes->workers;

	assert_non_null(w);
	assert_int_equal(write(ends[0], s, len), len);
	worker_readable(r, w);
}

static void
answer_verdict(struct runner *r, enum verdict verdict, const char *reason)
{
	struct job_verdict v = { .verdict = verdict, .reason = reason };
	stralloc frame = STRALLOC_ZERO;

	assert_true(job_encode_verdicts(&frame, &v, 1));
	answer(r, frame.s, frame.len);
	stralloc_free(&frame);
}

static void
end_runner(struct runner *r)
{
	r->is_stopping = true;
	lane_forget_waiting(r);
	lane_tidy(r);
	assert_null(r->lanes);
}

static void
close_all(struct runner *r)
{
	r->is_stopping = true;
	while (nstarted > 0)
		close(ends[--nstarted]);
	for (struct lane *l = r->lanes; l != NULL; l = l->next)
		while (l->workers != NULL)
			worker_readable(r, l->workers);
	end_runner(r);
}

static void
begin(struct runner *r, struct message *m, bool reads_forward, bool reads_list)
{
	struct job_run *j = new_job(m, "x");

	happened[0] = '\0';
	can_start = true;
	j->reads_forward = reads_forward;
	j->reads_list = reads_list;
	lane_add(r, lane_find(r, &alice), j);
	lane_dispatch(r);
}

static void
believes_a_forward_that_was_to_be_read(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };

	(void)state;
	begin(&r, &m, true, false);
	answer_verdict(&r, VERDICT_EXPANDED, "|command");
	assert_string_equal(happened, "expanded by the .forward of 1000 to |command");
	close_all(&r);
}

static void
believes_a_list_that_was_to_be_read(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };

	(void)state;
	begin(&r, &m, false, true);
	answer_verdict(&r, VERDICT_EXPANDED, "a@example.org");
	assert_string_equal(happened, "expanded by an alias of 1000 to a@example.org");
	close_all(&r);
}

/* Else a user could have commands run as ppalias, to whom those of aliases belong. */
static void
believes_no_expansion_that_was_not_asked_for(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };

	(void)state;
	begin(&r, &m, false, false);
	answer_verdict(&r, VERDICT_EXPANDED, "|command");
	assert_string_equal(happened, "deferred 4.3.0 the delivery process answered what it was not asked");
	close_all(&r);
}

static void
defers_on_nonsense(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };

	(void)state;
	begin(&r, &m, false, false);
	answer(&r, "\377\377\377\377V", 5);
	assert_string_equal(happened, "deferred 4.3.0 the delivery process speaks nonsense");
	close_all(&r);
}

/* ---- who gets a process ---- */

static const struct identity bob = { .kind = IDENTITY_SYSTEM, .name = "bob" };

static void
add(struct runner *r, struct message *m, const struct identity *who, bool is_quick)
{
	struct job_run *j = new_job(m, "x");

	can_start = true;
	j->is_quick = is_quick;
	lane_add(r, lane_find(r, who), j);
}

static void
finish_first(struct runner *r)
{
	answer_verdict(r, VERDICT_DELIVERED, "2.0.0 ok");
	lane_dispatch(r);
	lane_tidy(r);
}

/* A mailbox does not wait for a command that takes its five minutes. */
static void
a_quick_job_does_not_wait_for_a_slow_one(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };

	(void)state;
	add(&r, &m, &alice, false);
	lane_dispatch(&r);
	add(&r, &m, &alice, true);
	lane_dispatch(&r);
	assert_int_equal(r.nworkers, 2);
	add(&r, &m, &alice, true);		/* behind the other, which is quick */
	lane_dispatch(&r);
	assert_int_equal(r.nworkers, 2);
	assert_int_equal(r.nwaiting, 0);
	close_all(&r);
}

static void
who_has_no_process_gets_the_next_that_is_free(void **state)
{
	static struct conf scarce = { .limits = { .mda_max_session = 1, .mda_max_session_per_user = 1 } };
	struct runner r = { .conf = &scarce };
	struct message m = { .running = 0 };

	(void)state;
	started[0] = '\0';
	add(&r, &m, &alice, false);
	add(&r, &m, &alice, false);
	add(&r, &m, &bob, false);
	lane_dispatch(&r);
	assert_string_equal(started, "alice ");
	finish_first(&r);
	assert_string_equal(started, "alice bob ");
	close_all(&r);
}

/* ---- shares of the window ---- */

static struct lane *
fill(struct runner *r, struct message *m, const struct identity *who)
{
	struct lane *l = lane_find(r, who);

	happened[0] = '\0';
	while (!lane_is_full(l))
		add(r, m, who, false);
	return l;
}

static void
a_full_lane_holds_up_the_others_for_a_moment_only(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };
	struct lane *l;

	(void)state;
	l = fill(&r, &m, &alice);
	assert_int_equal(l->nwaiting, LANE_SHARE);
	assert_true(lane_is_moving(l));
	assert_true(lane_admits(&r, l, &m, 0));
	lane_relieve(&r);
	assert_ptr_equal(r.pressing, l);
	tain_addsec_g(&STAMP, MOVING_SECONDS);
	l->last_verdict = STAMP;		/* slow, but busy */
	lane_relieve(&r);
	assert_null(r.pressing);
	assert_false(lane_is_moving(l));
	close_all(&r);
}

static void
a_lane_that_stands_still_keeps_little_of_the_window(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };
	struct lane *l;

	(void)state;
	l = fill(&r, &m, &alice);
	lane_shed(&r);
	assert_int_equal(l->nwaiting, LANE_SHARE);
	tain_addsec_g(&STAMP, MOVING_SECONDS);
	lane_shed(&r);
	assert_int_equal(l->nwaiting, LANE_SHARE_STILL);
	assert_int_equal(r.nwaiting, LANE_SHARE_STILL);
	assert_int_equal(m.running, LANE_SHARE_STILL);
	assert_non_null(strstr(happened, l->key));
	happened[0] = '\0';
	assert_false(lane_admits(&r, l, &m, 0));
	assert_string_equal(happened, "parked salice.0.0");
	close_all(&r);
}

static void
another_destination_is_parked_rather_than_waited_for(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };
	struct remote_lane there = { .key = "dthere", .param = "", .domain = "", .label = "", .table = "",
		.sessions_max = 5 };
	struct lane *l = lane_find_remote(&r, &there);

	(void)state;
	happened[0] = '\0';
	can_start = true;
	while (!lane_is_full(l))
		lane_add(&r, l, new_job(&m, "x"));
	assert_true(lane_admits(&r, l, &m, 0));		/* alone */
	lane_find(&r, &alice);
	assert_false(lane_admits(&r, l, &m, 0));
	assert_string_equal(happened, "parked dthere");
	close_all(&r);
}

/* A host that hangs costs one process. */
static void
a_destination_gets_one_connection_until_it_has_earned_more(void **state)
{
	struct runner r = { .conf = &conf };
	struct message m = { .running = 0 };
	struct remote_lane there = { .key = "dthere", .param = "", .domain = "", .label = "", .table = "",
		.sessions_max = 5 };
	struct lane *l = lane_find_remote(&r, &there);

	(void)state;
	can_start = true;
	for (int i = 0; i < 10; i++) {
		struct job_run *j = new_job(&m, "x");

		j->is_quick = false;
		lane_add(&r, l, j);
	}
	lane_dispatch(&r);
	assert_int_equal(r.nsessions, 1);
	assert_int_equal(r.nworkers, 0);
	l->window = 3;
	lane_dispatch(&r);
	assert_int_equal(r.nsessions, 3);
	close_all(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(believes_a_forward_that_was_to_be_read),
		cmocka_unit_test(believes_a_list_that_was_to_be_read),
		cmocka_unit_test(believes_no_expansion_that_was_not_asked_for),
		cmocka_unit_test(defers_on_nonsense),
		cmocka_unit_test(a_quick_job_does_not_wait_for_a_slow_one),
		cmocka_unit_test(who_has_no_process_gets_the_next_that_is_free),
		cmocka_unit_test(a_full_lane_holds_up_the_others_for_a_moment_only),
		cmocka_unit_test(a_lane_that_stands_still_keeps_little_of_the_window),
		cmocka_unit_test(another_destination_is_parked_rather_than_waited_for),
		cmocka_unit_test(a_destination_gets_one_connection_until_it_has_earned_more),
	};

	tain_now_set_stopwatch_g();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
