/* mbox: From_ lines and quoting. */
#include "deliver-local/mbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
check(const char *in, const char *out)
{
	/* In pieces of every size: quoting must not depend on where blocks end. */
	for (size_t size = 1; size <= strlen(in) + 1; size++) {
		struct mbox_quoter q = { .in_line = false };
		stralloc to = STRALLOC_ZERO;

		for (size_t at = 0; at < strlen(in); at += size) {
			size_t left = strlen(in) - at;

			assert_true(mbox_quote(&to, &q, in + at, left < size ? left : size));
		}
		assert_true(mbox_quote_end(&to, &q) && stralloc_0(&to));
		assert_string_equal(to.s, out);
		stralloc_free(&to);
	}
}

static void
a_message_ends_with_an_empty_line(void **state)
{
	(void)state;
	check("a\n", "a\n\n");
	check("a", "a\n\n");
	check("a\n\n", "a\n\n\n");
	check("", "\n");
}

static void
from_lines_get_a_mark(void **state)
{
	(void)state;
	check("From me\n", ">From me\n\n");
	check("a\nFrom me\nFrom you\n", "a\n>From me\n>From you\n\n");
	check(">From me\n", ">>From me\n\n");
	check(">>>From me", ">>>>From me\n\n");
	check("From \n", ">From \n\n");
}

static void
other_lines_stay_as_they_are(void **state)
{
	(void)state;
	check("From: me\nfrom me\n From me\nFrom\nFro", "From: me\nfrom me\n From me\nFrom\nFro\n\n");
	check("a From b\n", "a From b\n\n");
	check(">Fro\n>>\n>", ">Fro\n>>\n>\n\n");
	check("F>rom \nFFrom \n", "F>rom \nFFrom \n\n");
}

static void
check_from_line(const char *reverse_path, const char *line)
{
	stralloc to = STRALLOC_ZERO;

	assert_true(mbox_from_line(&to, reverse_path, 1795485600) && stralloc_0(&to));
	assert_string_equal(to.s, line);
	stralloc_free(&to);
}

static void
the_from_line_names_sender_and_time(void **state)
{
	(void)state;
	check_from_line("a@b", "From a@b Tue Nov 24 02:00:00 2026\n");
	check_from_line("", "From MAILER-DAEMON Tue Nov 24 02:00:00 2026\n");
	check_from_line("\"a b\nFrom x\"@c", "From \"a-b-From-x\"@c Tue Nov 24 02:00:00 2026\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_ends_with_an_empty_line),
		cmocka_unit_test(from_lines_get_a_mark),
		cmocka_unit_test(other_lines_stay_as_they_are),
		cmocka_unit_test(the_from_line_names_sender_and_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
