/* The envelope grammar of fd 1, and the facts that travel beside it. */
#include "lib/envelope.h"
#include "lib/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) (s), sizeof(s) - 1

static const struct bad_case {
	const char *what;
	const char *s;
	size_t len;
	int error;
} bad[] = {
	{ "nothing", TEXT(""), ENODATA },
	{ "no F", TEXT("Tb@x\0\0"), EPROTO },
	{ "no recipient", TEXT("Fa@x\0\0"), EPROTO },
	{ "ends inside the reverse-path", TEXT("Fa@x"), ENODATA },
	{ "ends behind a recipient", TEXT("Fa@x\0Tb@x\0"), ENODATA },
	{ "ends inside a recipient", TEXT("Fa@x\0Tb@x"), ENODATA },
	{ "an unknown letter", TEXT("Fa@x\0Zb@x\0\0"), EPROTO },
	{ "NOTIFY before any recipient", TEXT("Fa@x\0Nnever\0Tb@x\0\0"), EPROTO },
	{ "NOTIFY twice", TEXT("Fa@x\0Tb@x\0Nsf\0Nsf\0\0"), EPROTO },
	{ "a second F", TEXT("Fa@x\0Fb@x\0Tb@x\0\0"), EPROTO },
};

static void
refuses_what_breaks_the_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct envelope e = ENVELOPE_ZERO;
		size_t used;

		errno = 0;
		if (envelope_parse(&e, &used, bad[i].s, bad[i].len) || errno != bad[i].error)
			fail_msg("%s: errno %d", bad[i].what, errno);
		envelope_free(&e);
	}
}

static void
refuses_an_address_over_1003_octets(void **state)
{
	struct envelope e = ENVELOPE_ZERO;
	stralloc s = STRALLOC_ZERO;
	char address[ENVELOPE_ADDRESS_MAX + 2];
	size_t used;

	(void)state;
	memset(address, 'a', sizeof address);
	address[ENVELOPE_ADDRESS_MAX + 1] = '\0';
	assert_true(envelope_begin(&s, "") && envelope_add_recipient(&s, address, "", "") && envelope_end(&s));
	assert_false(envelope_parse(&e, &used, s.s, s.len));
	assert_int_equal(errno, EMSGSIZE);
	address[ENVELOPE_ADDRESS_MAX] = '\0';
	s.len = 0;
	assert_true(envelope_begin(&s, "") && envelope_add_recipient(&s, address, "", "") && envelope_end(&s));
	assert_true(envelope_parse(&e, &used, s.s, s.len));
	envelope_free(&e);
	stralloc_free(&s);
}

static void
reads_what_it_has_built(void **state)
{
	struct envelope e = ENVELOPE_ZERO;
	stralloc s = STRALLOC_ZERO;
	const struct envelope_recipient *r;
	size_t used;

	(void)state;
	assert_true(envelope_begin(&s, "") && envelope_add_recipient(&s, "b@x", "never", "") &&
	    envelope_add_recipient(&s, "c@x", "sf", "rfc822;c@x") && envelope_add_recipient(&s, "d@x", "", "") &&
	    envelope_end(&s));
	assert_true(stralloc_cats(&s, "more"));
	assert_true(envelope_parse(&e, &used, s.s, s.len));
	assert_int_equal(used, s.len - 4);
	assert_string_equal(e.reverse_path, "");
	assert_int_equal(genalloc_len(struct envelope_recipient, &e.recipients), 3);
	r = genalloc_s(struct envelope_recipient, &e.recipients);
	assert_string_equal(r[0].notify, "never");
	assert_string_equal(r[1].orcpt, "rfc822;c@x");
	assert_string_equal(r[2].address, "d@x");
	assert_string_equal(r[2].notify, "");
	envelope_free(&e);
	stralloc_free(&s);
}

static void
carries_the_facts_through_environment_and_file(void **state)
{
	struct facts f = facts_unknown, g;
	stralloc s = STRALLOC_ZERO;

	(void)state;
	f.origin = ORIGIN_SMTP;
	f.uid = 4294967294U;
	f.client = "2001:db8::1";
	f.envid = "a+2Bb";
	f.is_smtputf8 = true;
	assert_true(facts_encode(&s, &f));
	assert_true(facts_decode(&g, s.s, s.len));
	assert_int_equal(g.origin, ORIGIN_SMTP);
	assert_true(g.uid == f.uid);
	assert_string_equal(g.client, f.client);
	assert_string_equal(g.helo, "");
	assert_string_equal(g.envid, f.envid);
	assert_true(g.is_smtputf8);
	assert_false(facts_decode(&g, TEXT("?x\0")));
	assert_int_equal(errno, EPROTO);
	s.len = 0;
	assert_true(facts_to_environment(&s, &f));
	assert_non_null(memmem(s.s, s.len, TEXT("PIPEPOST_CLIENT=2001:db8::1\0")));
	stralloc_free(&s);
}

static void
ignores_a_fact_with_control_octets(void **state)
{
	struct facts f;

	(void)state;
	setenv("PIPEPOST_ORIGIN", "smtp", 1);
	setenv("PIPEPOST_HELO", "a\nb", 1);
	setenv("PIPEPOST_USER", "ann", 1);
	f = facts_unknown;
	facts_from_environment(&f, true);
	assert_int_equal(f.origin, ORIGIN_SMTP);
	assert_string_equal(f.helo, "");
	assert_string_equal(f.user, "ann");
	setenv("PIPEPOST_ORIGIN", "nonsense", 1);
	facts_from_environment(&f, true);
	assert_int_equal(f.origin, ORIGIN_UNKNOWN);
}

/* What a message holds and how to report on it, anybody may say; not where it came from. */
static void
believes_harmless_facts_from_anybody(void **state)
{
	struct facts f = facts_unknown;

	(void)state;
	setenv("PIPEPOST_ORIGIN", "smtp", 1);
	setenv("PIPEPOST_USER", "ann", 1);
	setenv("PIPEPOST_BODY", "8BITMIME", 1);
	setenv("PIPEPOST_RET", "HDRS", 1);
	setenv("PIPEPOST_ENVID", "a+20b", 1);
	facts_from_environment(&f, false);
	assert_int_equal(f.origin, ORIGIN_UNKNOWN);
	assert_string_equal(f.user, "");
	assert_string_equal(f.body, "8BITMIME");
	assert_string_equal(f.ret, "HDRS");
	assert_string_equal(f.envid, "a+20b");
	f = facts_unknown;
	setenv("PIPEPOST_BODY", "8BITMIME AUTH=<>", 1);
	setenv("PIPEPOST_RET", "full", 1);
	setenv("PIPEPOST_ENVID", "a b", 1);
	facts_from_environment(&f, true);
	assert_string_equal(f.body, "");
	assert_string_equal(f.ret, "");
	assert_string_equal(f.envid, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_breaks_the_grammar),
		cmocka_unit_test(refuses_an_address_over_1003_octets),
		cmocka_unit_test(reads_what_it_has_built),
		cmocka_unit_test(carries_the_facts_through_environment_and_file),
		cmocka_unit_test(ignores_a_fact_with_control_octets),
		cmocka_unit_test(believes_harmless_facts_from_anybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
