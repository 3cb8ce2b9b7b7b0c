/* The parameters of MAIL and RCPT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "smtp-recv/parameter.h"

static struct parameter
value_of(const char *text)
{
	return (struct parameter){ .key = "K", .key_len = 1, .value = text, .value_len = strlen(text) };
}

static void
parameters_stand_apart_and_have_good_keys(void **state)
{
	static const struct {
		const char *text;
		int count;	/* of good ones before the end or the broken one */
		bool is_broken;
	} cases[] = {
		{ "", 0, false },
		{ "   ", 0, false },
		{ " SIZE=10", 1, false },
		{ "  SIZE=10  BODY=8BITMIME SMTPUTF8 ", 3, false },
		{ " X-Y=a=b", 1, false },
		{ "SIZE=10", 0, true },
		{ " SIZE=", 0, true },
		{ " =10", 0, true },
		{ " -X=10", 0, true },
		{ " A=1 B_C", 1, true },
		{ " SIZE\t", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parameter p;
		bool is_broken;
		size_t at = 0;
		int n = 0;

		while (parameter_next(&p, &at, &is_broken, cases[i].text, strlen(cases[i].text)))
			n++;
		if (n != cases[i].count || is_broken != cases[i].is_broken)
			fail_msg("'%s': %d, %s", cases[i].text, n, is_broken ? "broken" : "whole");
	}
}

static void
a_size_has_at_most_twenty_digits(void **state)
{
	struct parameter p = value_of("12345");
	uint64_t n;

	(void)state;
	assert_true(parameter_scan_size(&n, &p) && n == 12345);
	p = value_of("18446744073709551615");
	assert_true(parameter_scan_size(&n, &p) && n == UINT64_MAX);
	p = value_of("99999999999999999999");
	assert_true(parameter_scan_size(&n, &p) && n == UINT64_MAX);
	p = value_of("000000000000000000001");
	assert_false(parameter_scan_size(&n, &p));
	p = value_of("1k");
	assert_false(parameter_scan_size(&n, &p));
	p.value = NULL;
	assert_false(parameter_scan_size(&n, &p));
}

static void
xtext_stands_for_printable_ascii(void **state)
{
	static const struct {
		const char *text;
		bool is_xtext, with_utf8;
	} cases[] = {
		{ "abc", true, true },
		{ "a+2Bb+3D", true, true },
		{ "(x)", true, true },
		{ "", false, false },
		{ "a b", false, false },
		{ "a=b", false, false },
		{ "a+", false, false },
		{ "a+2", false, false },
		{ "a+2b", false, false },
		{ "a+0A", false, false },
		{ "a+7F", false, false },
		{ "a+80", false, false },
		{ "\303\251", false, true },
		{ "\351", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len = strlen(cases[i].text);

		if (parameter_is_xtext(cases[i].text, len, false) != cases[i].is_xtext ||
		    parameter_is_xtext(cases[i].text, len, true) != cases[i].with_utf8)
			fail_msg("%s", cases[i].text);
	}
}

static void
a_key_is_first_where_none_before_is_the_same(void **state)
{
	static const char s[] = " SIZE=1 BODY=7BIT size SIZ=size";
	static const bool expected[] = { true, true, false, true };
	struct parameter p;
	bool is_broken;
	size_t at = 0, i = 0;

	(void)state;
	while (parameter_next(&p, &at, &is_broken, s, sizeof s - 1))
		assert_int_equal(parameter_is_first(&p, s), expected[i++]);
	assert_int_equal(i, 4);
}

static void
notify_becomes_letters_in_one_order(void **state)
{
	static const struct {
		const char *text, *letters;	/* NULL: refused */
	} cases[] = {
		{ "NEVER", "never" }, { "never", "never" }, { "SUCCESS", "s" }, { "DELAY,failure", "fd" },
		{ "DELAY,SUCCESS,FAILURE", "sfd" }, { "NEVER,DELAY", NULL }, { "DELAY,DELAY", NULL },
		{ "DELAY,", NULL }, { ",", NULL }, { "SOON", NULL }, { "DELAY,SOON", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parameter p = value_of(cases[i].text);
		char letters[sizeof "never"] = "";
		bool done = parameter_scan_notify(letters, &p);

		if (done != (cases[i].letters != NULL) || (done && strcmp(letters, cases[i].letters) != 0))
			fail_msg("%s: %s", cases[i].text, letters);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_stand_apart_and_have_good_keys),
		cmocka_unit_test(a_size_has_at_most_twenty_digits),
		cmocka_unit_test(xtext_stands_for_printable_ascii),
		cmocka_unit_test(a_key_is_first_where_none_before_is_the_same),
		cmocka_unit_test(notify_becomes_letters_in_one_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
