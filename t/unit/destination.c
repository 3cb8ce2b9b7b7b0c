/* What the runner remembers of destinations where nobody is. The clock is played. */
#include "queue-run/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static time_t clock_now = 1700000000;
static char spool[64];

time_t __wrap_time(time_t *t);
time_t
__wrap_time(time_t *t)
{
	if (t != NULL)
		*t = clock_now;
	return clock_now;
}

static int
make_spool(void **state)
{
	static struct runner r;
	const char *what;

	memset(&r, 0, sizeof r);
	snprintf(spool, sizeof spool, "/tmp/pipepost-destination.XXXXXX");
	if (mkdtemp(spool) == NULL || !queue_make(spool, (uid_t)-1, (gid_t)-1, &what) ||
	    !queue_open(&r.queue, spool, 1U << QUEUE_CONTROL, NULL))
		return -1;
	*state = &r;
	return 0;
}

static int
remove_spool(void **state)
{
	struct runner *r = *state;
	char command[128];

	destination_forget_all(r);
	queue_close(&r->queue);
	snprintf(command, sizeof command, "rm -rf %s", spool);
	return system(command);
}

static void
is_left_alone_for_longer_each_time(void **state)
{
	struct runner *r = *state;

	assert_null(destination_dead(r, "dx"));
	for (int n = 1; n <= 3; n++) {
		destination_note_failure(r, "dx", "x.example", "4.4.1 nobody there");
		assert_non_null(destination_dead(r, "dx"));
		assert_null(destination_dead(r, "dy"));
		clock_now += DEAD_BASE_SECONDS * n * n - 1;
		assert_non_null(destination_dead(r, "dx"));
		clock_now++;
		assert_null(destination_dead(r, "dx"));
	}
	for (int n = 0; n < 100; n++) {
		destination_note_failure(r, "dx", "x.example", "4.4.1 nobody there");
		clock_now += DEAD_MAX_SECONDS;
		assert_null(destination_dead(r, "dx"));
	}
}

/* Several connections that fail together are one failure. */
static void
failures_at_the_same_time_count_once(void **state)
{
	struct runner *r = *state;

	for (int n = 0; n < 5; n++)
		destination_note_failure(r, "dx", "x.example", "4.4.1 nobody there");
	assert_int_equal(destination_dead(r, "dx")->failures, 1);
}

static void
an_answer_ends_it(void **state)
{
	struct runner *r = *state;

	destination_note_failure(r, "dx", "x.example", "4.4.1 nobody there");
	destination_note_answer(r, "dx");
	destination_note_answer(r, "dy");
	assert_null(destination_dead(r, "dx"));
	assert_int_equal(r->ndestinations, 0);
}

static void
a_clock_that_was_set_back_ends_it_too(void **state)
{
	struct runner *r = *state;

	destination_note_failure(r, "dx", "x.example", "4.4.1 nobody there");
	clock_now -= 1000000;
	assert_null(destination_dead(r, "dx"));
	clock_now += 1000000;
}

static void
the_next_runner_knows_it_from_the_file(void **state)
{
	struct runner *r = *state;
	struct runner other = { .queue = r->queue };
	const struct destination *d;

	destination_note_failure(r, "dx", "x.example", "4.4.1 a|b\nc");
	destination_note_failure(r, "dy", "y.example", "4.4.3 none");
	destination_publish(r);
	destination_load(&other);
	d = destination_dead(&other, "dx");
	assert_non_null(d);
	assert_string_equal(d->domain, "x.example");
	assert_null(strchr(d->reason, '\n'));
	assert_non_null(strstr(d->reason, "a|b"));
	assert_int_equal(d->until, destination_dead(r, "dx")->until);
	assert_int_equal(other.ndestinations, 2);
	destination_forget_all(&other);
}

static void
lines_that_are_none_are_left_out(void **state)
{
	struct runner *r = *state;
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/control/hosts", spool);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("\n|\ndx\ndx|x|1|2\ndx|x|a|2|1|1|r\ndx|x|1|2|0|1|r\ndx|x|1|2|1|1\ndx|x|1|99999999999999999999|1|1|r\n"
	    "dy|y|1|1800000000000|1|1|far ahead\n", f);
	assert_int_equal(fclose(f), 0);
	destination_load(r);
	assert_int_equal(r->ndestinations, 1);
	assert_null(destination_dead(r, "dy"));
}

/* More than are remembered are tried like any other. */
static void
there_is_a_limit(void **state)
{
	struct runner *r = *state;
	char key[32];

	for (int i = 0; i < DESTINATIONS_MAX + 10; i++) {
		snprintf(key, sizeof key, "d%d", i);
		destination_note_failure(r, key, "x", "4.4.1 nobody there");
	}
	assert_int_equal(r->ndestinations, DESTINATIONS_MAX);
	clock_now += DEAD_FORGET_SECONDS + 1;
	destination_note_failure(r, "dnew", "x", "4.4.1 nobody there");
	assert_int_equal(r->ndestinations, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_left_alone_for_longer_each_time, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(failures_at_the_same_time_count_once, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(an_answer_ends_it, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(a_clock_that_was_set_back_ends_it_too, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(the_next_runner_knows_it_from_the_file, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(lines_that_are_none_are_left_out, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(there_is_a_limit, make_spool, remove_spool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
