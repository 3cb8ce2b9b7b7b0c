/* A question to a routing process and its answer: what goes in comes out, and
 * what could not have been meant is refused. */
#include "queue-run/route_packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct conf_rule rules[] = {
	{ .action = ACTION_MAILDIR }, { .action = ACTION_RELAY }, { .is_reject = true },
};
static const struct conf conf = { .rules = rules, .nrules = 3 };

static void
a_question_comes_back_as_it_was(void **state)
{
	struct facts facts = facts_unknown, got_facts;
	struct route_question q = {
		.facts = &facts, .reverse_path = "", .address = "a+b@example.org", .is_internal = true, .local_name = "mail",
	}, got;
	const uint64_t sources = 0x8000000000000005;
	uint64_t got_sources;
	stralloc packet = STRALLOC_ZERO;

	(void)state;
	facts.origin = ORIGIN_SMTP;
	facts.client = "192.0.2.1";
	facts.user = "carol";
	for (int has_user = 0; has_user < 2; has_user++) {
		q.user = has_user ? "" : NULL;
		q.skip_alias = has_user;
		assert_true(route_packet_ask(&packet, &q, sources));
		assert_true(route_packet_read_question(&got, &got_facts, &got_sources, packet.s, packet.len));
		assert_string_equal(got.reverse_path, "");
		assert_string_equal(got.address, q.address);
		assert_string_equal(got.local_name, "mail");
		assert_int_equal(got.user != NULL, has_user);
		assert_int_equal(got.skip_alias, has_user);
		assert_true(got.is_internal);
		assert_true(got_sources == sources);
		assert_int_equal(got.facts->origin, ORIGIN_SMTP);
		assert_string_equal(got.facts->client, "192.0.2.1");
		assert_string_equal(got.facts->user, "carol");
	}
	for (size_t len = 0; len < 20; len++)
		assert_false(route_packet_read_question(&got, &got_facts, &got_sources, packet.s, len));
	stralloc_free(&packet);
}

static void
check_answer(const struct route *r)
{
	struct route got = ROUTE_ZERO;
	stralloc packet = STRALLOC_ZERO;
	uint64_t refused;

	assert_true(route_packet_answer(&packet, r, 5, &conf));
	assert_true(route_packet_read_answer(&got, &refused, &conf, packet.s, packet.len));
	assert_int_equal(refused, 5);
	assert_int_equal(got.kind, r->kind);
	assert_ptr_equal(got.rule, r->rule);
	assert_string_equal(got.status, r->status);
	assert_int_equal(got.why.len, r->why.len);
	assert_int_equal(got.nodes.len, r->nodes.len);
	if (r->nodes.len > 0)
		assert_memory_equal(got.nodes.s, r->nodes.s, r->nodes.len);
	if (r->user.name != NULL) {
		assert_string_equal(got.user.name, r->user.name);
		assert_string_equal(got.user.home, r->user.home);
		assert_int_equal(got.user.uid, r->user.uid);
		assert_int_equal(got.user.gid, r->user.gid);
		assert_int_equal(got.user.is_system, r->user.is_system);
	}
	route_free(&got);
	stralloc_free(&packet);
}

static void
an_answer_comes_back_as_it_was(void **state)
{
	struct route r = ROUTE_ZERO;

	(void)state;
	r.status = "4.3.0";
	check_answer(&r);
	assert_true(stralloc_copys(&r.why, "the table is locked"));
	r.rule = &rules[1];
	check_answer(&r);
	r.kind = ROUTE_RELAY;
	assert_true(stralloc_copys(&r.relay, "host=example.org mx=1") && stralloc_0(&r.relay));
	check_answer(&r);
	r.relay.len = 0;
	r.kind = ROUTE_DELIVER;
	r.rule = &rules[0];
	r.user = (struct userinfo){ .name = "vera", .home = "/home/vera", .uid = 4294967294U, .gid = 100 };
	check_answer(&r);
	r.user = (struct userinfo){ .name = "root", .home = "/root", .is_system = true };
	check_answer(&r);
	r.user = (struct userinfo){ .name = NULL };
	r.kind = ROUTE_EXPAND;
	assert_true(stralloc_copyb(&r.nodes, "one\0|two", 9));
	check_answer(&r);
	route_free(&r);
}

static void
an_answer_that_does_not_fit_its_kind_is_refused(void **state)
{
	const struct { enum route_kind kind; const struct conf_rule *rule; const char *nodes; } bad[] = {
		{ ROUTE_DELIVER, &rules[0], NULL },	/* to nobody */
		{ ROUTE_DELIVER, NULL, NULL },
		{ ROUTE_RELAY, &rules[0], NULL },	/* by a rule that delivers */
		{ ROUTE_RELAY, &rules[2], NULL },	/* by one that rejects */
		{ ROUTE_EXPAND, &rules[0], NULL },	/* to nothing */
		{ ROUTE_EXPAND, &rules[0], "open end" },
	};
	stralloc packet = STRALLOC_ZERO;
	uint64_t refused;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct route r = ROUTE_ZERO, got = ROUTE_ZERO;

		r.kind = bad[i].kind;
		r.rule = bad[i].rule;
		r.status = "2.1.5";
		if (bad[i].nodes != NULL)
			assert_true(stralloc_copys(&r.nodes, bad[i].nodes));
		assert_true(route_packet_answer(&packet, &r, 0, &conf));
		assert_false(route_packet_read_answer(&got, &refused, &conf, packet.s, packet.len));
		assert_int_equal(errno, EPROTO);
		route_free(&r);
		route_free(&got);
	}
	stralloc_free(&packet);
}

static void
what_is_cut_short_or_names_no_rule_is_refused(void **state)
{
	struct route r = ROUTE_ZERO, got = ROUTE_ZERO;
	stralloc packet = STRALLOC_ZERO;
	uint64_t refused;

	(void)state;
	r.status = "5.7.1";
	assert_true(stralloc_copys(&r.why, "no"));
	assert_true(route_packet_answer(&packet, &r, 0, &conf));
	for (size_t len = 0; len < packet.len; len++)
		assert_false(route_packet_read_answer(&got, &refused, &conf, packet.s, len));
	packet.s[13] = 4;	/* the last octet of rule+1; there are three */
	assert_false(route_packet_read_answer(&got, &refused, &conf, packet.s, packet.len));
	packet.s[13] = 0;
	packet.s[8] = 99;	/* kind */
	assert_false(route_packet_read_answer(&got, &refused, &conf, packet.s, packet.len));
	route_free(&r);
	route_free(&got);
	stralloc_free(&packet);
}

static void
what_is_too_long_is_not_sent(void **state)
{
	struct facts facts = facts_unknown;
	struct route_question q = { .facts = &facts, .reverse_path = "", .address = "a@b", .local_name = "" };
	struct route r = ROUTE_ZERO;
	stralloc packet = STRALLOC_ZERO;
	char *s = calloc(1, ROUTE_ANSWER_MAX + 1);

	(void)state;
	assert_non_null(s);
	memset(s, 'x', ROUTE_ANSWER_MAX);
	q.reverse_path = s;
	assert_false(route_packet_ask(&packet, &q, 0));
	assert_int_equal(errno, EMSGSIZE);
	r.status = "2.1.5";
	assert_true(stralloc_copys(&r.nodes, s));
	assert_false(route_packet_answer(&packet, &r, 0, &conf));
	assert_int_equal(errno, EMSGSIZE);
	route_free(&r);
	stralloc_free(&packet);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_comes_back_as_it_was),
		cmocka_unit_test(an_answer_comes_back_as_it_was),
		cmocka_unit_test(an_answer_that_does_not_fit_its_kind_is_refused),
		cmocka_unit_test(what_is_cut_short_or_names_no_rule_is_refused),
		cmocka_unit_test(what_is_too_long_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
