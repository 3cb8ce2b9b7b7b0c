/* format: the specifiers of paths and commands. */
#include "deliver-local/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct format_values usual = {
	.sender = "Anna+x@Example.COM", .rcpt = "Bob+tag@example.org", .dest = "bob+tag@example.org",
	.username = "bob", .directory = "/home/bob", .delimiter = '+',
};

/* NULL: it cannot be expanded, and the recipient is deferred. */
struct example {
	const char *format, *result;
};

static void
check(const struct example *e, size_t n, const struct format_values *v)
{
	char to[FORMAT_MAX + 1];
	const char *why = NULL;

	for (size_t i = 0; i < n; i++) {
		if (format_expand(to, &why, v, e[i].format) != (e[i].result != NULL))
			fail_msg("%s: %s", e[i].format, e[i].result == NULL ? to : why);
		if (e[i].result != NULL)
			assert_string_equal(to, e[i].result);
		else
			assert_non_null(why);
	}
}
#define CHECK(examples, values) check(examples, sizeof (examples) / sizeof *(examples), values)

static void
names_stand_for_their_values(void **state)
{
	static const struct example e[] = {
		{ "%{sender}", "Anna+x@Example.COM" },
		{ "%{sender.user}", "Anna+x" },
		{ "%{sender.domain}", "Example.COM" },
		{ "%{rcpt}", "Bob+tag@example.org" },
		{ "%{rcpt.user}", "Bob+tag" },
		{ "%{rcpt.domain}", "example.org" },
		{ "%{dest}", "bob+tag@example.org" },
		{ "%{dest.user}", "bob+tag" },
		{ "%{dest.domain}", "example.org" },
		{ "%{user.username}", "bob" },
		{ "%{user.directory}", "/home/bob" },
		{ "%{Dest.USER}", "bob+tag" },
		{ "/var/vmail/%{dest.domain}/%{dest.user:strip}/Maildir", "/var/vmail/example.org/bob/Maildir" },
		{ "%{nothing}", NULL },
		{ "%{}", NULL },
		{ "%{dest.user", NULL },
		{ "%{dest .user}", NULL },
	};

	(void)state;
	CHECK(e, &usual);
}

static void
percent_and_tilde_are_literal_but_where_they_mean_something(void **state)
{
	static const struct example e[] = {
		{ "", "" },
		{ "%%", "%" },
		{ "%%{dest}", "%{dest}" },
		{ "100%", "100%" },
		{ "%d %", "%d %" },
		{ "~/Maildir", "/home/bob/Maildir" },
		{ "~", "~" },
		{ "~bob/x", "~bob/x" },
		{ "a~/b", "a~/b" },
	};

	(void)state;
	CHECK(e, &usual);
}

static void
slices_take_octets_counted_from_either_end(void **state)
{
	static const struct example e[] = {
		{ "%{dest.domain[0]}", "e" },
		{ "%{dest.domain[10]}", "g" },
		{ "%{dest.domain[-1]}", "g" },
		{ "%{dest.domain[-3]}", "o" },
		{ "%{dest.domain[0:0]}", "e" },
		{ "%{dest.domain[0:2]}", "exa" },
		{ "%{dest.domain[8:]}", "org" },
		{ "%{dest.domain[-3:]}", "org" },
		{ "%{dest.domain[:6]}", "example" },
		{ "%{dest.domain[0:-4]}", "example" },
		{ "%{dest.domain[0:500]}", "example.org" },
		{ "%{dest.domain[11]}", NULL },
		{ "%{dest.domain[-12]}", NULL },
		{ "%{dest.domain[5:2]}", NULL },
		{ "%{dest.domain[:]}", NULL },
		{ "%{dest.domain[]}", NULL },
		{ "%{dest.domain[x]}", NULL },
		{ "%{dest.domain[1}", NULL },
		{ "%{dest.domain[99999999999]}", NULL },
		{ "%{dest.domain]1[}", NULL },
		{ "%{sender.domain[0]:lowercase}", "e" },
	};

	(void)state;
	CHECK(e, &usual);
}

static void
modifiers_change_the_value_in_order(void **state)
{
	static const struct example e[] = {
		{ "%{sender:lowercase}", "anna+x@example.com" },
		{ "%{sender:UPPERCASE}", "ANNA+X@EXAMPLE.COM" },
		{ "%{sender:strip}", "Anna@Example.COM" },
		{ "%{dest.user:strip}", "bob" },
		{ "%{dest.user:strip|uppercase}", "BOB" },
		{ "%{user.username:strip}", "bob" },
		{ "%{dest.user:raw}", "bob+tag" },
		{ "%{dest.user:}", NULL },
		{ "%{dest.user:strip|}", NULL },
		{ "%{dest.user:shout}", NULL },
	};
	struct format_values dash = usual;

	(void)state;
	CHECK(e, &usual);
	dash.delimiter = '-';
	dash.dest = "bob-a-b@x";
	check(&(struct example){ "%{dest:strip}", "bob@x" }, 1, &dash);
	dash.delimiter = '\0';
	check(&(struct example){ "%{dest:strip}", "bob-a-b@x" }, 1, &dash);
	dash.delimiter = '+';
	dash.dest = "+tag@x";
	check(&(struct example){ "%{dest:strip}", "+tag@x" }, 1, &dash);
}

static void
hostile_octets_become_colons(void **state)
{
	static const struct example e[] = {
		{ "%{dest.user}", ":::::::::::::::" },
		{ "%{dest.user:raw}", "!#$%&'*:?^`{|}~" },
		{ "%{user.directory}", "/home/b b" },
	};
	struct format_values v = usual;

	(void)state;
	v.dest = "!#$%&'*/?^`{|}~@example.org";
	v.directory = "/home/b b";
	CHECK(e, &v);
	v.dest = "a\nb\177c@x";
	check(&(struct example){ "%{dest.user:raw}", "a:b:c" }, 1, &v);
}

static void
an_address_of_dots_leads_nowhere_else(void **state)
{
	static const struct example e[] = {
		{ "/mail/%{dest.user}/x", NULL },
		{ "/mail/%{dest.user}", NULL },
		{ "/mail/x%{dest.user}", "/mail/x.." },
		{ "/mail/%{dest.user}x", "/mail/..x" },
		{ "/mail/%{sender.user}", NULL },
		{ "~/../x", NULL },
	};
	struct format_values v = usual;

	(void)state;
	v.dest = "..@x";
	v.sender = ".@x";
	CHECK(e, &v);
}

static void
nothing_a_peer_wrote_acts_on_a_shell(void **state)
{
	static const char active[] = "!#$&'*/?`{|}~;()<>\"\\[] \t\n\r\1\177";
	char address[64], to[FORMAT_MAX + 1];
	const char *why;
	struct format_values v = usual;

	(void)state;
	v.is_command = true;
	v.sender = address;
	for (const char *c = active; *c != '\0'; c++) {
		memcpy(address, "a?b@example.org", 16);
		address[1] = *c;
		assert_true(format_expand(to, &why, &v, "cmd %{sender:raw}"));
		assert_string_equal(to, "cmd a:b@example.org");
	}
}

static void
an_address_is_never_an_option_of_the_command(void **state)
{
	static const struct example e[] = {
		{ "cmd %{sender}", "cmd :oQ@x" },
		{ "cmd '%{sender}'", "cmd ':oQ@x'" },
		{ "cmd -f%{sender}", "cmd -f-oQ@x" },
		{ "%{sender}", ":oQ@x" },
	};
	struct format_values v = usual;

	(void)state;
	v.is_command = true;
	v.sender = "-oQ@x";
	CHECK(e, &v);
}

static void
a_home_that_acts_on_a_shell_defers_a_command(void **state)
{
	struct format_values v = usual;

	(void)state;
	v.is_command = true;
	v.directory = "/home/$(id)";
	check(&(struct example){ "cmd %{user.directory}", NULL }, 1, &v);
	check(&(struct example){ "~/cmd", NULL }, 1, &v);
	v.is_command = false;
	check(&(struct example){ "~/cmd", "/home/$(id)/cmd" }, 1, &v);
}

static void
the_null_reverse_path_has_no_parts(void **state)
{
	static const struct example e[] = {
		{ "%{sender}", "@" },
		{ "%{sender.user}", NULL },
		{ "%{sender.domain}", NULL },
	};
	struct format_values v = usual;

	(void)state;
	v.sender = "";
	CHECK(e, &v);
}

static void
a_result_has_at_most_1023_octets(void **state)
{
	char format[FORMAT_MAX + 3], long_value[2000];
	struct format_values v = usual;

	(void)state;
	memset(format, 'x', sizeof format);
	format[FORMAT_MAX] = '\0';
	check(&(struct example){ format, format }, 1, &v);
	format[FORMAT_MAX] = 'x';
	format[FORMAT_MAX + 1] = '\0';
	check(&(struct example){ format, NULL }, 1, &v);
	memset(long_value, 'x', sizeof long_value - 1);
	long_value[sizeof long_value - 1] = '\0';
	v.username = long_value;
	check(&(struct example){ "%{user.username}", NULL }, 1, &v);
	v.directory = long_value;
	long_value[0] = '/';
	check(&(struct example){ "~/x", NULL }, 1, &v);
}

static void
a_home_that_is_not_absolute_is_none(void **state)
{
	struct format_values v = usual;

	(void)state;
	v.directory = "";
	check(&(struct example){ "~/Maildir", NULL }, 1, &v);
	check(&(struct example){ "%{user.directory}", NULL }, 1, &v);
	v.directory = "home";
	check(&(struct example){ "~/Maildir", NULL }, 1, &v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stand_for_their_values),
		cmocka_unit_test(percent_and_tilde_are_literal_but_where_they_mean_something),
		cmocka_unit_test(slices_take_octets_counted_from_either_end),
		cmocka_unit_test(modifiers_change_the_value_in_order),
		cmocka_unit_test(hostile_octets_become_colons),
		cmocka_unit_test(an_address_of_dots_leads_nowhere_else),
		cmocka_unit_test(nothing_a_peer_wrote_acts_on_a_shell),
		cmocka_unit_test(an_address_is_never_an_option_of_the_command),
		cmocka_unit_test(a_home_that_acts_on_a_shell_defers_a_command),
		cmocka_unit_test(the_null_reverse_path_has_no_parts),
		cmocka_unit_test(a_result_has_at_most_1023_octets),
		cmocka_unit_test(a_home_that_is_not_absolute_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
