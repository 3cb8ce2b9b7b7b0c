/* lookup: what a table program is asked, and what it answers. */
#include "lib/lookup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
a_request_is_a_service_its_keys_and_an_empty_string(void **state)
{
	static const char *const keys[] = { "bob+x@example.org", "bob" };
	stralloc s = STRALLOC_ZERO;

	(void)state;
	assert_true(lookup_append_request(&s, "alias", keys, 2));
	assert_int_equal(s.len, sizeof "alias\0bob+x@example.org\0bob\0");
	assert_memory_equal(s.s, "alias\0bob+x@example.org\0bob\0", s.len);
	assert_true(lookup_append_request(&s, "fetch_source", NULL, 0));
	assert_memory_equal(s.s + 29, "fetch_source\0", 14);
	stralloc_free(&s);
}

static void
what_is_written_is_read_again(void **state)
{
	static const char *const keys[] = { "a", "b", "@" };
	stralloc s = STRALLOC_ZERO;
	struct lookup_request r;
	size_t used;

	(void)state;
	assert_true(lookup_append_request(&s, "alias", keys, 3) && lookup_append_request(&s, "domain", keys, 1));
	for (size_t len = 0; len < 13; len++)
		assert_int_equal(lookup_scan_request(&r, &used, s.s, len), LOOKUP_PARTIAL);
	assert_int_equal(lookup_scan_request(&r, &used, s.s, s.len), LOOKUP_WHOLE);
	assert_int_equal(used, 13);
	assert_string_equal(r.service, "alias");
	assert_int_equal(r.nkeys, 3);
	assert_string_equal(r.keys[2], "@");
	assert_int_equal(lookup_scan_request(&r, &used, s.s + 13, s.len - 13), LOOKUP_WHOLE);
	assert_string_equal(r.service, "domain");
	assert_int_equal(used, s.len - 13);
	stralloc_free(&s);
}

static void
requests_that_could_not_be_read_again_are_not_written(void **state)
{
	static const char *const empty[] = { "a", "" };
	static char octets[LOOKUP_REQUEST_MAX + 1];
	const char *many[LOOKUP_KEYS_MAX + 1], *large[1] = { octets };
	stralloc s = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i <= LOOKUP_KEYS_MAX; i++)
		many[i] = "k";
	memset(octets, 'x', LOOKUP_REQUEST_MAX);
	assert_false(lookup_append_request(&s, "alias", empty, 2));
	assert_int_equal(errno, EINVAL);
	assert_false(lookup_append_request(&s, "", empty, 1));
	assert_int_equal(errno, EINVAL);
	assert_false(lookup_append_request(&s, "alias", many, LOOKUP_KEYS_MAX + 1));
	assert_int_equal(errno, EMSGSIZE);
	assert_false(lookup_append_request(&s, "alias", large, 1));
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(s.len, 0);
	assert_true(lookup_append_request(&s, "alias", many, LOOKUP_KEYS_MAX));
	stralloc_free(&s);
}

static void
what_is_no_request_or_too_long_is_invalid(void **state)
{
	static char octets[LOOKUP_REQUEST_MAX];
	struct lookup_request r;
	size_t used;

	(void)state;
	assert_int_equal(lookup_scan_request(&r, &used, "", 1), LOOKUP_INVALID);
	memset(octets, 'x', sizeof octets);
	assert_int_equal(lookup_scan_request(&r, &used, octets, sizeof octets - 1), LOOKUP_PARTIAL);
	assert_int_equal(lookup_scan_request(&r, &used, octets, sizeof octets), LOOKUP_INVALID);
	octets[1] = '\0';
	for (size_t i = 0; i <= LOOKUP_KEYS_MAX; i++)
		memcpy(octets + 2 + 2 * i, "k", 2);
	octets[2 + 2 * (LOOKUP_KEYS_MAX + 1)] = '\0';
	assert_int_equal(lookup_scan_request(&r, &used, octets, sizeof octets), LOOKUP_INVALID);
}

static void
a_reply_is_a_status_and_values(void **state)
{
	stralloc s = STRALLOC_ZERO;
	struct lookup_reply r;
	size_t used;

	(void)state;
	assert_true(lookup_append_reply(&s, LOOKUP_FOUND, "a\0b", 4));
	assert_memory_equal(s.s, "0\0a\0b\0", 7);
	assert_int_equal(lookup_scan_reply(&r, &used, s.s, 6), LOOKUP_PARTIAL);
	assert_int_equal(lookup_scan_reply(&r, &used, s.s, s.len), LOOKUP_WHOLE);
	assert_int_equal(used, 7);
	assert_int_equal(r.answer, LOOKUP_FOUND);
	assert_int_equal(r.nvalues, 2);
	assert_string_equal(r.values, "a");
	s.len = 0;
	assert_true(lookup_append_reply(&s, LOOKUP_ABSENT, NULL, 0));
	assert_memory_equal(s.s, "1\0", 3);
	s.len = 0;
	assert_true(lookup_append_reply(&s, LOOKUP_INACTIVE, NULL, 0));
	assert_memory_equal(s.s, "1\0inactive\0", 12);
	assert_int_equal(lookup_scan_reply(&r, &used, s.s, s.len), LOOKUP_WHOLE);
	assert_int_equal(r.answer, LOOKUP_INACTIVE);
	s.len = 0;
	assert_true(lookup_append_reply(&s, LOOKUP_LATER, "locked", 7));
	assert_memory_equal(s.s, "111\0locked\0", 12);
	assert_int_equal(lookup_scan_reply(&r, &used, s.s, s.len), LOOKUP_WHOLE);
	assert_int_equal(r.answer, LOOKUP_LATER);
	stralloc_free(&s);
}

static void
a_found_row_without_value_is_a_reply_without_values(void **state)
{
	stralloc s = STRALLOC_ZERO;
	struct lookup_reply r;
	size_t used;

	(void)state;
	assert_true(lookup_append_reply(&s, LOOKUP_FOUND, NULL, 0));
	assert_int_equal(lookup_scan_reply(&r, &used, s.s, s.len), LOOKUP_WHOLE);
	assert_int_equal(r.answer, LOOKUP_FOUND);
	assert_int_equal(r.nvalues, 0);
	assert_false(lookup_append_reply(&s, LOOKUP_FOUND, "a\0\0b", 5));
	assert_false(lookup_append_reply(&s, LOOKUP_FOUND, "", 1));
	assert_false(lookup_append_reply(&s, LOOKUP_FOUND, "ab", 2));
	stralloc_free(&s);
}

static void
replies_of_no_sense_are_invalid(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} cases[] = {
		{ "", 1 }, { "x\0", 3 }, { "-1\0", 4 }, { " 0\0", 4 }, { "0 \0", 4 }, { "256\0a\0", 7 },
		{ "0000\0", 6 }, { "111\0", 5 }, { "100\0a\0b\0", 9 },
	};
	struct lookup_reply r;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(lookup_scan_reply(&r, &used, cases[i].s, cases[i].len), LOOKUP_INVALID);
}

static void
every_code_that_is_not_ours_means_later(void **state)
{
	(void)state;
	assert_int_equal(lookup_from_exit(0), LOOKUP_FOUND);
	assert_int_equal(lookup_from_exit(1), LOOKUP_ABSENT);
	assert_int_equal(lookup_from_exit(100), LOOKUP_BROKEN);
	for (int code = -1; code < 256; code++)
		if (code != 0 && code != 1 && code != 100)
			assert_int_equal(lookup_from_exit(code), LOOKUP_LATER);
	assert_int_equal(lookup_to_exit(LOOKUP_LATER), 111);
	assert_int_equal(lookup_to_exit(LOOKUP_BROKEN), 100);
	assert_int_equal(lookup_to_exit(LOOKUP_ABSENT), 1);
	assert_int_equal(lookup_to_exit(LOOKUP_INACTIVE), 1);
	assert_int_equal(lookup_to_exit(LOOKUP_FOUND), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_a_service_its_keys_and_an_empty_string),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(requests_that_could_not_be_read_again_are_not_written),
		cmocka_unit_test(what_is_no_request_or_too_long_is_invalid),
		cmocka_unit_test(a_reply_is_a_status_and_values),
		cmocka_unit_test(a_found_row_without_value_is_a_reply_without_values),
		cmocka_unit_test(replies_of_no_sense_are_invalid),
		cmocka_unit_test(every_code_that_is_not_ours_means_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
