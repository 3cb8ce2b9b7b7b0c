/* ctl_words: which command is meant by the words of a command line. */
#include "queue-run/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct ctl_command commands[] = {
	{ "show queue", "", NULL }, { "show stats", "", NULL }, { "show status", "", NULL }, { "schedule", "", NULL },
	{ "pause mda", "", NULL }, { "pause mta", "", NULL }, { "pause envelope", "", NULL }, { "log brief", "", NULL },
	{ "trace", "", NULL }, { "update table", "", NULL },
};
enum { N = sizeof commands / sizeof commands[0] };

static void
words_may_be_abbreviated_as_long_as_they_mean_one_command(void **state)
{
	static const struct {
		const char *argv[4];
		const char *means;	/* NULL: nothing */
		size_t used;
		bool is_ambiguous;
	} cases[] = {
		{ { "show", "queue" }, "show queue", 2, false },
		{ { "sh", "q", "-m" }, "show queue", 2, false },
		{ { "sc", "all" }, "schedule", 1, false },
		{ { "s" }, NULL, 1, true },
		{ { "sh", "stat" }, NULL, 2, true },
		{ { "show", "stats", "-z" }, "show stats", 2, false },
		{ { "show", "statu" }, "show status", 2, false },
		{ { "pause", "m" }, NULL, 2, true },
		{ { "p", "md" }, "pause mda", 2, false },
		{ { "pause", "e", "1.x" }, "pause envelope", 2, false },
		{ { "pause" }, NULL, 1, true },
		{ { "t", "io" }, "trace", 1, false },
		{ { "u", "t", "aliases" }, "update table", 2, false },
		{ { "update" }, NULL, 1, false },
		{ { "show", "queues" }, NULL, 1, false },
		{ { "frob" }, NULL, 0, false },
		{ { "" }, NULL, 0, false },
		{ { NULL }, NULL, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t used = 99;
		bool is_ambiguous = false;
		const struct ctl_command *c = ctl_find_command(commands, N, cases[i].argv, &used, &is_ambiguous);

		if (cases[i].means == NULL) {
			assert_null(c);
			assert_int_equal(is_ambiguous, cases[i].is_ambiguous);
		} else {
			assert_non_null(c);
			assert_string_equal(c->words, cases[i].means);
		}
		assert_int_equal(used, cases[i].used);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_may_be_abbreviated_as_long_as_they_mean_one_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
