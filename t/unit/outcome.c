/* What became of a recipient, with a real queue file, and without memory: the
 * runner lives, what was delivered is recorded, anything else is tried again. */
#include "queue-run/runner.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char spool[64];
static bool has_memory = true;
static time_t clock_now = 1700000000;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *
__wrap_malloc(size_t size)
{
	return has_memory ? __real_malloc(size) : NULL;
}

time_t __wrap_time(time_t *t);
time_t
__wrap_time(time_t *t)
{
	if (t != NULL)
		*t = clock_now;
	return clock_now;
}

void
message_set_progress(struct message *m, size_t i, enum progress p)
{
	m->progress.s[i] = (char)p;
}

struct queue_recipient *
message_recipient(const struct message *m, size_t i)
{
	return queue_file_recipient(&m->file, i);
}

size_t
message_count(const struct message *m)
{
	return queue_file_count(&m->file);
}

const char *
message_notify(const struct message *m, size_t i, char letters[NOTIFY_MAX + 1])
{
	(void)letters;
	return queue_file_recipient(&m->file, i)->notify;
}

struct world {
	struct runner r;
	struct message m;
};

static int
make_message(void **state)
{
	static struct world w;
	struct queue_draft d;
	struct facts facts = facts_unknown;
	stralloc e = STRALLOC_ZERO;
	const char *what;
	char name[QUEUE_NAME_MAX + 1];

	w = (struct world){ .r = { .spool = spool } };
	snprintf(spool, sizeof spool, "/tmp/pipepost-outcome.XXXXXX");
	if (mkdtemp(spool) == NULL || !queue_make(spool, (uid_t)-1, (gid_t)-1, &what) ||
	    !queue_open(&w.r.queue, spool, (1U << QUEUE_PLACES) - 1, NULL) || !envelope_begin(&e, "s@x") ||
	    !envelope_add_recipient(&e, "a@x", "", "") || !envelope_end(&e) || !queue_draft_create(&d, &w.r.queue))
		return -1;
	snprintf(name, sizeof name, "%s,S=0", d.id);
	if (!queue_draft_commit(&d, &e, 1, &facts) ||
	    queue_file_open(&w.m.file, w.r.queue.place[QUEUE_NEW], name, O_RDWR) != QUEUE_READ_OK ||
	    !stralloc_catb(&w.m.progress, "", 1))
		return -1;
	stralloc_free(&e);
	*state = &w;
	return 0;
}

static int
remove_message(void **state)
{
	struct world *w = *state;
	char command[128];

	queue_file_close(&w->m.file);
	stralloc_free(&w->m.progress);
	queue_close(&w->r.queue);
	snprintf(command, sizeof command, "rm -rf %s", spool);
	return system(command);
}

static char
status(const struct world *w)
{
	return queue_file_recipient(&w->m.file, 0)->status;
}

static void
without_memory_a_delivery_is_recorded(void **state)
{
	struct world *w = *state;

	has_memory = false;
	outcome_delivered(&w->r, &w->m, 0, false, "2.0.0 Delivered");
	has_memory = true;
	assert_int_equal(status(w), RECIPIENT_DELIVERED);
	assert_int_equal(w->m.progress.s[0], PROGRESS_OVER);
	assert_null(w->m.unrecorded);
}

static void
without_memory_a_failure_is_found_again_later(void **state)
{
	struct world *w = *state;

	has_memory = false;
	outcome_failed(&w->r, &w->m, 0, "5.1.1 no such user");
	has_memory = true;
	assert_int_equal(status(w), RECIPIENT_PENDING);
	assert_int_equal(w->m.progress.s[0], PROGRESS_OVER);
	assert_true(w->m.has_deferral);
	outcome_failed(&w->r, &w->m, 0, "5.1.1 no such user");
	assert_int_equal(status(w), RECIPIENT_FAILED);
}

static void
a_recipient_is_absent_only_after_a_quarter_of_an_hour(void **state)
{
	struct world *w = *state;

	outcome_deferred(&w->r, &w->m, 0, "4.1.1 no such user", true, 345600);
	clock_now += ABSENCE_SECONDS - 1;
	outcome_deferred(&w->r, &w->m, 0, "4.1.1 no such user", true, 345600);
	assert_int_equal(status(w), RECIPIENT_PENDING);
	clock_now += 1;
	outcome_deferred(&w->r, &w->m, 0, "4.1.1 no such user", true, 345600);
	assert_int_equal(status(w), RECIPIENT_FAILED);
}

static void
nothing_expires_because_the_clock_jumped(void **state)
{
	struct world *w = *state;

	clock_now += 400000;
	outcome_deferred(&w->r, &w->m, 0, "4.2.0 later", false, 345600);
	outcome_deferred(&w->r, &w->m, 0, "4.2.0 later", false, 345600);
	assert_int_equal(status(w), RECIPIENT_PENDING);
	clock_now -= 800000;
	outcome_deferred(&w->r, &w->m, 0, "4.2.0 later", false, 345600);
	assert_int_equal(status(w), RECIPIENT_PENDING);
	clock_now += 800000;
	outcome_deferred(&w->r, &w->m, 0, "4.2.0 later", false, 345600);
	assert_int_equal(status(w), RECIPIENT_FAILED);
}

/* Or a message would expire by attempts that were made before its time was up. */
static void
an_attempt_for_another_message_counts_when_it_was_made(void **state)
{
	struct world *w = *state;
	int64_t created = clock_now;

	for (int i = 0; i < EXPIRY_ATTEMPTS; i++)
		outcome_spared(&w->r, &w->m, 0, "4.4.1 nobody there", clock_now, 345600);
	clock_now += 400000;
	outcome_spared(&w->r, &w->m, 0, "4.4.1 nobody there", created + 345599, 345600);
	assert_int_equal(status(w), RECIPIENT_PENDING);
	outcome_spared(&w->r, &w->m, 0, "4.4.1 nobody there", created + 345600, 345600);
	assert_int_equal(status(w), RECIPIENT_FAILED);
}

static void
expand(struct world *w, size_t i, size_t n)
{
	stralloc nodes = STRALLOC_ZERO;
	static unsigned number;
	char name[32];

	while (n-- > 0) {
		snprintf(name, sizeof name, "u%u@x", number++);
		assert_true(stralloc_cats(&nodes, name) && stralloc_0(&nodes));
	}
	outcome_expanded(&w->r, &w->m, i, &nodes, true, 1000);
	while (w->m.progress.len < queue_file_count(&w->m.file))
		assert_true(stralloc_0(&w->m.progress));
	stralloc_free(&nodes);
}

static void
the_nodes_behind_one_message_are_bounded(void **state)
{
	struct world *w = *state;

	expand(w, 0, EXPANDED_MAX - 2);
	assert_int_equal(status(w), RECIPIENT_EXPANDED);
	expand(w, 1, 3);
	assert_int_equal(queue_file_recipient(&w->m.file, 1)->status, RECIPIENT_FAILED);
	assert_string_equal(queue_file_recipient(&w->m.file, 1)->reason,
	    "5.4.6 too many addresses behind the recipients of one message");
	expand(w, 2, 2);
	assert_int_equal(queue_file_recipient(&w->m.file, 2)->status, RECIPIENT_EXPANDED);
	expand(w, 3, 1);
	assert_int_equal(queue_file_recipient(&w->m.file, 3)->status, RECIPIENT_FAILED);
	assert_int_equal(queue_file_count(&w->m.file), 1 + EXPANDED_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_memory_a_delivery_is_recorded, make_message, remove_message),
		cmocka_unit_test_setup_teardown(without_memory_a_failure_is_found_again_later, make_message,
		    remove_message),
		cmocka_unit_test_setup_teardown(a_recipient_is_absent_only_after_a_quarter_of_an_hour, make_message,
		    remove_message),
		cmocka_unit_test_setup_teardown(an_attempt_for_another_message_counts_when_it_was_made, make_message,
		    remove_message),
		cmocka_unit_test_setup_teardown(nothing_expires_because_the_clock_jumped, make_message, remove_message),
		cmocka_unit_test_setup_teardown(the_nodes_behind_one_message_are_bounded, make_message, remove_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
