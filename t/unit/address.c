/* What counts as a path, a mailbox, a domain and an address list. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/address.h"

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LOCAL_128 SIXTY SIXTY "12345678"
#define LABEL_63 SIXTY "123"

/* mailbox NULL: fails with error. rest is what must be left behind the path. */
static const struct path_case {
	const char *text, *mailbox, *rest;
	int error;
} paths[] = {
	{ "<>", "", "", 0 },
	{ "<> BODY=7BIT", "", " BODY=7BIT", 0 },
	{ "<a@b>", "a@b", "", 0 },
	{ "<joe@example.org> SIZE=1", "joe@example.org", " SIZE=1", 0 },
	{ "<Joe@Example.ORG>", "Joe@Example.ORG", "", 0 },
	{ "<postmaster>", "postmaster", "", 0 },
	{ "<a.b+c=d/e@example.org>", "a.b+c=d/e@example.org", "", 0 },
	{ "<a..b@example.org>", "a..b@example.org", "", 0 },
	{ "<a.@example.org>", "a.@example.org", "", 0 },
	{ "<a_b@under_score.example>", "a_b@under_score.example", "", 0 },
	{ "<@a,@b.example:joe@c>", "joe@c", "", 0 },
	{ "<@[IPv6:::1]:joe@c>", "joe@c", "", 0 },
	{ "<@a:joe>", "joe", "", 0 },
	{ "<\"a\"@b>", "a@b", "", 0 },
	{ "<\"a b\"@b>", "\"a b\"@b", "", 0 },
	{ "<\"a\\b\"@b>", "ab@b", "", 0 },
	{ "<\"a\\\"b\"@b>", "\"a\\\"b\"@b", "", 0 },
	{ "<\"a\\\\\"@b>", "\"a\\\\\"@b", "", 0 },
	{ "<\"a..b\"@b>", "\"a..b\"@b", "", 0 },
	{ "<\"a@b\"@c>", "\"a@b\"@c", "", 0 },
	{ "<\"a>b\"@c>", "\"a>b\"@c", "", 0 },
	{ "<\"\"@c>", "\"\"@c", "", 0 },
	{ "<joe@[192.0.2.1]>", "joe@[192.0.2.1]", "", 0 },
	{ "<joe@[IPv6:2001:db8::1]>", "joe@[IPv6:2001:db8::1]", "", 0 },
	{ "<jos\303\251@ex\303\244mple.org>", "jos\303\251@ex\303\244mple.org", "", 0 },
	{ "<" LOCAL_128 "@b>", LOCAL_128 "@b", "", 0 },
	{ "<a@" LABEL_63 ".b>", "a@" LABEL_63 ".b", "", 0 },

	{ "", NULL, NULL, EPROTO },
	{ "<", NULL, NULL, EPROTO },
	{ "a@b", NULL, NULL, EPROTO },
	{ " <a@b>", NULL, NULL, EPROTO },
	{ "< a@b>", NULL, NULL, EPROTO },
	{ "<a@b >", NULL, NULL, EPROTO },
	{ "<a@b", NULL, NULL, EPROTO },
	{ "<a@>", NULL, NULL, EPROTO },
	{ "<@b>", NULL, NULL, EPROTO },
	{ "<@b:>", NULL, NULL, EPROTO },
	{ "<@b,:a@c>", NULL, NULL, EPROTO },
	{ "<a@b@c>", NULL, NULL, EPROTO },
	{ "<a b@c>", NULL, NULL, EPROTO },
	{ "<a@b..c>", NULL, NULL, EPROTO },
	{ "<a@.b>", NULL, NULL, EPROTO },
	{ "<a@b.>", NULL, NULL, EPROTO },
	{ "<a@-b>", NULL, NULL, EPROTO },
	{ "<a@b-.c>", NULL, NULL, EPROTO },
	{ "<a@[1.2.3]>", NULL, NULL, EPROTO },
	{ "<a@[1.2.3.4>", NULL, NULL, EPROTO },
	{ "<a@[1.2.3.4]x>", NULL, NULL, EPROTO },
	{ "<a@[IPv6:1.2.3.4]>", NULL, NULL, EPROTO },
	{ "<\"a@b>", NULL, NULL, EPROTO },
	{ "<\"a\"b@c>", NULL, NULL, EPROTO },
	{ "<\"a\tb\"@c>", NULL, NULL, EPROTO },
	{ "<a\rb@c>", NULL, NULL, EPROTO },
	{ "<a(c)@b>", NULL, NULL, EPROTO },
	{ "<jos\351@b>", NULL, NULL, EILSEQ },
	{ "<\"jos\351\"@b>", NULL, NULL, EILSEQ },
	{ "<a@b\300\200>", NULL, NULL, EILSEQ },
	{ "<a\302\205@b>", NULL, NULL, EILSEQ },
	{ "<" LOCAL_128 "9@b>", NULL, NULL, EMSGSIZE },
	{ "<a@" LABEL_63 "4.b>", NULL, NULL, EPROTO },
	{ "<a@" SIXTY "." SIXTY "." SIXTY "." SIXTY "." SIXTY ">", NULL, NULL, EMSGSIZE },
	{ "<" SIXTY "@" SIXTY "." SIXTY "." SIXTY "." TEN "12>", NULL, NULL, EMSGSIZE },
};

static void
a_path_is_read_as_its_table_says(void **state)
{
	stralloc mailbox = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const struct path_case *p = &paths[i];
		size_t used = 0, len = strlen(p->text);
		bool done = address_scan_path(&mailbox, &used, p->text, len);

		if (done != (p->mailbox != NULL) || (!done && errno != p->error))
			fail_msg("%s: %s", p->text, done ? "accepted" : strerror(errno));
		if (!done)
			continue;
		if (mailbox.len != strlen(p->mailbox) ||
		    (mailbox.len > 0 && memcmp(mailbox.s, p->mailbox, mailbox.len) != 0))
			fail_msg("%s gave %.*s", p->text, (int)mailbox.len, mailbox.s);
		assert_string_equal(p->text + used, p->rest);
	}
	stralloc_free(&mailbox);
}

static void
a_nul_never_is_part_of_a_path(void **state)
{
	stralloc mailbox = STRALLOC_ZERO;
	size_t used;

	(void)state;
	assert_false(address_scan_path(&mailbox, &used, "<a\0b@c>", 7));
	assert_false(address_scan_path(&mailbox, &used, "<\"a\0b\"@c>", 9));
	assert_false(address_scan_path(&mailbox, &used, "<a@[1.2.3.4\0]>", 14));
	assert_false(address_is_domain("a\0b", 3));
	stralloc_free(&mailbox);
}

static void
a_mailbox_needs_both_its_parts(void **state)
{
	(void)state;
	assert_true(address_is_mailbox("a@b", 3));
	assert_false(address_is_mailbox("a", 1));
	assert_false(address_is_mailbox("\"a@b\"", 5));
	assert_false(address_is_mailbox("a@b ", 4));
	assert_false(address_is_mailbox("", 0));
}

static void
the_at_sign_is_found_behind_quotes(void **state)
{
	(void)state;
	assert_int_equal(address_find_at("a@b", 3), 1);
	assert_int_equal(address_find_at("\"x@y\"@b", 7), 5);
	assert_int_equal(address_find_at("\"x\\\"@y\"@b", 9), 7);
	assert_int_equal(address_find_at("abc", 3), 3);
	assert_int_equal(address_find_at("\"x@y", 4), 4);
	assert_int_equal(address_find_at("", 0), 0);
}

static void
literals_and_scripts_are_told_apart(void **state)
{
	(void)state;
	assert_true(address_is_literal("[127.0.0.1]", 11));
	assert_true(address_is_literal("[IPv6:::1]", 10));
	assert_true(address_is_literal("[ipv6:::1]", 10));
	assert_false(address_is_literal("[::1]", 5));
	assert_false(address_is_literal("127.0.0.1", 9));
	assert_false(address_is_literal("[]", 2));
	assert_true(address_is_international("\303\251", 2));
	assert_false(address_is_international("e", 1));
}

/* A list's mailboxes joined by '|', and whether all of it could be read. */
static const struct list_case {
	const char *value, *mailboxes;
	bool is_clean;
} lists[] = {
	{ "", "", true },
	{ " \r\n ", "", true },
	{ " joe@example.org\r\n", "joe@example.org|", true },
	{ "joe", "joe|", true },
	{ "a@b, c@d,e@f", "a@b|c@d|e@f|", true },
	{ "a@b,,c@d,", "a@b|c@d|", true },
	{ "Joe Doe <joe@b>", "joe@b|", true },
	{ "Joe Q. Doe <joe@b>", "joe@b|", true },
	{ "\"Doe, Joe\" <joe@b>, a@b", "joe@b|a@b|", true },
	{ "joe@b <joe@c>", "joe@c|", true },
	{ "<joe@b>", "joe@b|", true },
	{ "joe (a, b (c) \\) d) @ b (e)", "joe@b|", true },
	{ "joe\r\n @\r\n\tb", "joe@b|", true },
	{ "joe . doe @ b . c", "joe.doe@b.c|", true },
	{ "=?utf-8?q?J=C3=B6?= <jo@b>", "jo@b|", true },
	{ "J\303\266 <jo@b>", "jo@b|", true },
	{ "J\366 <jo@b>", "jo@b|", true },
	{ "undisclosed-recipients:;", "", true },
	{ "friends: a@b, C <c@d>; , e@f", "a@b|c@d|e@f|", true },
	{ "friends:a@b;e@f", "a@b|e@f|", true },
	{ "<@x,@y:joe@b>", "joe@b|", true },
	{ "\"a b\"@c", "\"a b\"@c|", true },
	{ "\"a\"@c", "a@c|", true },
	{ "a@[127.0.0.1]", "a@[127.0.0.1]|", true },

	{ "a b, c@d", "c@d|", false },
	{ "a@b c@d, e@f", "e@f|", false },
	{ "<a@b, c@d", "c@d|", false },
	{ "<a@b> c, d@e", "d@e|", false },
	{ "<a@b> <c@d>, e@f", "e@f|", false },
	{ "a@, c@d", "c@d|", false },
	{ "<>, c@d", "c@d|", false },
	{ "\"a@b, c@d", "", false },
	{ "(a@b, c@d", "", false },
	{ "c@d, (never closed", "c@d|", false },
	{ "a@b\\, c@d", "c@d|", false },
	{ "a\001@b, c@d", "c@d|", false },
	{ "j\366@b, c@d", "c@d|", false },
	{ "|rm, c@d", "|rm|c@d|", true },
};

static void
a_list_is_read_as_its_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		const struct list_case *l = &lists[i];
		stralloc to = STRALLOC_ZERO;
		bool is_clean = !l->is_clean;

		assert_true(address_list_append(&to, &is_clean, l->value, strlen(l->value)));
		for (size_t k = 0; k < to.len; k++)
			if (to.s[k] == '\0')
				to.s[k] = '|';
		assert_true(stralloc_0(&to));
		if (strcmp(to.s, l->mailboxes) != 0 || is_clean != l->is_clean)
			fail_msg("%s gave %s%s", l->value, to.s, is_clean ? "" : ", not clean");
		stralloc_free(&to);
	}
}

static void
a_list_is_added_to_what_was_there(void **state)
{
	stralloc to = STRALLOC_ZERO;
	bool is_clean;

	(void)state;
	assert_true(stralloc_catb(&to, "x@y", 4));
	assert_true(address_list_append(&to, &is_clean, "bad bad, a@b", 12));
	assert_int_equal(to.len, 8);
	assert_memory_equal(to.s, "x@y\0a@b", 8);
	stralloc_free(&to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_read_as_its_table_says),
		cmocka_unit_test(a_nul_never_is_part_of_a_path),
		cmocka_unit_test(a_mailbox_needs_both_its_parts),
		cmocka_unit_test(the_at_sign_is_found_behind_quotes),
		cmocka_unit_test(literals_and_scripts_are_told_apart),
		cmocka_unit_test(a_list_is_read_as_its_table_says),
		cmocka_unit_test(a_list_is_added_to_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
