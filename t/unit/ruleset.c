/* Which rule decides: the first that matches, by sender, client and recipient. */
#include "lib/ruleset.h"

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

static struct conf_pair domain_entries[] = { { "example.org", NULL }, { "*.example.net", NULL } };
static struct conf_pair lan_entries[] = { { "192.0.2.0/24", NULL } };
static struct conf_pair local_entries[] = { { "local", NULL } };
static struct conf_pair spammer_entries[] = { { "@spam.example", NULL } };
static struct conf_pair bad_entries[] = { { "not-an-address", NULL } };

#define LIST(n, e) { .name = n, .kind = TABLE_INLINE, .entries = e, .nentries = SIZE(e) }

static const struct conf_table domains = LIST("domains", domain_entries);
static const struct conf_table lan = LIST("lan", lan_entries);
static const struct conf_table locals = LIST("<dynamic:1>", local_entries);
static const struct conf_table spammers = LIST("spammers", spammer_entries);
static const struct conf_table bad = LIST("bad", bad_entries);

static struct conf_rule rules[] = {
	{ AT(1), .text = "reject from any sender <spammers> for any", .is_reject = true, .from = FROM_ANY, .to = FOR_ANY,
	    .sender = &spammers },
	{ AT(2), .text = "accept tagged submission", .from = FROM_ANY, .to = FOR_ANY, .tag = "submission" },
	{ AT(3), .text = "accept for local", .from = FROM_LOCAL, .to = FOR_LOCAL },
	{ AT(4), .text = "accept from any for domain <domains>", .from = FROM_ANY, .to = FOR_DOMAIN,
	    .for_domain = &domains },
	{ AT(5), .text = "accept from source <lan> for any", .from = FROM_SOURCE, .from_source = &lan, .to = FOR_ANY },
	{ AT(6), .text = "accept authenticated for any", .from = FROM_ANY, .to = FOR_ANY, .authenticated = true },
	{ AT(7), .text = "accept for ! domain <domains>", .from = FROM_LOCAL, .to = FOR_DOMAIN, .not_for = true,
	    .for_domain = &domains },
};

static struct facts
facts_of(enum origin origin, const char *client, const char *user, const char *tag)
{
	struct facts f = facts_unknown;

	f.origin = origin;
	f.client = client;
	f.user = user;
	f.tag = tag;
	return f;
}

/* The line of the rule that matched; 0: none; -1: could not tell. */
static int
ask(struct conf_rule *r, size_t n, const struct facts *f, bool is_internal, const char *sender, const char *recipient,
    stralloc *why, stralloc *trace)
{
	struct conf_listen listens[] = { { .hostname = "" }, { .hostname = "inside.example.com" } };
	struct conf c = { .path = "smtpd.conf", .rules = r, .nrules = n, .listens = listens, .nlistens = SIZE(listens),
		.subaddressing_delimiter = '+' };
	struct table_set *set = table_set_new(&c);
	struct ruleset_question q = { .facts = f, .is_internal = is_internal, .reverse_path = sender,
		.recipient = recipient, .local_name = "mail.example.com" };
	const struct conf_rule *rule;
	enum lookup answer = ruleset_match(&rule, &c, set, &q, why, trace);

	table_set_free(set);
	if (answer != LOOKUP_FOUND)
		return -1;
	return rule == NULL ? 0 : (int)rule->at.line;
}

static const struct {
	enum origin origin;
	const char *client, *user, *tag;
	bool is_internal;
	const char *sender, *recipient;
	int line;
} cases[] = {
	{ ORIGIN_SMTP, "203.0.113.1", "", "", false, "a@b.c", "bob@example.org", 4 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "", false, "a@b.c", "bob@x.y.example.net", 4 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "", false, "a@b.c", "bob@elsewhere.org", 0 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "", false, "a@b.c", "bob@localhost", 0 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "", false, "X@Spam.example", "bob@example.org", 1 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "", false, "", "bob@example.org", 4 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "submission", false, "a@b.c", "bob@elsewhere.org", 2 },
	{ ORIGIN_SMTP, "203.0.113.1", "bob", "", false, "a@b.c", "bob@elsewhere.org", 6 },
	{ ORIGIN_SMTP, "203.0.113.1", "bob", "", false, "a@b.c", "bob@localhost", 3 },
	{ ORIGIN_SMTP, "192.0.2.9", "", "", false, "a@b.c", "bob@elsewhere.org", 5 },
	{ ORIGIN_SMTP, "127.0.0.1", "", "", false, "a@b.c", "bob@localhost", 3 },
	{ ORIGIN_SMTP, "::1", "", "", false, "a@b.c", "bob@mail.example.com", 3 },
	{ ORIGIN_SMTP, "::1", "", "", false, "a@b.c", "bob@server.example.com", 3 },
	/* the name of another listener: the runner knows no listener of its own */
	{ ORIGIN_SMTP, "::1", "", "", false, "a@b.c", "bob@Inside.example.com", 3 },
	{ ORIGIN_LOCAL, "", "", "", false, "a@b.c", "bob@[127.0.0.1]", 3 },
	{ ORIGIN_LOCAL, "", "", "", false, "a@b.c", "bob@[IPv6:::1]", 3 },
	{ ORIGIN_LOCAL, "", "", "", false, "a@b.c", "bob@127.0.0.1", 3 },
	{ ORIGIN_LOCAL, "", "", "", false, "a@b.c", "bob@[203.0.113.1]", 7 },
	{ ORIGIN_LOCAL, "", "", "", false, "a@b.c", "bob@elsewhere.org", 7 },
	{ ORIGIN_NOTICE, "", "", "", false, "", "bob@elsewhere.org", 7 },
	/* nothing is believed of an unknown origin */
	{ ORIGIN_UNKNOWN, "", "bob", "submission", false, "a@b.c", "bob@elsewhere.org", 0 },
	{ ORIGIN_UNKNOWN, "", "", "", false, "a@b.c", "bob@localhost", 0 },
	{ ORIGIN_UNKNOWN, "", "", "", false, "a@b.c", "bob@example.org", 4 },
	/* what an expansion produced counts as from local */
	{ ORIGIN_SMTP, "203.0.113.1", "", "", true, "a@b.c", "bob@localhost", 3 },
	{ ORIGIN_SMTP, "203.0.113.1", "", "", true, "a@b.c", "bob@elsewhere.org", 7 },
};

static void
the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZE(cases); i++) {
		struct facts f = facts_of(cases[i].origin, cases[i].client, cases[i].user, cases[i].tag);
		int line = ask(rules, SIZE(rules), &f, cases[i].is_internal, cases[i].sender, cases[i].recipient, NULL, NULL);

		if (line != cases[i].line)
			fail_msg("case %zu: <%s> from %s: rule %d, not %d", i, cases[i].recipient, cases[i].client, line,
			    cases[i].line);
	}
}

static void
the_word_local_in_a_source_table_stands_for_local_mail(void **state)
{
	struct conf_rule r[] = { { AT(1), .text = "accept", .from = FROM_SOURCE, .from_source = &locals, .to = FOR_ANY } };
	struct facts here = facts_of(ORIGIN_LOCAL, "", "", ""), there = facts_of(ORIGIN_SMTP, "203.0.113.1", "", "");
	struct facts authenticated = facts_of(ORIGIN_SMTP, "203.0.113.1", "bob", "");

	(void)state;
	assert_int_equal(ask(r, 1, &here, false, "", "a@b", NULL, NULL), 1);
	assert_int_equal(ask(r, 1, &there, false, "", "a@b", NULL, NULL), 0);
	assert_int_equal(ask(r, 1, &there, true, "", "a@b", NULL, NULL), 1);
	assert_int_equal(ask(r, 1, &authenticated, false, "", "a@b", NULL, NULL), 1);
}

static void
a_table_that_cannot_be_asked_ends_the_search(void **state)
{
	struct conf_rule r[] = {
		{ AT(8), .text = "reject", .is_reject = true, .from = FROM_SOURCE, .from_source = &bad, .not_from = true,
		    .to = FOR_ANY },
		{ AT(9), .text = "accept", .from = FROM_ANY, .to = FOR_ANY },
	};
	struct facts f = facts_of(ORIGIN_SMTP, "203.0.113.1", "", "");
	stralloc why = STRALLOC_ZERO, trace = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(ask(r, 2, &f, false, "", "a@b", &why, &trace), -1);
	assert_true(stralloc_0(&why) && stralloc_0(&trace));
	assert_string_equal(why.s, "smtpd.conf:8: <bad>: 'not-an-address' is not an address");
	assert_string_equal(trace.s, "smtpd.conf:8: cannot tell: from ! source <bad>\n");
	stralloc_free(&why);
	stralloc_free(&trace);
}

static void
the_trace_names_each_rule_and_what_did_not_hold(void **state)
{
	struct facts f = facts_of(ORIGIN_SMTP, "192.0.2.1", "", "");
	stralloc trace = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(ask(rules, SIZE(rules), &f, false, "a@b", "x@y.example", NULL, &trace), 5);
	assert_true(stralloc_0(&trace));
	assert_string_equal(trace.s,
	    "smtpd.conf:1: not sender <spammers>\n"
	    "smtpd.conf:2: not tagged submission\n"
	    "smtpd.conf:3: not from local\n"
	    "smtpd.conf:4: not for domain <domains>\n"
	    "smtpd.conf:5: matches: accept from source <lan> for any\n");
	stralloc_free(&trace);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(the_word_local_in_a_source_table_stands_for_local_mail),
		cmocka_unit_test(a_table_that_cannot_be_asked_ends_the_search),
		cmocka_unit_test(the_trace_names_each_rule_and_what_did_not_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
