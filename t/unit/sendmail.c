/* sendmail's command line and header work. */
#include "queue-inject/sendmail_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue-inject/sendmail_header.h"

enum { WORDS_MAX = 16 };

/* Reads the words of a command line, parted by single blanks, into o. */
static bool
read_line(struct sendmail_options *o, const char *line)
{
	static char words[256];
	static const char *argv[WORDS_MAX];
	const char *why, *notice;
	size_t n = 0;

	snprintf(words, sizeof words, "%s", line);
	for (char *w = words; w != NULL && n + 1 < WORDS_MAX; n++) {
		argv[n] = w;
		w = strchr(w, ' ');
		if (w != NULL)
			*w++ = '\0';
	}
	argv[n] = NULL;
	if (sendmail_read_options(o, argv, &why, &notice))
		return true;
	assert_non_null(why);
	return false;
}

static void
the_name_and_the_options_decide_what_is_done(void **state)
{
	static const struct {
		const char *line;
		enum sendmail_mode mode;
	} cases[] = {
		{ "sendmail a", SENDMAIL_SUBMIT }, { "/usr/lib/sendmail -bm a", SENDMAIL_SUBMIT },
		{ "send-mail a", SENDMAIL_SUBMIT }, { "/usr/bin/mailq", SENDMAIL_MAILQ },
		{ "mailq -Z", SENDMAIL_MAILQ }, { "newaliases", SENDMAIL_ALIASES },
		{ "hoststat", SENDMAIL_NOTHING }, { "purgestat", SENDMAIL_NOTHING },
		{ "sendmail -bs", SENDMAIL_SMTP }, { "sendmail -bp", SENDMAIL_MAILQ },
		{ "sendmail -b p", SENDMAIL_MAILQ }, { "sendmail -bi", SENDMAIL_ALIASES },
		{ "sendmail -I", SENDMAIL_ALIASES }, { "sendmail -bd -q30m", SENDMAIL_DAEMON },
		{ "sendmail -q30m -bd", SENDMAIL_DAEMON }, { "sendmail -bD", SENDMAIL_DAEMON },
		{ "sendmail -bl", SENDMAIL_DAEMON }, { "sendmail -bv a", SENDMAIL_VERIFY },
		{ "sendmail -q", SENDMAIL_RUN_QUEUE }, { "sendmail -qf -v", SENDMAIL_RUN_QUEUE },
		{ "sendmail -q30m", SENDMAIL_NOTHING }, { "sendmail -qI1.a", SENDMAIL_SCHEDULE },
		{ "sendmail -qRexample.org", SENDMAIL_SCHEDULE }, { "sendmail -qR@example.org", SENDMAIL_SCHEDULE }, { "sendmail -qSx@y", SENDMAIL_SCHEDULE },
		{ "sendmail -bH", SENDMAIL_NOTHING }, { "sendmail -bh", SENDMAIL_NOTHING },
	};
	struct sendmail_options o;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(read_line(&o, cases[i].line));
		assert_int_equal(o.mode, cases[i].mode);
	}
}

static void
what_is_wrong_is_refused(void **state)
{
	static const char *const lines[] = {
		"sendmail -Z", "sendmail -iZ", "sendmail -bt", "sendmail -bz", "sendmail -b", "sendmail -bms",
		"sendmail -f", "sendmail -N", "sendmail -Nsometimes", "sendmail -Nsuccess,", "sendmail -N,",
		"sendmail -Nnever,success", "sendmail -Rall", "sendmail -V", "sendmail -V \001", "sendmail -o i",
		"sendmail -q!Rx", "sendmail -qR", "sendmail -qR@", "sendmail -qRa@b", "sendmail -qS", "sendmail -qI", "sendmail --help",
	};
	struct sendmail_options o;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_false(read_line(&o, lines[i]));
}

static void
arguments_begin_where_the_options_end(void **state)
{
	static const struct {
		const char *line, *first, *sender;
	} cases[] = {
		{ "sendmail -f a b", "b", "a" }, { "sendmail -fa b", "b", "a" }, { "sendmail -tifa b", "b", "a" },
		{ "sendmail -f a -- -b", "-b", "a" }, { "sendmail a -t", "a", NULL }, { "sendmail -C x -oi a", "a", NULL },
		{ "sendmail -d a", "a", NULL }, { "sendmail -L tag -F name a", "a", NULL }, { "sendmail -- a", "a", NULL },
		{ "sendmail -em a", "a", NULL }, { "sendmail -e m a", "a", NULL }, { "sendmail - a", "-", NULL },
	};
	struct sendmail_options o;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(read_line(&o, cases[i].line));
		assert_string_equal(o.arguments[0], cases[i].first);
		assert_true((o.reverse_path == NULL) == (cases[i].sender == NULL));
		if (cases[i].sender != NULL)
			assert_string_equal(o.reverse_path, cases[i].sender);
	}
}

static void
dsn_options_become_what_the_envelope_holds(void **state)
{
	struct sendmail_options o;

	(void)state;
	assert_true(read_line(&o, "sendmail -N delay,Success,delay -R FULL -V x -B 8bitmime a"));
	assert_string_equal(o.notify, "ds");
	assert_string_equal(o.ret, "FULL");
	assert_string_equal(o.envid, "x");
	assert_string_equal(o.body, "8BITMIME");
	assert_true(read_line(&o, "sendmail -N NEVER -R hdrs -B binary a"));
	assert_string_equal(o.notify, "never");
	assert_string_equal(o.ret, "HDRS");
	assert_string_equal(o.body, "");
}

static void
text_is_cleaned_whatever_the_pieces(void **state)
{
	static const char dirty[] = "a\r\nb\rc\r\r\nd\0e\n\r";
	static const char clean[] = "a\nb\rc\r\nd e\n\r";
	stralloc s = STRALLOC_ZERO;

	(void)state;
	for (size_t piece = 1; piece < sizeof dirty; piece++) {
		struct sendmail_cleaner c = { 0 };

		s.len = 0;
		for (size_t i = 0; i < sizeof dirty - 1; i += piece) {
			size_t left = sizeof dirty - 1 - i;

			assert_true(sendmail_clean(&c, &s, dirty + i, left < piece ? left : piece, left <= piece));
		}
		assert_int_equal(s.len, sizeof clean - 1);
		assert_memory_equal(s.s, clean, s.len);
	}
	stralloc_free(&s);
}

static void
the_header_is_found_as_soon_as_it_is_whole(void **state)
{
	static const struct {
		const char *text;
		size_t start, end, body, needed;	/* needed: octets after which it can be told */
	} cases[] = {
		{ "A: b\n\nbody", 0, 5, 6, 6 },
		{ "A: b\n c\n\nbody", 0, 8, 9, 9 },
		{ "body\n", 0, 0, 0, 5 },
		{ "\nbody", 0, 0, 1, 1 },
		{ "A: b\nbody\n", 0, 5, 5, 10 },
		{ "From me\nA: b\n\nx", 8, 13, 14, 14 },
		{ "Fr\n", 0, 0, 0, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sendmail_span span;

		for (size_t len = 0; len < cases[i].needed; len++)
			assert_false(sendmail_find_header(&span, cases[i].text, len, false));
		assert_true(sendmail_find_header(&span, cases[i].text, cases[i].needed, false));
		assert_int_equal(span.start, cases[i].start);
		assert_int_equal(span.end, cases[i].end);
		assert_int_equal(span.body, cases[i].body);
	}
}

static void
names_are_written_so_that_they_are_one_phrase(void **state)
{
	static const struct {
		const char *name, *phrase;
	} cases[] = {
		{ "Alice", "Alice" }, { "A L Ice", "A L Ice" }, { "A. Ice", "\"A. Ice\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" }, { "a\nb", "a b" }, { "J\303\274", "=?UTF-8?B?SsO8?=" },
		{ "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"
		    "\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244",
		    "=?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOk?=\n =?UTF-8?B?w6Q=?=" },
	};
	stralloc s = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		s.len = 0;
		assert_true(sendmail_append_phrase(&s, cases[i].name) && stralloc_0(&s));
		assert_string_equal(s.s, cases[i].phrase);
	}
	stralloc_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_and_the_options_decide_what_is_done),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(arguments_begin_where_the_options_end),
		cmocka_unit_test(dsn_options_become_what_the_envelope_holds),
		cmocka_unit_test(text_is_cleaned_whatever_the_pieces),
		cmocka_unit_test(the_header_is_found_as_soon_as_it_is_whole),
		cmocka_unit_test(names_are_written_so_that_they_are_one_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
