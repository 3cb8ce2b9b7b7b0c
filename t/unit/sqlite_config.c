/* sqlite_config: the configuration of a SQLite table, its queries' parameters and mistakes. */
#include "sqlite-lookup/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sqlite-lookup/hint.h"
#include "sqlite-lookup/key.h"

static void
parse(struct config *c, const char *s, size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memcpy(text, s, len);
	assert_true(config_parse(c, "tables", text, len));
}

static void
parse_text(struct config *c, const char *s)
{
	parse(c, s, strlen(s));
}

/* All messages of a text, a line each. */
static void
check_messages(const char *text, const char *expected)
{
	struct config c;
	stralloc all = STRALLOC_ZERO;

	parse_text(&c, text);
	for (size_t i = 0; i < c.nmessages; i++)
		assert_true(config_describe(&all, &c, &c.messages[i],
		    config_is_error(&c.messages[i]) ? "" : "warning: ") && stralloc_cats(&all, "\n"));
	assert_true(stralloc_0(&all));
	assert_string_equal(all.s, expected);
	stralloc_free(&all);
	config_free(&c);
}

static void
the_how_tos_own_file_is_read(void **state)
{
	struct config c;

	(void)state;
	parse_text(&c,
	    "dbpath                  /etc/mail/authdb.sqlite;\n"
	    "query_alias             select alias from alias where user=?;\n"
	    "query_domain            select domain from domains where domain=? and active=\"Y\";\n");
	assert_string_equal(c.dbpath.text, "/etc/mail/authdb.sqlite");
	assert_string_equal(c.queries[QUERY_ALIAS].text, "select alias from alias where user=?;");
	assert_int_equal(c.queries[QUERY_ALIAS].line, 2);
	assert_string_equal(c.queries[QUERY_DOMAIN].text, "select domain from domains where domain=? and active=\"Y\";");
	assert_null(c.queries[QUERY_USERINFO].text);
	assert_int_equal(c.nmessages, 1);
	assert_int_equal(c.messages[0].what, CONFIG_SEMICOLON);
	assert_null(config_error(&c));
	config_free(&c);
}

static void
blank_tab_and_colon_separate_a_key_from_its_value(void **state)
{
	struct config c;

	(void)state;
	parse_text(&c, "\n# a comment: dbpath /no\n\t dbpath:\t/a b:c \t\r\n"
	    "query_domain :domain\nquery_alias:select 1 -- # no comment\nquery_source\tx");
	assert_string_equal(c.dbpath.text, "/a b:c");
	assert_int_equal(c.dbpath.line, 3);
	assert_string_equal(c.queries[QUERY_ALIAS].text, "select 1 -- # no comment");
	assert_string_equal(c.queries[QUERY_SOURCE].text, "x");
	assert_int_equal(c.nmessages, 0);
	config_free(&c);
}

static void
odd_lines_are_warned_of_and_do_no_harm(void **state)
{
	(void)state;
	check_messages("dbpath /a\nquery_alias a\nquery_alias b\ndbpath /b\nquery_aliases c\nquery_domain\n"
	    "fetch_source_expire soon\nfetch_source_refresh 7\n",
	    "tables:3: warning: query_alias: stands here a second time; the first one counts\n"
	    "tables:4: warning: dbpath: stands here a second time; the last one counts\n"
	    "tables:5: warning: query_aliases: no such key; it is ignored\n"
	    "tables:6: warning: query_domain: has no value; it is ignored\n"
	    "tables:7: warning: fetch_source_expire: is not a number; it is ignored\n");
	check_messages("dbpath /a\n", "tables: warning: there is no query\n");
}

static void
a_file_without_a_usable_dbpath_is_an_error(void **state)
{
	struct config c;

	(void)state;
	check_messages("query_alias x\n", "tables: there is no dbpath; write: dbpath /the/database\n");
	check_messages("query_alias x\ndbpath mail.db\n", "tables:2: mail.db: dbpath must be an absolute path\n");
	check_messages("query_alias x\ndbpath :memory:\n", "tables:2: memory:: dbpath must be an absolute path\n");
	check_messages("query_alias x\ndbpath file:/x\n", "tables:2: file:/x: dbpath must be an absolute path\n");
	parse(&c, "dbpath /a\nquery_alias x\n\0", 25);
	assert_int_equal(config_error(&c)->what, CONFIG_NUL);
	config_free(&c);
}

static void
an_error_is_seen_behind_any_number_of_warnings(void **state)
{
	char text[8 * CONFIG_MESSAGES_MAX + 1] = "";
	struct config c;

	(void)state;
	for (size_t i = 0; i < 2 * CONFIG_MESSAGES_MAX; i++)
		strncat(text, "x y\n", sizeof text - strlen(text) - 1);
	parse_text(&c, text);
	assert_int_equal(c.nmessages, CONFIG_MESSAGES_MAX);
	assert_non_null(config_error(&c));
	config_free(&c);
}

static void
check_key(enum query q, const char *text, const char *user, const char *domain, const char *address)
{
	struct key k;

	assert_true(key_take(&k, q, text));
	if (user == NULL)
		assert_null(k.user);
	else
		assert_true(k.user_len == strlen(user) && memcmp(k.user, user, k.user_len) == 0);
	assert_true(domain == NULL ? k.domain == NULL : k.domain != NULL && strcmp(k.domain, domain) == 0);
	assert_true(address == NULL ? k.address == NULL : k.address != NULL && strcmp(k.address, address) == 0);
}

static void
user_domain_and_address_come_from_the_key_itself(void **state)
{
	(void)state;
	check_key(QUERY_USERINFO, "Bob@Example.ORG", "bob", "example.org", "bob@example.org");
	check_key(QUERY_USERINFO, "bob", "bob", NULL, NULL);
	check_key(QUERY_ALIAS, "@example.org", NULL, "example.org", NULL);
	check_key(QUERY_ALIAS, "@", NULL, NULL, NULL);
	check_key(QUERY_ALIAS, "bob@", "bob", NULL, NULL);
	check_key(QUERY_CREDENTIALS, "\"a@b\"@c", "\"a@b\"", "c", "\"a@b\"@c");
	check_key(QUERY_DOMAIN, "example.org", NULL, "example.org", NULL);
	check_key(QUERY_NETADDR, "192.0.2.1", NULL, NULL, NULL);
}

static void
keys_are_lower_cased_in_ascii_only_and_limited(void **state)
{
	char large[TABLE_KEY_MAX + 2];
	struct key k;

	(void)state;
	assert_true(key_take(&k, QUERY_ALIAS, "\303\204B\377Z['"));
	assert_string_equal(k.text, "\303\204b\377z['");
	memset(large, 'A', sizeof large);
	large[TABLE_KEY_MAX + 1] = '\0';
	assert_false(key_take(&k, QUERY_ALIAS, large));
	large[TABLE_KEY_MAX] = '\0';
	assert_true(key_take(&k, QUERY_ALIAS, large));
	assert_int_equal(strlen(k.text), TABLE_KEY_MAX);
}

static void
only_the_first_question_mark_is_the_key(void **state)
{
	(void)state;
	assert_int_equal(key_parameter(NULL, true), PARAMETER_KEY);
	assert_int_equal(key_parameter(NULL, false), PARAMETER_NULL);
	assert_int_equal(key_parameter("?1", false), PARAMETER_KEY);
	assert_int_equal(key_parameter("?2", true), PARAMETER_NULL);
	assert_int_equal(key_parameter(":user", true), PARAMETER_USER);
	assert_int_equal(key_parameter(":domain", true), PARAMETER_DOMAIN);
	assert_int_equal(key_parameter(":address", true), PARAMETER_ADDRESS);
	assert_int_equal(key_parameter(":users", true), PARAMETER_UNKNOWN);
	assert_int_equal(key_parameter("@user", true), PARAMETER_UNKNOWN);
}

static void
a_comma_before_from_is_shown(void **state)
{
	static const char sql[] = "select a, b,\t from users";
	stralloc s = STRALLOC_ZERO;

	(void)state;
	assert_string_equal(hint_for(sql, 14), "remove the comma before from");
	assert_null(hint_for(sql, 7));
	assert_null(hint_for(sql, -1));
	assert_null(hint_for(sql, 1000));
	assert_null(hint_for("from", 0));
	assert_int_equal(hint_place(sql, 14), 11);
	assert_int_equal(hint_place(sql, 9), 9);
	assert_true(hint_show(&s, sql, 11) && stralloc_0(&s));
	assert_string_equal(s.s, "\tselect a, b,  from users\n\t           ^\n");
	stralloc_free(&s);
}

static void
sql_is_shown_printable_and_the_mark_stands_below_its_place(void **state)
{
	stralloc s = STRALLOC_ZERO;

	(void)state;
	assert_true(hint_show(&s, "\303\244\033x y", 3) && stralloc_0(&s));
	assert_string_equal(s.s, "\t\303\244\\033x y\n\t     ^\n");
	stralloc_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_how_tos_own_file_is_read),
		cmocka_unit_test(blank_tab_and_colon_separate_a_key_from_its_value),
		cmocka_unit_test(odd_lines_are_warned_of_and_do_no_harm),
		cmocka_unit_test(a_file_without_a_usable_dbpath_is_an_error),
		cmocka_unit_test(an_error_is_seen_behind_any_number_of_warnings),
		cmocka_unit_test(user_domain_and_address_come_from_the_key_itself),
		cmocka_unit_test(keys_are_lower_cased_in_ascii_only_and_limited),
		cmocka_unit_test(only_the_first_question_mark_is_the_key),
		cmocka_unit_test(a_comma_before_from_is_shown),
		cmocka_unit_test(sql_is_shown_printable_and_the_mark_stands_below_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
