/* Fields of a header, hops, Delivered-To, dates. */
#include "lib/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* "name=value|" for each field of the header, then the rest behind '#'. */
static void
show_header(stralloc *out, const char *text)
{
	struct message_field f;
	size_t at = 0, len = strlen(text);

	out->len = 0;
	while (message_next_field(&f, &at, text, len)) {
		stralloc_catb(out, f.name, f.name_len);
		stralloc_cats(out, "=");
		stralloc_catb(out, f.value, f.value_len);
		stralloc_cats(out, "|");
		assert_ptr_equal(f.start + f.len, text + at);
	}
	stralloc_cats(out, "#");
	stralloc_cats(out, text + at);
	stralloc_0(out);
}

static void
fields_are_found_one_after_the_other(void **state)
{
	static const struct {
		const char *text, *fields;
	} cases[] = {
		{ "", "#" },
		{ "\nbody\n", "#\nbody\n" },
		{ "A: b\n\nC: d\n", "A= b\n|#\nC: d\n" },
		{ "A: b\n c\n\td\nB:\n\n", "A= b\n c\n\td\n|B=\n|#\n" },
		{ "A : b\n", "A= b\n|#" },
		{ "A: cut off", "A= cut off|#" },
		{ "A: b\n folded and cut", "A= b\n folded and cut|#" },
		{ "A: b\nno field\n", "A= b\n|#no field\n" },
		{ " not a fold\nA: b\n", "# not a fold\nA: b\n" },
		{ "From me Tue Nov 24\nA: b\n", "#From me Tue Nov 24\nA: b\n" },
		{ ": no name\n", "#: no name\n" },
		{ "A\001: b\n", "#A\001: b\n" },
		{ "Caf\303\251: b\n", "#Caf\303\251: b\n" },
	};
	stralloc out = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		show_header(&out, cases[i].text);
		assert_string_equal(out.s, cases[i].fields);
	}
	stralloc_free(&out);
}

static void
a_field_is_known_by_its_name_in_any_case(void **state)
{
	const char *text = "rEcEiVed: x\n";
	struct message_field f;
	size_t at = 0;

	(void)state;
	assert_true(message_next_field(&f, &at, text, strlen(text)));
	assert_true(message_field_is(&f, "Received"));
	assert_false(message_field_is(&f, "Receive"));
	assert_false(message_field_is(&f, "Received-SPF"));
}

/* The hops of text, fed in pieces of that many octets. */
static unsigned
count_hops(const char *text, size_t piece)
{
	struct message_hops h = { 0 };
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i += piece)
		message_hops_feed(&h, text + i, len - i < piece ? len - i : piece);
	return h.hops;
}

static void
hops_are_counted_whatever_the_pieces(void **state)
{
	static const struct {
		const char *text;
		unsigned hops;
	} cases[] = {
		{ "", 0 },
		{ "Received: a\n", 1 },
		{ "Received: a\n\tb\nRECEIVED: c\nreceived : d\n\n", 3 },
		{ "Received-SPF: a\nX-Received: b\nReceive: c\nReceivedd: d\n", 0 },
		{ "Subject: x\n Received: a\n\n", 0 },
		{ "Received: a\n\nReceived: in the body\n", 1 },
		{ "Received: a\nno field ends the header\nReceived: b\n", 1 },
		{ "\nReceived: a\n", 0 },
		{ " Received: a\n", 0 },
		{ "Rec:\nReceived: b\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t piece = 1; piece < 20; piece++)
			assert_int_equal(count_hops(cases[i].text, piece), cases[i].hops);
}

static void
an_address_that_has_been_delivered_to_is_recognised(void **state)
{
	const char *text = "Delivered-To: a@example.org\nTo: b@example.org\nDELIVERED-TO:\n  C@example.org \n\n"
	    "Delivered-To: d@example.org\n";
	size_t len = strlen(text);

	(void)state;
	assert_true(message_was_delivered_to(text, len, "a@example.org"));
	assert_true(message_was_delivered_to(text, len, "A@EXAMPLE.org"));
	assert_true(message_was_delivered_to(text, len, "c@example.org"));
	assert_false(message_was_delivered_to(text, len, "b@example.org"));
	assert_false(message_was_delivered_to(text, len, "d@example.org"));
	assert_false(message_was_delivered_to(text, len, "a@example.or"));
	assert_false(message_was_delivered_to("", 0, "a@example.org"));
}

static void
check_date(const char *zone, int64_t seconds, const char *date)
{
	stralloc out = STRALLOC_ZERO;

	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
	assert_true(message_append_date(&out, seconds));
	assert_true(stralloc_0(&out));
	assert_string_equal(out.s, date);
	stralloc_free(&out);
}

static void
dates_are_in_local_time_with_its_offset(void **state)
{
	(void)state;
	check_date("UTC0", 1795485600, "Tue, 24 Nov 2026 02:00:00 +0000");
	check_date("XST-5:30", 1795485600, "Tue, 24 Nov 2026 07:30:00 +0530");
	check_date("XST+3:30", 1795485600, "Mon, 23 Nov 2026 22:30:00 -0330");
	check_date("UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_one_after_the_other),
		cmocka_unit_test(a_field_is_known_by_its_name_in_any_case),
		cmocka_unit_test(hops_are_counted_whatever_the_pieces),
		cmocka_unit_test(an_address_that_has_been_delivered_to_is_recognised),
		cmocka_unit_test(dates_are_in_local_time_with_its_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
