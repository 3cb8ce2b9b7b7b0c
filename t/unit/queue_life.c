/* The life of a message, killed at every step.
 *
 * The real writer and the real runner (but for delivery processes, notices and
 * routing, which are played here) work on a real spool. Every call that changes
 * the disk is counted, and the process ends there: before the call, or, for a
 * write, with half of it done. Every single crash and every pair of crashes of
 * the runner is tried. Then a runner works undisturbed, and the promises are
 * held against what was delivered. */
#include "queue-run/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the clock and the crash ---- */

static time_t clock_now = 1700000000;
static long calls_left = -1;		/* -1: never */
static bool tears_writes;

enum { CRASHED = 99 };

static void
count_call(void)
{
	if (calls_left == 0)
		_exit(CRASHED);
	if (calls_left > 0)
		calls_left--;
}

time_t __wrap_time(time_t *t);
time_t
__wrap_time(time_t *t)
{
	if (t != NULL)
		*t = clock_now;
	return clock_now;
}

ssize_t __real_pwrite(int fd, const void *s, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *s, size_t len, off_t at);
ssize_t
__wrap_pwrite(int fd, const void *s, size_t len, off_t at)
{
	if (calls_left == 0 && tears_writes && __real_pwrite(fd, s, len / 2, at) == -1)
		abort();
	count_call();
	return __real_pwrite(fd, s, len, at);
}

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type \
	__wrap_##name parameters \
	{ \
		count_call(); \
		return __real_##name arguments; \
	}

WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, mkdirat, (int a, const char *b, mode_t c), (a, b, c))
WRAP(int, fsync, (int a), (a))
WRAP(int, ftruncate, (int a, off_t b), (a, b))

/* ---- what is played: routing, deliveries, notices ---- */

static const char *spool;
static struct job_run *jobs;
static struct lane the_lane = { .key = (char *)(uintptr_t)"lane" };

/* What happened outside, for good. */
static void
note(const char *what, const char *whom)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/happened", spool);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd == -1 || dprintf(fd, "%s %s\n", what, whom) < 0)
		abort();
	close(fd);
}

void
route_free(struct route *r)
{
	stralloc_free(&r->nodes);
	stralloc_free(&r->why);
	userinfo_free(&r->user);
}

/* list@x is an alias of one, two and away@y; bad@x is refused; all others are users. */
void
route_attempt(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q)
{
	static const struct conf_rule rule = { .action = ACTION_MAILDIR, .action_text = "", .action_user = "",
		.expire_seconds = 345600 };

	(void)c;
	(void)tables;
	r->rule = &rule;
	r->status = "5.7.1";
	r->kind = ROUTE_DELIVER;
	if (q->user == NULL && strcmp(q->address, "list@x") == 0) {
		r->kind = ROUTE_EXPAND;
		if (!stralloc_catb(&r->nodes, "one\0two\0away@y", 15))
			abort();
	} else if (strcmp(q->address, "bad@x") == 0) {
		r->kind = ROUTE_REJECT;
	} else {
		r->user.name = strdup(q->user != NULL ? q->user : q->address);
		r->user.home = strdup("/");
		r->user.uid = 1000;
	}
}

/* No table here may wait. */
bool
router_ask(struct runner *r, struct message *m, size_t i, size_t about, bool skip_alias, uint64_t sources)
{
	(void)r, (void)m, (void)i, (void)about, (void)skip_alias, (void)sources;
	abort();
}

void
table_set_permit(struct table_set *set, uint64_t sources)
{
	(void)set, (void)sources;
}

uint64_t
table_set_refused(const struct table_set *set)
{
	(void)set;
	return 0;
}

void
userinfo_free(struct userinfo *u)
{
	free((void *)(uintptr_t)u->name);
	free((void *)(uintptr_t)u->home);
}

struct lane *
lane_find(struct runner *r, const struct identity *who)
{
	(void)r;
	(void)who;
	return &the_lane;
}

bool
lane_is_full(const struct lane *l)
{
	(void)l;
	return false;
}

bool
lane_admits(struct runner *r, struct lane *l, struct message *m, size_t i)
{
	(void)r, (void)l, (void)m, (void)i;
	return true;
}

struct job_run *
job_new(struct message *m, uint32_t deadline_seconds, uint32_t expire_seconds)
{
	struct job_run *j = calloc(1, sizeof *j);

	(void)deadline_seconds, (void)expire_seconds;
	assert_non_null(j);
	j->message = m;
	return j;
}

void
job_free(struct job_run *j)
{
	feed_free(&j->feed);
	genalloc_free(size_t, &j->recipients);
	free(j);
}

void
remote_hand_out(struct runner *r, struct message *m, size_t i, const char *param, uint32_t expire_seconds)
{
	(void)r, (void)m, (void)i, (void)param, (void)expire_seconds;
	abort();
}

bool
lane_wants_more(const struct lane *l)
{
	(void)l;
	return true;
}

bool
lane_wants_parked(const struct runner *r, const char *key)
{
	(void)r, (void)key;
	return true;
}

bool
pause_holds_back(const struct runner *r, struct message *m, size_t i, bool is_remote)
{
	(void)r, (void)m, (void)i, (void)is_remote;
	return false;
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
lane_is_moving(const struct lane *l)
{
	(void)l;
	return false;
}

struct lane *
lane_by_key(const struct runner *r, const char *key)
{
	(void)r;
	(void)key;
	return NULL;
}

void
lane_add(struct runner *r, struct lane *l, struct job_run *j)
{
	(void)r;
	(void)l;
	j->next = jobs;
	jobs = j;
}

void
feed_free(struct feed *f)
{
	stralloc_free(&f->head);
}

/* The first notice of each runner cannot be made: the failure must stay on record. */
bool
report_start(struct runner *r, struct message *m)
{
	static unsigned tries;

	(void)r;
	if (tries++ == 0) {
		m->is_bounce_tried = true;
		return false;
	}
	for (size_t i = 0; i < message_count(m); i++)
		if (message_recipient(m, i)->status == RECIPIENT_FAILED) {
			note("reported", message_recipient(m, i)->text);
			assert_true(queue_file_set_status(&m->file, i, RECIPIENT_REPORTED));
		}
	return false;
}

void
report_to_postmaster(struct runner *r, const char *id, const char *what)
{
	(void)r;
	note("told", id);
	(void)what;
}

bool
spawner_has_orphans(const struct runner *r)
{
	(void)r;
	return false;
}

static void
deliver_all(struct runner *r)
{
	struct job_run *j;

	while ((j = jobs) != NULL) {
		struct message *m = j->message;
		size_t i = *genalloc_s(size_t, &j->recipients);

		jobs = j->next;
		note("delivered", message_recipient(m, i)->text);
		m->running--;
		outcome_delivered(r, m, i, false, "2.0.0 Delivered");
		message_advance(r, m);
		job_free(j);
	}
}

/* ---- the two programs ---- */

static void
write_message(void)
{
	struct queue q;
	struct queue_draft d;
	struct facts facts = facts_unknown;
	stralloc e = STRALLOC_ZERO;

	facts.origin = ORIGIN_LOCAL;
	assert_true(queue_open(&q, spool, 1U << QUEUE_TMP | 1U << QUEUE_NEW, NULL));
	assert_true(envelope_begin(&e, "s@x") && envelope_add_recipient(&e, "list@x", "", "") &&
	    envelope_add_recipient(&e, "solo@x", "", "") && envelope_add_recipient(&e, "bad@x", "", "") &&
	    envelope_end(&e));
	if (!queue_draft_create(&d, &q) || !queue_draft_write(&d, "Subject: x\n\ntext\n", 17) ||
	    !queue_draft_commit(&d, &e, 3, &facts))
		abort();
	note("accepted", "it");
}

static void
run_queue(void)
{
	static struct conf conf = { .expire_seconds = 345600, .subaddressing_delimiter = '+' };
	struct runner r = { .spool = spool, .conf = &conf, .must_rescan = true, .wait_has_more = true,
		.must_look_at_wait = true, .host = "x", .alias_home = "/" };

	assert_true(queue_open(&r.queue, spool, (1U << QUEUE_PLACES) - 1, NULL));
	scan_recover(&r);
	scan_sweep_drafts(&r);
	for (int pass = 0; pass < 20; pass++) {
		scan_take_due(&r);
		deliver_all(&r);
		if (r.nmessages == 0 && !scan_has_more(&r)) {
			if (r.next_slot_due == INT64_MAX)
				break;
			clock_now = r.next_slot_due;
		}
	}
	queue_close(&r.queue);
}

/* Runs it in a process of its own that ends at its n-th call (-1: never). True if it got to its end. */
static bool
run_until(void (*what)(void), long n)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		calls_left = n;
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CRASHED);
	return WEXITSTATUS(status) == 0;
}

/* ---- what must hold ---- */

static size_t
count_files(const char *directory)
{
	char path[128];
	DIR *d;
	struct dirent *e;
	size_t n = 0;

	snprintf(path, sizeof path, "%s/%s", spool, directory);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static bool
has_happened(const char *line)
{
	char path[128], all[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/happened", spool);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	n = fread(all, 1, sizeof all - 1, f);
	all[n] = '\0';
	fclose(f);
	return strstr(all, line) != NULL;
}

static void
expect_promises_kept(const char *how)
{
	static const char *const outcomes[] = {
		"delivered one@x\n", "delivered two@x\n", "delivered away@y\n", "delivered solo@x\n", "reported bad@x\n",
	};
	static const char *const places[] = { "tmp", "new", "cur", "wait", "later", "hold", "corrupt" };
	bool is_out = has_happened("delivered");

	for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
		if ((is_out || has_happened("accepted")) && !has_happened(outcomes[i]))
			fail_msg("%s: not %s", how, outcomes[i]);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (count_files(places[i]) != 0)
			fail_msg("%s: something is left in %s/", how, places[i]);
}

static char directory[64];

static void
make_spool(void)
{
	const char *what;

	snprintf(directory, sizeof directory, "/tmp/pipepost-life.XXXXXX");
	assert_non_null(mkdtemp(directory));
	spool = directory;
	assert_true(queue_make(spool, (uid_t)-1, (gid_t)-1, &what));
}

static void
remove_spool(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", directory);
	assert_int_equal(system(command), 0);
}

static void
writer_dies_at_any_call(void **state)
{
	char how[96];
	bool is_whole = false;

	(void)state;
	for (long n = 0; !is_whole; n++) {
		make_spool();
		is_whole = run_until(write_message, n);
		snprintf(how, sizeof how, "writer killed at call %ld", n);
		assert_true(run_until(run_queue, -1));
		expect_promises_kept(how);
		remove_spool();
	}
}

static void
runner_dies_at_any_one_or_two_calls(void **state)
{
	char how[96];
	bool is_first_whole = false;

	(void)state;
	for (long n = 0; !is_first_whole; n++) {
		bool is_second_whole = false;

		for (long m = 0; !is_second_whole; m++) {
			make_spool();
			assert_true(run_until(write_message, -1));
			is_first_whole = run_until(run_queue, n);
			is_second_whole = is_first_whole || run_until(run_queue, m);
			snprintf(how, sizeof how, "runner killed at calls %ld and %ld", n, m);
			assert_true(run_until(run_queue, -1));
			expect_promises_kept(how);
			remove_spool();
		}
	}
}

static void
writes_are_torn_too(void **state)
{
	tears_writes = true;
	writer_dies_at_any_call(state);
	runner_dies_at_any_one_or_two_calls(state);
	tears_writes = false;
}

static void
the_fifth_death_with_it_in_hand_puts_it_into_hold(void **state)
{
	(void)state;
	make_spool();
	assert_true(run_until(write_message, -1));
	assert_false(run_until(run_queue, 1));		/* taken up, then killed */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(count_files("hold"), 0);
		clock_now += 10000;
		assert_false(run_until(run_queue, 5));
	}
	assert_true(run_until(run_queue, -1));
	assert_int_equal(count_files("hold"), 1);
	remove_spool();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writer_dies_at_any_call),
		cmocka_unit_test(runner_dies_at_any_one_or_two_calls),
		cmocka_unit_test(writes_are_torn_too),
		cmocka_unit_test(the_fifth_death_with_it_in_hand_puts_it_into_hold),
	};
	int null = open("/dev/null", O_WRONLY);

	if (null == -1 || dup2(null, 2) == -1)
		return 1;	/* the log of thousands of runners is not for reading */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
