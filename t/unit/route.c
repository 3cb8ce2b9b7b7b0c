/* What is done with a recipient: refused, relayed, expanded or delivered, and why. */
#include "lib/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* This host has the same name wherever the test runs. */
__attribute__((weak)) char *
conf_server_name(char *name, size_t size)
{
	snprintf(name, size, "server.example.com");
	return name;
}

#define AT(n) .at = { "smtpd.conf", n }
#define SIZE(a) (sizeof (a) / sizeof (a)[0])
#define TABLE(n, e) { .name = n, .kind = TABLE_INLINE, .entries = e, .nentries = SIZE(e) }

static struct conf_pair alias_entries[] = {
	{ "root", "alice" }, { "bob", "bob, carol@far.example" }, { "list+x", "alice" }, { "list", "\"|cmd\"" },
	{ "gone", "\"error:550 5.1.6 moved, sorry\"" }, { "busy", "error:451 later" }, { "loop", "pool" },
	{ "pool", "loop" }, { "dead", "nobody-here" }, { "deadlist", "nobody-here, alice" }, { "bad", "\"open" },
	{ "d0", "d1" }, { "d1", "d2" }, { "d2", "d3" }, { "d3", "d4" }, { "d4", "d5" }, { "d5", "d6" }, { "d6", "d7" },
	{ "d7", "d8" }, { "d8", "d9" }, { "d9", "d10" }, { "d10", "d11" }, { "d11", "alice" }, { "self", "self" },
	{ "pipe+", "alice" },
};
static struct conf_pair user_entries[] = {
	{ "alice", "1000:1000:/home/alice" }, { "bob", "1001:1001:/home/bob" }, { "pool-man", "1002:1002:/home/p" },
	{ "broken", "x" },
};
static struct conf_pair virtual_entries[] = {
	{ "bob+tag@virtual.example", "one" }, { "bob@virtual.example", "two" }, { "sales+tag", "three" },
	{ "sales", "four" }, { "@virtual.example", "five" },
};
static struct conf_pair strict_entries[] = { { "bob@strict.example", "bob" }, { "bob", "x" } };
static struct conf_pair virtual_domain[] = { { "virtual.example", NULL } };
static struct conf_pair strict_domain[] = { { "strict.example", NULL } };
static struct conf_pair refused_domain[] = { { "refused.example", NULL } };

static const struct conf_table aliases = TABLE("aliases", alias_entries);
static const struct conf_table users = TABLE("users", user_entries);
static const struct conf_table virtuals = TABLE("virtuals", virtual_entries);
static const struct conf_table strict = TABLE("strict", strict_entries);
static const struct conf_table virtual_domains = TABLE("<dynamic:1>", virtual_domain);
static const struct conf_table strict_domains = TABLE("<dynamic:2>", strict_domain);
static const struct conf_table refused_domains = TABLE("<dynamic:3>", refused_domain);
static const struct conf_table missing = { .name = "missing", .kind = TABLE_DB, .path = "/nonexistent/aliases.db" };
static const struct conf_table accounts = { .name = "getpwnam", .kind = TABLE_SYSTEM, .path = "" };

static struct conf_rule rules[] = {
	{ AT(1), .text = "accept for local alias <aliases> userbase <users> deliver to maildir", .from = FROM_LOCAL,
	    .to = FOR_LOCAL, .alias = &aliases, .userbase = &users, .action = ACTION_MAILDIR },
	{ AT(2), .text = "accept from any for domain \"virtual.example\" virtual <virtuals>", .from = FROM_ANY,
	    .to = FOR_DOMAIN, .for_domain = &virtual_domains, .virtual = &virtuals, .userbase = &users,
	    .action = ACTION_MAILDIR },
	{ AT(3), .text = "accept from any for domain \"strict.example\" virtual <strict>", .from = FROM_ANY,
	    .to = FOR_DOMAIN, .for_domain = &strict_domains, .virtual = &strict, .userbase = &users,
	    .action = ACTION_MAILDIR },
	{ AT(4), .text = "reject from any for domain \"refused.example\"", .is_reject = true, .from = FROM_ANY,
	    .to = FOR_DOMAIN, .for_domain = &refused_domains },
	{ AT(5), .text = "accept for any relay", .from = FROM_LOCAL, .to = FOR_ANY, .action = ACTION_RELAY },
};
static struct conf conf = {
	.path = "smtpd.conf", .rules = rules, .nrules = SIZE(rules), .subaddressing_delimiter = '+', .min_uid = 100,
};

static struct facts here, far;

static int
make_facts(void **state)
{
	(void)state;
	here = far = facts_unknown;
	here.origin = ORIGIN_LOCAL;
	far.origin = ORIGIN_SMTP;
	far.client = "203.0.113.1";
	return 0;
}

static const char kinds[] = "!?ILBEDR";	/* reject, no user, inactive, later, broken, expand, deliver, relay */

/* "K status nodes-or-user: why" */
static const char *
render(char *to, size_t size, const struct route *r)
{
	stralloc nodes = STRALLOC_ZERO;

	assert_true(stralloc_copy(&nodes, &r->nodes));
	for (size_t i = 0; i + 1 < nodes.len; i++)
		if (nodes.s[i] == '\0')
			nodes.s[i] = ',';
	snprintf(to, size, "%c %s %s: %.*s", kinds[r->kind], r->status,
	    r->kind == ROUTE_EXPAND ? nodes.s : r->user.name != NULL ? r->user.name : "-", (int)r->why.len,
	    r->why.len > 0 ? r->why.s : "");
	stralloc_free(&nodes);
	return to;
}

static const char *
ask(char *to, size_t size, struct conf *c, struct route_question q,
    void (*function)(struct route *, const struct conf *, struct table_set *, const struct route_question *))
{
	struct table_set *set = table_set_new(c);
	struct route r = ROUTE_ZERO;

	if (q.facts == NULL)
		q.facts = &here;
	q.reverse_path = "sender@far.example";
	q.local_name = "mail.example.com";
	function(&r, c, set, &q);
	render(to, size, &r);
	route_free(&r);
	table_set_free(set);
	return to;
}

static const struct {
	struct route_question q;
	const char *outcome;
} steps[] = {
	{ { .address = "alice@localhost" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "Alice@LOCALHOST" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "alice+tag@localhost" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "alice" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "nobody-here@localhost" }, "? 5.1.1 -: user nobody-here not in <users> (smtpd.conf:1)" },
	{ { .address = "@localhost" }, "? 5.1.1 -: user  not in <users> (smtpd.conf:1)" },
	{ { .address = "../x@localhost" }, "? 5.1.1 -: user ../x not in <users> (smtpd.conf:1)" },
	{ { .address = "root@localhost" }, "E 2.1.5 alice: root is in <aliases> (smtpd.conf:1)" },
	{ { .address = "root+x@localhost" }, "E 2.1.5 alice: root is in <aliases> (smtpd.conf:1)" },
	{ { .address = "list+x@localhost" }, "E 2.1.5 alice: list+x is in <aliases> (smtpd.conf:1)" },
	{ { .address = "list+y@localhost" }, "E 2.1.5 |cmd: list is in <aliases> (smtpd.conf:1)" },
	{ { .address = "bob@localhost" }, "E 2.1.5 bob,carol@far.example: bob is in <aliases> (smtpd.conf:1)" },
	{ { .address = "bob@localhost", .user = "bob", .skip_alias = true },
	    "D 2.1.5 bob: user bob is in <users> (smtpd.conf:1)" },
	{ { .address = "x@localhost", .user = "root", .is_internal = true },
	    "E 2.1.5 alice: root is in <aliases> (smtpd.conf:1)" },
	{ { .address = "bad@localhost" }, "B 4.3.5 -: smtpd.conf:1: <aliases>: the entry of bad: a quote is not closed" },
	{ { .address = "broken@localhost" },
	    "B 4.3.5 -: smtpd.conf:1: <users>: the row of broken is not uid:gid:home" },
	{ { .address = "x@far.example" }, "R 2.1.5 -: smtpd.conf:5: accept for any relay" },
	{ { .address = "x@far.example", .user = "alice", .is_internal = true },
	    "B 4.3.5 -: smtpd.conf:5: relays <x@far.example>, of which alice was an alias" },
	{ { .address = "x@far.example", .facts = &far }, "! 5.7.1 -: no rule accepts <x@far.example>" },
	{ { .address = "x@refused.example", .facts = &far },
	    "! 5.7.1 -: smtpd.conf:4: reject from any for domain \"refused.example\"" },
	/* virtual: the order of the keys */
	{ { .address = "bob+tag@virtual.example" }, "E 2.1.5 one: bob+tag@virtual.example is in <virtuals> (smtpd.conf:2)" },
	{ { .address = "bob+x@virtual.example" }, "E 2.1.5 two: bob@virtual.example is in <virtuals> (smtpd.conf:2)" },
	{ { .address = "sales+tag@virtual.example" }, "E 2.1.5 three: sales+tag is in <virtuals> (smtpd.conf:2)" },
	{ { .address = "sales+x@virtual.example" }, "E 2.1.5 four: sales is in <virtuals> (smtpd.conf:2)" },
	{ { .address = "x@virtual.example" }, "E 2.1.5 five: @virtual.example is in <virtuals> (smtpd.conf:2)" },
	{ { .address = "bob@virtual.example", .user = "bob", .is_internal = true },
	    "D 2.1.5 bob: user bob is in <users> (smtpd.conf:2)" },
	{ { .address = "x@strict.example" }, "? 5.1.1 -: user x not in <strict> (smtpd.conf:3)" },
	/* the names that every host answers for */
	{ { .address = "abuse@localhost" },
	    "E 2.1.5 postmaster: abuse goes to postmaster, as no table says otherwise" },
	{ { .address = "postmaster@localhost" },
	    "E 2.1.5 root: postmaster goes to root, as no table says otherwise" },
	{ { .address = "Postmaster", .facts = &far },
	    "E 2.1.5 root: postmaster goes to root, as no table says otherwise" },
	{ { .address = "postmaster@mail.example.com", .facts = &far },
	    "E 2.1.5 root: postmaster goes to root, as no table says otherwise" },
	{ { .address = "abuse@mail.example.com", .facts = &far }, "! 5.7.1 -: no rule accepts <abuse@mail.example.com>" },
	{ { .address = "mailer-daemon@strict.example" },
	    "E 2.1.5 postmaster@strict.example: mailer-daemon goes to postmaster@strict.example, as no table says otherwise" },
	{ { .address = "postmaster@strict.example", .facts = &far },
	    "E 2.1.5 root: postmaster goes to root, as no table says otherwise" },
	{ { .address = "postmaster@strict.example", .user = "root", .is_internal = true },
	    "D 2.1.5 root: user root is in <users> (smtpd.conf:3)" },
	{ { .address = "root@strict.example" }, "? 5.1.1 -: user root not in <strict> (smtpd.conf:3)" },
};

static void
each_step_has_its_outcome_and_says_why(void **state)
{
	char got[1024];

	(void)state;
	for (size_t i = 0; i < SIZE(steps); i++)
		assert_string_equal(ask(got, sizeof got, &conf, steps[i].q, route_step), steps[i].outcome);
}

static const struct {
	struct route_question q;
	const char *outcome;
} checks[] = {
	{ { .address = "alice@localhost" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "root@localhost" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "bob@localhost" }, "D 2.1.5 -: bob is in <aliases> (smtpd.conf:1)" },
	{ { .address = "self@localhost" }, "? 5.1.1 -: user self not in <users> (smtpd.conf:1)" },
	{ { .address = "list@localhost" }, "D 2.1.5 -: list is in <aliases> (smtpd.conf:1)" },
	{ { .address = "dead@localhost" }, "? 5.1.1 -: user nobody-here not in <users> (smtpd.conf:1)" },
	{ { .address = "deadlist@localhost" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "gone@localhost" }, "! 5.1.6 -: moved, sorry" },
	{ { .address = "busy@localhost" }, "L 4.7.1 -: later" },
	{ { .address = "loop@localhost" },
	    "! 5.4.6 -: the aliases behind this address lead nowhere but to themselves" },
	{ { .address = "d2@localhost" }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "d0@localhost" }, "! 5.4.6 -: the aliases behind this address are too many or too deep" },
	{ { .address = "bad@localhost" }, "B 4.3.5 -: smtpd.conf:1: <aliases>: the entry of bad: a quote is not closed" },
	{ { .address = "x@far.example" }, "R 2.1.5 -: smtpd.conf:5: accept for any relay" },
	{ { .address = "x@far.example", .facts = &far }, "! 5.7.1 -: no rule accepts <x@far.example>" },
	{ { .address = "postmaster", .facts = &far }, "D 2.1.5 alice: user alice is in <users> (smtpd.conf:1)" },
	{ { .address = "bob@virtual.example" }, "? 5.1.1 -: user two not in <users> (smtpd.conf:2)" },
};

static void
a_check_follows_local_names_until_something_is_found(void **state)
{
	char got[1024];

	(void)state;
	for (size_t i = 0; i < SIZE(checks); i++)
		assert_string_equal(ask(got, sizeof got, &conf, checks[i].q, route_check), checks[i].outcome);
}

static void
a_table_that_is_missing_means_later_and_names_file_and_rule(void **state)
{
	struct conf_rule r[] = { { AT(7), .text = "accept for local alias <missing>", .from = FROM_LOCAL, .to = FOR_LOCAL,
		.alias = &missing, .userbase = &users, .action = ACTION_MAILDIR } };
	struct conf c = { .path = "smtpd.conf", .rules = r, .nrules = 1, .subaddressing_delimiter = '+' };
	struct route_question q = { .address = "bob@localhost" };
	char got[1024];

	(void)state;
	assert_string_equal(ask(got, sizeof got, &c, q, route_step),
	    "L 4.3.0 -: smtpd.conf:7: /nonexistent/aliases.db: No such file or directory");
	assert_string_equal(ask(got, sizeof got, &c, q, route_check),
	    "L 4.3.0 -: smtpd.conf:7: /nonexistent/aliases.db: No such file or directory");
}

static void
root_is_returned_as_a_user_and_left_to_the_caller(void **state)
{
	struct conf_rule r[] = { { AT(7), .text = "accept for local", .from = FROM_LOCAL, .to = FOR_LOCAL,
		.userbase = &accounts, .action = ACTION_MBOX } };
	struct conf c = { .path = "smtpd.conf", .rules = r, .nrules = 1, .subaddressing_delimiter = '+' };
	struct route_question q = { .address = "mailer-daemon@localhost" };
	char got[1024];

	(void)state;
	assert_string_equal(ask(got, sizeof got, &c, q, route_check),
	    "D 2.1.5 root: user root is in <getpwnam> (smtpd.conf:7)");
}

static void
a_virtual_domain_gives_its_postmaster_to_the_local_rule(void **state)
{
	struct conf_rule r[] = {
		{ AT(1), .text = "accept for local alias <aliases>", .from = FROM_LOCAL, .to = FOR_LOCAL, .alias = &aliases,
		    .userbase = &accounts, .action = ACTION_MBOX },
		rules[2],
	};
	struct conf c = { .path = "smtpd.conf", .rules = r, .nrules = 2, .subaddressing_delimiter = '+' };
	struct route_question q = { .address = "postmaster@strict.example", .facts = &far };
	char got[1024];

	(void)state;
	assert_string_equal(ask(got, sizeof got, &c, q, route_step),
	    "E 2.1.5 root@localhost: postmaster goes to root@localhost, as no table says otherwise");
}

static void
an_address_of_any_length_is_survived(void **state)
{
	char address[5000], got[1024];
	struct route_question q = { .address = address };

	(void)state;
	memset(address, 'a', sizeof address);
	memcpy(address + sizeof address - 11, "@localhost", 11);
	assert_string_equal(ask(got, sizeof got, &conf, q, route_check),
	    "? 5.1.3 -: the address is longer than 1003 octets");
	q.address = address + sizeof address - 1004;
	assert_int_equal(ask(got, sizeof got, &conf, q, route_check)[0], '?');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_has_its_outcome_and_says_why),
		cmocka_unit_test(a_check_follows_local_names_until_something_is_found),
		cmocka_unit_test(a_table_that_is_missing_means_later_and_names_file_and_rule),
		cmocka_unit_test(root_is_returned_as_a_user_and_left_to_the_caller),
		cmocka_unit_test(a_virtual_domain_gives_its_postmaster_to_the_local_rule),
		cmocka_unit_test(an_address_of_any_length_is_survived),
	};

	return cmocka_run_group_tests(tests, make_facts, NULL);
}
