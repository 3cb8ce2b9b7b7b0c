/* Alias values and .forward files: how they are split and what each element is. */
#include "lib/node.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The canonical list, its nodes joined by newlines; "!" and the reason where it is refused. */
static const char *
render(char *to, size_t size, const stralloc *list, bool ok, const char *why)
{
	size_t len = list->len;

	if (!ok) {
		snprintf(to, size, "!%s", why == NULL ? "?" : why);
		return to;
	}
	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(to, list->s, len);
	to[len] = '\0';
	for (size_t i = 0; i + 1 < len; i++)
		if (to[i] == '\0')
			to[i] = '\n';
	return to;
}

static const struct {
	const char *value, *nodes;
} values[] = {
	{ "bob", "bob" },
	{ "Bob, ALICE", "bob\nalice" },
	{ " bob ,, alice , ", "bob\nalice" },
	{ "", "" },
	{ "\\bob", "bob" },
	{ "bob+tag", "bob+tag" },
	{ "Bob@Example.ORG", "Bob@example.org" },
	{ "o'brien@example.org, d'arcy@example.org", "o'brien@example.org\nd'arcy@example.org" },
	{ "a!#$%*/?|^{}`~&+-=_.b'@x-1.org", "a!#$%*/?|^{}`~&+-=_.b'@x-1.org" },
	{ "jürgen@müller.example", "jürgen@müller.example" },
	{ "/var/mail/archive", "/var/mail/archive" },
	{ "\"/var/mail/a, b\"", "/var/mail/a, b" },
	{ "/var/a\\,b", "/var/a,b" },
	{ "|/usr/bin/procmail", "|/usr/bin/procmail" },
	{ "\"|/usr/bin/vacation -a x, bob\"", "|/usr/bin/vacation -a x, bob" },
	{ "|\"/usr/bin/vacation bob\"", "|/usr/bin/vacation bob" },
	{ "\"|sed 's/\\./,/' \\\"x\\\"\"", "|sed 's/\\./,/' \"x\"" },
	{ "|cmd 'a, b', bob", "|cmd 'a, b'\nbob" },
	{ "|cmd a\\,b", "|cmd a\\,b" },
	{ "include:/etc/mail/list", ":include:/etc/mail/list" },
	{ ":INCLUDE:/etc/mail/list", ":include:/etc/mail/list" },
	{ "\":include:/etc/mail/my list\"", ":include:/etc/mail/my list" },
	{ ":error:550 gone", "error:550 gone" },
	{ "error:451 \\,x", "!error: needs one blank and words behind its code" },
	{ "\"error:550 gone, sorry\"", "error:550 gone, sorry" },
	{ "error:550 gone\\, sorry", "error:550 gone, sorry" },
	{ "error:250 fine", "!error: needs a code of three digits, 4xx or 5xx" },
	{ "error:550", "!error: needs one blank and words behind its code" },
	{ "include:list", "!:include: needs an absolute path" },
	{ "|", "!a command is missing behind the |" },
	{ "\"|\"", "!a command is missing behind the |" },
	{ "/", "!a file name must not end with a slash" },
	{ "\"|cmd", "!a quote is not closed" },
	{ "'x", "!a quote is not closed" },
	{ "@example.org", "!an address needs something on both sides of the @" },
	{ "a@", "!an address needs something on both sides of the @" },
	{ "a@b@c", "!an address has a character in its domain that is not allowed" },
	{ "a b@c", "!an address has a character in its local part that is not allowed" },
	{ "\"\"", "!an empty pair of quotes" },
	{ "a\001b", "!an element has a control character" },
	{ "john doe", "!not a user name, address, /file, |command, :include:/file or error:CODE text" },
	{ "\"bob\" x", "!not a user name, address, /file, |command, :include:/file or error:CODE text" },
};

static void
values_split_as_aliases_5_says(void **state)
{
	char got[1024];

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		stralloc list = STRALLOC_ZERO;
		const char *why;
		bool ok = node_list_append(&list, &why, values[i].value, strlen(values[i].value));

		assert_string_equal(render(got, sizeof got, &list, ok, why), values[i].nodes);
		stralloc_free(&list);
	}
}

static const struct {
	const char *file, *nodes;
} files[] = {
	{ "bob\nalice@x.org\n", "bob\nalice@x.org" },
	{ "# my forward\nbob # me\n\n", "bob" },
	{ "bob,\\\n alice\n", "bob\nalice" },
	{ "\"|cmd # not a comment\"\n", "|cmd # not a comment" },
	{ "a#b@x.org\n", "a#b@x.org" },
	{ "bob\r\nalice\r\n", "bob\nalice" },
	{ ":include:/etc/passwd\nbob", "bob" },
	{ "\"open\n\nbob\n", "!a quote is not closed" },
	{ "", "" },
};

static void
files_have_lines_comments_and_continuations(void **state)
{
	char got[1024];

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		stralloc list = STRALLOC_ZERO;
		const char *why;
		bool ok = node_list_append_file(&list, &why, files[i].file, strlen(files[i].file), false);

		assert_string_equal(render(got, sizeof got, &list, ok, why), files[i].nodes);
		stralloc_free(&list);
	}
}

static void
an_include_file_may_name_includes_where_allowed(void **state)
{
	stralloc list = STRALLOC_ZERO;
	const char *why;

	(void)state;
	assert_true(node_list_append_file(&list, &why, "include:/a\n", 11, true));
	assert_int_equal(node_list_count(&list), 1);
	assert_string_equal(list.s, ":include:/a");
	stralloc_free(&list);
}

static void
a_list_gives_back_each_kind_with_its_text(void **state)
{
	static const char value[] = "error:550 x,:include:/i,|c d,/f,U@D,u";
	static const struct node expected[] = {
		{ NODE_ERROR, "550 x" }, { NODE_INCLUDE, "/i" }, { NODE_PIPE, "c d" },
		{ NODE_FILE, "/f" }, { NODE_ADDRESS, "U@d" }, { NODE_USER, "u" },
	};
	stralloc list = STRALLOC_ZERO;
	struct node n;
	const char *why;
	size_t at = 0, i = 0;

	(void)state;
	assert_true(node_list_append(&list, &why, value, sizeof value - 1));
	for (; node_list_next(&n, &at, &list); i++) {
		assert_int_equal(n.kind, expected[i].kind);
		assert_string_equal(n.text, expected[i].text);
	}
	assert_int_equal(i, 6);
	assert_int_equal(node_list_count(&list), 6);
	stralloc_free(&list);
}

static void
an_element_over_the_limit_is_refused(void **state)
{
	char s[NODE_TEXT_MAX + 1];
	stralloc list = STRALLOC_ZERO;
	const char *why;

	(void)state;
	memset(s, 'a', sizeof s);
	assert_true(node_list_append(&list, &why, s, NODE_TEXT_MAX));
	assert_false(node_list_append(&list, &why, s, NODE_TEXT_MAX + 1));
	assert_int_equal(errno, EPROTO);
	assert_string_equal(why, "an element is too long");
	stralloc_free(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_split_as_aliases_5_says),
		cmocka_unit_test(files_have_lines_comments_and_continuations),
		cmocka_unit_test(an_include_file_may_name_includes_where_allowed),
		cmocka_unit_test(a_list_gives_back_each_kind_with_its_text),
		cmocka_unit_test(an_element_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
