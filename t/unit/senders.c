/* Which reverse-paths a login may use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/senders.h"

static const struct list_case {
	const char *list, *address;
	bool fits;
} cases[] = {
	{ "joe@example.org", "joe@example.org", true },
	{ "joe@example.org", "JOE@Example.ORG", true },
	{ "joe@example.org", "ann@example.org", false },
	{ "joe@example.org", "joe@example.net", false },
	{ "joe@example.org", "joe@example.org.evil", false },
	{ "joe@example.org", "x@joe@example.org", false },
	{ "a@b, joe@example.org,\tc@d", "joe@example.org", true },
	{ "a@b,,joe@example.org,", "joe@example.org", true },
	{ "a@b,c@d", "joe@example.org", false },
	{ "@example.org", "joe@example.org", true },
	{ "@example.org", "joe@mail.example.org", false },
	{ "@example.org", "joe@evil@example.org", true },	/* its local part is joe@evil, quoted */
	{ "@*.example.org", "joe@mail.example.org", true },
	{ "joe*@example.org", "joe.public@example.org", true },
	{ "joe", "joe@example.net", true },
	{ "joe", "joey@example.net", false },
	{ "*", "anybody@example.net", true },
	{ "*", "postmaster", true },
	{ "@", "anybody@example.net", true },
	{ "", "joe@example.org", false },
	{ " ", "joe@example.org", false },
	{ "\"a,b\"@example.org", "\"a,b\"@example.org", true },
	{ "\"a,b\"@example.org", "b\"@example.org", false },
	{ "\"a", "joe@example.org", false },
	{ "\"a\\", "joe@example.org", false },
	/* tags */
	{ "joe@example.org", "joe+list@example.org", true },
	{ "joe+list@example.org", "joe+list@example.org", true },
	{ "joe+list@example.org", "joe@example.org", false },
	{ "joe+list@example.org", "joe+other@example.org", false },
	{ "joe@example.org", "ann+joe@example.org", false },
	{ "joe@a+b.org", "joe@a+b.org", true },
	{ "@example.org", "+x@example.org", true },
};

static void
matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (senders_match(cases[i].list, strlen(cases[i].list), cases[i].address, '+') != cases[i].fits)
			fail_msg("'%s' for '%s'", cases[i].list, cases[i].address);
	assert_false(senders_match("joe@x", 5, "joe+list@x", '\0'));
	assert_true(senders_match("joe@x", 5, "joe-list@x", '-'));
}

static void
long_texts_match_nothing(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_false(senders_match(text, strlen(text), "a@b", '+'));
	assert_false(senders_match("a@b", 3, text, '+'));
	memcpy(text + sizeof text - 6, ",*,x", 4);
	assert_true(senders_match(text, strlen(text), "a@b", '+'));
	text[100] = '+';
	memcpy(text + 1500, "@b", 3);
	assert_false(senders_match("joe@b", 5, text, '+'));
}

static const char configuration[] =
    "table may { joe = \"joe@example.org, @example.net\", boss = \"*\", none = \",\" }\n"
    "table away file:/nowhere/senders\n"
    "accept for local deliver to maildir\n";

static void
asks_the_table(void **state)
{
	struct conf *c = conf_parse("smtpd.conf", configuration, sizeof configuration - 1, NULL, 0);
	struct table_set *set;
	const struct conf_table *may, *away;
	stralloc why = STRALLOC_ZERO;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->nerrors, 0);
	set = table_set_new(c);
	may = conf_find_table(c, "may");
	away = conf_find_table(c, "away");
	assert_int_equal(senders_allow(set, may, "joe", "joe@example.org", '+', &why), LOOKUP_FOUND);
	assert_int_equal(senders_allow(set, may, "JOE", "x@example.net", '+', &why), LOOKUP_FOUND);
	assert_int_equal(senders_allow(set, may, "joe", "x@example.org", '+', &why), LOOKUP_ABSENT);
	assert_int_equal(senders_allow(set, may, "boss", "x@example.org", '+', &why), LOOKUP_FOUND);
	assert_int_equal(senders_allow(set, may, "none", "x@example.org", '+', &why), LOOKUP_ABSENT);
	assert_int_equal(senders_allow(set, may, "ann", "ann@example.org", '+', &why), LOOKUP_ABSENT);
	assert_int_equal(senders_allow(set, may, "joe", "", '+', &why), LOOKUP_FOUND);
	assert_int_equal(senders_allow(set, may, "ann", "", '+', &why), LOOKUP_ABSENT);
	assert_int_equal(senders_allow(set, away, "joe", "joe@example.org", '+', &why), LOOKUP_LATER);
	assert_true(why.len > 0);
	stralloc_free(&why);
	table_set_free(set);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(long_texts_match_nothing),
		cmocka_unit_test(asks_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
