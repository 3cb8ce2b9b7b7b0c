/* request: what an operator asks for, on a real spool, with and without a runner that has messages in its hands. */
#include "queue-run/request.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char spool[64];
static struct queue q;

static int
set_up(void **state)
{
	const char *what;

	(void)state;
	strcpy(spool, "/tmp/pipepost-request.XXXXXX");
	if (mkdtemp(spool) == NULL || !queue_make(spool, (uid_t)-1, (gid_t)-1, &what) ||
	    !queue_open(&q, spool, (1U << QUEUE_PLACES) - 1, &what))
		return -1;
	return 0;
}

static int
tear_down(void **state)
{
	char command[96];

	(void)state;
	queue_close(&q);
	snprintf(command, sizeof command, "rm -rf %s", spool);
	return system(command);
}

/* A message of one or two recipients, put into the directory. Its name is written to name. */
static void
put(char name[QUEUE_NAME_MAX + 1], const char *directory, const char *first, const char *second)
{
	struct queue_draft d;
	stralloc envelope = STRALLOC_ZERO;
	struct facts f = facts_unknown;
	char path[256];

	f.origin = ORIGIN_LOCAL;
	assert_true(queue_draft_create(&d, &q) && queue_draft_write(&d, "text\n", 5));
	assert_true(envelope_begin(&envelope, "s@x") && envelope_add_recipient(&envelope, first, "", "") &&
	    (second == NULL || envelope_add_recipient(&envelope, second, "", "")) && envelope_end(&envelope));
	assert_true(queue_draft_commit(&d, &envelope, second == NULL ? 1 : 2, &f));
	stralloc_free(&envelope);
	snprintf(name, QUEUE_NAME_MAX + 1, "%s,S=5", d.id);
	mkdirat(q.top, directory, 0700);
	snprintf(path, sizeof path, "%s/%s", directory, name);
	assert_int_equal(renameat(q.place[QUEUE_NEW], name, q.top, path), 0);
}

static bool
is_at(const char *directory, const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return faccessat(q.top, path, F_OK, 0) == 0;
}

/* Whether it is in a slot of later/ that is due now. */
static bool
is_due(const char *name)
{
	char slot[64];

	for (int64_t t = (int64_t)time(NULL) / QUEUE_SLOT_SECONDS, n = 0; n < 10; n++) {
		snprintf(slot, sizeof slot, "later/%lld", (long long)(t - n));
		if (is_at(slot, name))
			return true;
	}
	return false;
}

static const char *
future(int slots)
{
	static char slot[2][64];

	snprintf(slot[slots & 1], sizeof slot[0], "later/%lld", (long long)time(NULL) / QUEUE_SLOT_SECONDS + 10 + slots);
	return slot[slots & 1];
}

static struct request_result
perform(const char *line, const struct request_runner *runner)
{
	struct request_result result;
	struct request r;

	assert_true(request_parse(&r, line, strlen(line)));
	request_perform(&q, &r, runner, &result);
	return result;
}

static struct request_result
perform_on(const char *verb, const char *name, const char *rest)
{
	char line[512];

	snprintf(line, sizeof line, "%s %.*s%s", verb, (int)strcspn(name, ","), name, rest);
	return perform(line, NULL);
}

/* ---- the line ---- */

static void
lines_are_read_and_written_the_same(void **state)
{
	static const char *const lines[] = {
		"schedule all\n", "schedule @example.org\n", "schedule from:a@b\n", "remove 1.aaaaaaaaaaaaaaaa.7\n", "pause 1.aaaaaaaaaaaaaaaa\n",
		"resume 12\n", "remove 1.aaaaaaaaaaaaaaaa later/5/1.aaaaaaaaaaaaaaaa,S=9\n",
		"remove 1.aaaaaaaaaaaaaaaa.4294967295 wait/a%2Fb/1.aaaaaaaaaaaaaaaa,S=9\n",
	};
	stralloc again = STRALLOC_ZERO;
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		again.len = 0;
		assert_true(request_parse(&r, lines[i], strlen(lines[i]) - 1));
		assert_true(request_append(&again, &r) && stralloc_0(&again));
		assert_string_equal(again.s, lines[i]);
	}
	stralloc_free(&again);
}

static void
anything_else_is_no_request(void **state)
{
	static const char *const lines[] = {
		"", "schedule", "schedule ", "schedule  all", "frob all", "schedule everything", "schedule @", "schedule @a b",
		"remove 1.aaaaaaaaaaaaaaaa /etc/1.aaaaaaaaaaaaaaaa", "remove 1.aaaaaaaaaaaaaaaa new/../1.aaaaaaaaaaaaaaaa,S=9",
		"remove 1.aaaaaaaaaaaaaaaa ../new/1.aaaaaaaaaaaaaaaa,S=9", "remove 1.aaaaaaaaaaaaaaaa new/1.baaaaaaaaaaaaaaa,S=9",
		"remove 1.aaaaaaaaaaaaaaaa new", "remove 1 new/1.aaaaaaaaaaaaaaaa,S=9", "remove all new/1.aaaaaaaaaaaaaaaa,S=9",
		"remove 1.aaaaaaaaaaaaaaaa new//1.aaaaaaaaaaaaaaaa,S=9", "remove 1.aaaaaaaaaaaaaaaa new/1.aaaaaaaaaaaaaaaa,S=9 x",
		"remove ../../etc/passwd", "remove @../x", "remove 1.aaaaaaaaaaaaaaaa new/1.aaaaaaaaaaaaaaaa\n,S=9", "schedule from:",
	};
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_false(request_parse(&r, lines[i], strlen(lines[i])));
}

/* ---- without a runner ---- */

static void
a_waiting_message_is_made_due(void **state)
{
	char one[QUEUE_NAME_MAX + 1], other[QUEUE_NAME_MAX + 1];

	(void)state;
	put(one, future(0), "a@x", NULL);
	put(other, future(1), "b@x", NULL);
	assert_int_equal(perform_on("schedule", one, "").messages, 1);
	assert_true(is_due(one));
	assert_true(is_at(future(1), other));
	assert_int_equal(perform_on("schedule", "9.aaaaaaaaaaaaaaaa", "").messages, 0);
	assert_int_equal(perform("schedule all", NULL).messages, 2);
	assert_true(is_due(one) && is_due(other));
}

static void
all_of_many_slots_are_made_due(void **state)
{
	char names[20][QUEUE_NAME_MAX + 1];

	(void)state;
	for (int i = 0; i < 20; i++)
		put(names[i], future(i / 4), "a@x", NULL);
	assert_int_equal(perform("schedule all", NULL).messages, 20);
	for (int i = 0; i < 20; i++)
		assert_true(is_due(names[i]));
}

static void
a_domain_is_made_due_and_no_other(void **state)
{
	char one[QUEUE_NAME_MAX + 1], other[QUEUE_NAME_MAX + 1], held[QUEUE_NAME_MAX + 1];
	struct request_result result;

	(void)state;
	put(one, future(0), "a@y", "b@X.example");
	put(other, future(0), "x.example@y", NULL);
	put(held, "hold", "b@x.example", NULL);
	result = perform("schedule @x.EXAMPLE", NULL);
	assert_int_equal(result.messages, 1);
	assert_int_equal(result.recipients, 1);
	assert_true(is_due(one));
	assert_true(is_at(future(0), other));
	assert_true(is_at("hold", held));
}

static void
a_paused_message_stays_until_it_is_named(void **state)
{
	char name[QUEUE_NAME_MAX + 1];

	(void)state;
	put(name, "new", "a@x", NULL);
	assert_int_equal(perform_on("pause", name, "").messages, 1);
	assert_true(is_at("hold", name));
	assert_int_equal(perform_on("pause", name, "").messages, 0);
	assert_int_equal(perform("schedule all", NULL).messages, 0);
	assert_true(is_at("hold", name));
	assert_int_equal(perform_on("resume", name, "").messages, 1);
	assert_true(is_due(name));
	assert_int_equal(perform("pause all", NULL).messages, 1);
	assert_int_equal(perform_on("schedule", name, "").messages, 1);
	assert_true(is_due(name));
	put(name, "wait/some%2Fkey", "a@x", NULL);
	mkdirat(q.top, "wait/key", 0700);
	assert_int_equal(perform("pause all", NULL).messages, 2);
	assert_int_equal(perform("resume all", NULL).messages, 2);
}

static void
a_message_is_removed_or_one_recipient_of_it(void **state)
{
	char one[QUEUE_NAME_MAX + 1], other[QUEUE_NAME_MAX + 1];
	struct request_result result;
	struct queue_file f;

	(void)state;
	put(one, future(0), "a@x", "b@y");
	put(other, "new", "a@x", "b@y");
	result = perform_on("remove", one, "");
	assert_int_equal(result.recipients, 2);
	assert_false(is_at(future(0), one));
	result = perform_on("remove", other, ".1");
	assert_int_equal(result.recipients, 1);
	assert_int_equal(queue_file_open(&f, q.place[QUEUE_NEW], other, O_RDONLY), QUEUE_READ_OK);
	assert_int_equal(queue_file_recipient(&f, 0)->status, RECIPIENT_PENDING);
	assert_int_equal(queue_file_recipient(&f, 1)->status, RECIPIENT_DISCARDED);
	queue_file_close(&f);
	assert_int_equal(perform_on("remove", other, ".1").messages, 0);
	assert_int_equal(perform("remove @x", NULL).messages, 1);
	assert_false(is_at("new", other));
}

static void
what_a_recipient_has_become_is_removed_with_it(void **state)
{
	struct queue_child children[] = { { .text = "c@x", .kind = RECIPIENT_ADDRESS }, { .text = "d@x", .kind = RECIPIENT_ADDRESS } };
	char name[QUEUE_NAME_MAX + 1];
	struct queue_file f;
	bool is_loop;

	(void)state;
	put(name, "new", "a@x", "b@x");
	assert_int_equal(queue_file_open(&f, q.place[QUEUE_NEW], name, O_RDWR), QUEUE_READ_OK);
	assert_true(queue_file_expand(&f, 1, children, 2, &is_loop));
	queue_file_close(&f);
	assert_int_equal(perform_on("remove", name, ".1").recipients, 2);
	assert_int_equal(queue_file_open(&f, q.place[QUEUE_NEW], name, O_RDWR), QUEUE_READ_OK);
	assert_int_equal(queue_file_recipient(&f, 0)->status, RECIPIENT_PENDING);
	assert_int_equal(queue_file_recipient(&f, 2)->status, RECIPIENT_DISCARDED);
	assert_int_equal(queue_file_recipient(&f, 3)->status, RECIPIENT_DISCARDED);
	queue_file_close(&f);
}

static void
a_file_whose_writer_is_at_work_is_left_alone(void **state)
{
	char name[QUEUE_NAME_MAX + 1];
	struct request_result result;

	(void)state;
	put(name, "new", "a@x", NULL);
	assert_int_equal(linkat(q.place[QUEUE_NEW], name, q.place[QUEUE_TMP], "1.draft", 0), 0);
	result = perform_on("pause", name, "");
	assert_int_equal(result.busy, 1);
	assert_true(is_at("new", name));
	assert_int_equal(perform_on("remove", name, "").busy, 1);
	assert_true(is_at("new", name));
}

static void
without_a_runner_nothing_of_cur_is_touched(void **state)
{
	char name[QUEUE_NAME_MAX + 1];

	(void)state;
	put(name, "cur", "a@x", NULL);
	assert_int_equal(perform_on("remove", name, "").busy, 1);
	assert_int_equal(perform_on("pause", name, "").busy, 1);
	assert_true(is_at("cur", name));
}

/* ---- with one ---- */

static char taken[256];

static bool
take(void *arg, const struct request *r, const char *name)
{
	snprintf(taken, sizeof taken, "%d %s", (int)r->verb, name);
	return *(const bool *)arg;
}

static void
a_runner_is_told_what_it_has_in_its_hands(void **state)
{
	bool has_it = true;
	struct request_runner runner = { .take = take, .arg = &has_it };
	char name[QUEUE_NAME_MAX + 1], expected[256];

	(void)state;
	put(name, "cur", "a@x", NULL);
	assert_int_equal(perform("remove all", &runner).busy, 0);
	snprintf(expected, sizeof expected, "%d %s", REQUEST_REMOVE, name);
	assert_string_equal(taken, expected);
	assert_true(is_at("cur", name));
	has_it = false;
	assert_int_equal(perform("pause all", &runner).busy, 1);
}

static void
leave(const char *name, const char *text)
{
	int fd = openat(q.place[QUEUE_CONTROL], name, O_WRONLY | O_CREAT, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
requests_in_control_are_performed_and_go(void **state)
{
	char one[QUEUE_NAME_MAX + 1], other[QUEUE_NAME_MAX + 1], lines[1024];

	(void)state;
	put(one, future(0), "a@x", NULL);
	put(other, "hold", "b@x", NULL);
	snprintf(lines, sizeof lines, "this is none\nschedule %.27s later/7/%s\nresume %.27s\n", one, one, other);
	leave("req.1", lines);
	leave("pause-mda", "");
	leave(".tmp.req.2", "remove all\n");
	assert_int_equal(request_take_all(&q, NULL), 1);	/* what is not where it was said is not looked for */
	assert_false(is_at("control", "req.1"));
	assert_true(is_at("control", "pause-mda"));
	assert_true(is_at("control", ".tmp.req.2"));
	assert_true(is_due(other));
	snprintf(lines, sizeof lines, "schedule %.27s %s/%s", one, future(0), one);
	assert_true(is_at(future(0), one));
	leave("req.2", lines);
	assert_int_equal(request_take_all(&q, NULL), 1);
	assert_true(is_due(one));
}

/* It is told "removed": what has moved on since it was seen is found. */
static void
a_removal_finds_what_has_moved_on(void **state)
{
	char one[QUEUE_NAME_MAX + 1], other[QUEUE_NAME_MAX + 1], lines[1024];

	(void)state;
	mkdirat(q.top, "wait/key", 0700);
	put(one, future(0), "a@x", NULL);
	put(other, "wait/key", "b@x", NULL);
	snprintf(lines, sizeof lines, "remove %.27s cur/%s\npause %.27s later/7/%s\n", one, one, other, other);
	leave("req.1", lines);
	assert_int_equal(request_take_all(&q, NULL), 2);
	assert_false(is_at(future(0), one));
	assert_true(is_at("hold", other));
}

static void
what_could_not_be_touched_yet_is_asked_for_again(void **state)
{
	bool has_it = false;
	struct request_runner runner = { .take = take, .arg = &has_it };
	char name[QUEUE_NAME_MAX + 1], lines[512];

	(void)state;
	put(name, "cur", "a@x", NULL);
	snprintf(lines, sizeof lines, "remove %.27s cur/%s\n", name, name);
	leave("req.1", lines);
	assert_int_equal(request_take_all(&q, NULL), 0);
	assert_true(is_at("control", "req.1"));
	assert_int_equal(request_take_all(&q, &runner), 0);
	assert_true(is_at("control", "req.1"));
	mkdirat(q.top, future(0), 0700);
	snprintf(lines, sizeof lines, "%s/%s", future(0), name);
	assert_int_equal(renameat(q.place[QUEUE_CUR], name, q.top, lines), 0);
	assert_int_equal(request_take_all(&q, &runner), 1);
	assert_false(is_at(future(0), name));
	assert_false(is_at("control", "req.1"));
}

static void
a_request_that_cannot_be_read_now_stays(void **state)
{
	struct rlimit before, few;
	char name[QUEUE_NAME_MAX + 1], lines[512];
	int fds[64], n = 0, probe;

	(void)state;
	put(name, "hold", "a@x", NULL);
	snprintf(lines, sizeof lines, "remove %.27s hold/%s\n", name, name);
	leave("req.1", lines);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	probe = open("/dev/null", O_RDONLY);
	few = before;
	few.rlim_cur = (rlim_t)probe + 2;
	close(probe);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((probe = open("/dev/null", O_RDONLY)) != -1)
		fds[n++] = probe;
	close(fds[--n]);	/* for the directory, and none for the file */
	assert_int_equal(request_take_all(&q, NULL), 0);
	while (n > 0)
		close(fds[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(is_at("control", "req.1"));
	assert_int_equal(request_take_all(&q, NULL), 1);
	assert_false(is_at("hold", name));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_and_written_the_same),
		cmocka_unit_test(anything_else_is_no_request),
		TEST(a_waiting_message_is_made_due),
		TEST(all_of_many_slots_are_made_due),
		TEST(a_domain_is_made_due_and_no_other),
		TEST(a_paused_message_stays_until_it_is_named),
		TEST(a_message_is_removed_or_one_recipient_of_it),
		TEST(what_a_recipient_has_become_is_removed_with_it),
		TEST(a_file_whose_writer_is_at_work_is_left_alone),
		TEST(without_a_runner_nothing_of_cur_is_touched),
		TEST(a_runner_is_told_what_it_has_in_its_hands),
		TEST(requests_in_control_are_performed_and_go),
		TEST(a_removal_finds_what_has_moved_on),
		TEST(what_could_not_be_touched_yet_is_asked_for_again),
		TEST(a_request_that_cannot_be_read_now_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
