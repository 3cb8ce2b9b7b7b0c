/* relay: from a rule to the param of a job, and back; the keys of destinations. */
#include "lib/relay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct conf *
parse(const char *text)
{
	struct conf *c = conf_parse("smtpd.conf", text, strlen(text), NULL, 0);

	assert_non_null(c);
	for (size_t i = 0; i < c->nmessages; i++)
		if (c->messages[i].is_error)
			fail_msg("%s", c->messages[i].text);
	return c;
}

/* The param of the last rule for mail to a domain, as the runner would write it. */
static const char *
param_of(stralloc *to, const struct conf *c, const char *domain)
{
	struct relay r;

	relay_init(&r);
	relay_from_conf(&r, c, &c->rules[c->nrules - 1].relay, domain, "mail.example.org");
	to->len = 0;
	assert_true(relay_encode(to, &r));
	assert_true(stralloc_0(to));
	relay_free(&r);
	return to->s;
}

static const char *
key_of(stralloc *to, const struct relay *r)
{
	to->len = 0;
	assert_true(relay_key(to, r));
	assert_true(stralloc_0(to));
	return to->s;
}

#define MINE " own-name=mail.example.org helo=mail.example.org"

static const struct {
	const char *rules, *param;
} rules[] = {
	{ "accept for any relay", "host=example.net mx=1" MINE },
	{ "accept for any relay tls", "host=example.net mx=1" MINE " tls=required" },
	{ "accept for any relay tls verify", "host=example.net mx=1" MINE " tls=required verify=1" },
	{ "accept for any relay backup", "host=example.net mx=1 backup=1 backup-mx=mail.example.org" MINE },
	{ "accept for any relay backup \"mx2.example.org\"",
	  "host=example.net mx=1 backup=1 backup-mx=mx2.example.org" MINE },
	{ "accept for any relay via backup://mx2.example.org",
	  "host=example.net mx=1 port=25 backup=1 backup-mx=mx2.example.org" MINE },
	{ "accept for any relay as \"@example.com\" hostname \"out.example.org\"",
	  "host=example.net mx=1 own-name=mail.example.org helo=out.example.org as=@example.com" },
	{ "accept for any relay via smtp://hub.example.org", "host=hub.example.org port=25" MINE " tls=never" },
	{ "accept for any relay via hub.example.org", "host=hub.example.org port=25" MINE },
	{ "accept for any relay via \"tls://[2001:db8::1]:587\"",
	  "host=2001:db8::1 port=587" MINE " tls=required" },
	{ "accept for any relay via smtps://hub.example.org verify",
	  "host=hub.example.org port=465" MINE " tls=at-connect verify=1" },
	{ "accept for any relay via secure://hub.example.org", "host=hub.example.org" MINE " tls=any" },
	{ "accept for any relay via lmtp://hub.example.org:24",
	  "host=hub.example.org port=24 lmtp=1" MINE " tls=never" },
	{ "table secrets { label = \"user:secret\" }\n"
	  "accept for any relay via tls+auth://label@smtp.gmail.com:587 auth <secrets>",
	  "host=smtp.gmail.com port=587" MINE " tls=required verify=1 label=label table=secrets" },
	{ "pki out certificate \"/c.pem\"\npki out key \"/k.pem\"\nca trust certificate \"/ca.pem\"\n"
	  "accept for any relay pki out ca trust",
	  "host=example.net mx=1" MINE " ca=/ca.pem certificate=/c.pem key=/k.pem" },
	{ "limit mta session-mail-max 7\nlimit mta for domain example.net inet4 session-keepalive 3\n"
	  "accept for any relay",
	  "host=example.net mx=1 inet4=1" MINE " session-mail-max=7 session-keepalive=3" },
	{ "limit mta for domain hub.example.org inet6\naccept for any relay via smtp://hub.example.org",
	  "host=hub.example.org port=25 inet6=1" MINE " tls=never" },
};

static void
each_form_of_relay_becomes_a_param(void **state)
{
	stralloc param = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct conf *c = parse(rules[i].rules);

		assert_string_equal(param_of(&param, c, "Example.NET"), rules[i].param);
		conf_free(c);
	}
	stralloc_free(&param);
}

static void
what_is_decoded_is_what_was_encoded(void **state)
{
	stralloc param = STRALLOC_ZERO, again = STRALLOC_ZERO;
	struct relay r, d;

	(void)state;
	relay_init(&r);
	r.host = "smtp.example.net";
	r.port = 587;
	r.tls = TLS_ANY;
	r.verify = true;
	r.helo = "m\xc3\xbcller.example.org";
	r.label = " a%b,c=d\t\xff\x01 ";
	r.table = "secrets";
	r.session_transaction_delay = 0;
	r.max_failures_per_session = UINT32_MAX;
	assert_true(relay_add_source(&r, "192.0.2.1") && relay_add_source(&r, "2001:DB8::1"));
	assert_true(relay_add_name(&r, "192.0.2.1", "a.example.org"));
	assert_true(relay_add_name(&r, "2001:db8::1", "b.example.org"));
	assert_true(relay_encode(&param, &r) && stralloc_0(&param));
	assert_null(strpbrk(param.s, "\t\n\xff\x01"));

	assert_true(relay_decode(&d, param.s));
	assert_string_equal(d.host, "smtp.example.net");
	assert_false(d.is_mx);
	assert_int_equal(d.port, 587);
	assert_int_equal(d.tls, TLS_ANY);
	assert_true(d.verify);
	assert_string_equal(d.helo, r.helo);
	assert_string_equal(d.as, "");
	assert_string_equal(d.label, r.label);
	assert_string_equal(d.table, r.table);
	assert_int_equal(d.session_mail_max, 100);
	assert_int_equal(d.session_transaction_delay, 0);
	assert_int_equal(d.max_failures_per_session, UINT32_MAX);
	assert_int_equal(genalloc_len(const char *, &d.sources), 2);
	assert_string_equal(genalloc_s(const char *, &d.sources)[1], "2001:db8::1");
	assert_int_equal(genalloc_len(struct relay_name, &d.names), 2);
	assert_string_equal(genalloc_s(struct relay_name, &d.names)[1].address, "2001:db8::1");
	assert_string_equal(genalloc_s(struct relay_name, &d.names)[1].name, "b.example.org");

	assert_true(relay_encode(&again, &d) && stralloc_0(&again));
	assert_string_equal(again.s, param.s);
	relay_free(&d);
	relay_free(&r);
	stralloc_free(&param);
	stralloc_free(&again);
}

static void
what_no_encoder_writes_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "host", "host=", "host=a ", " host=a", "host=a  mx=1", "host=a host=b", "mx=1", "host=a mx=0",
		"host=a mx=2", "host=a port=65536", "host=a port=-1", "host=a port=", "host=a tls=some",
		"host=a color=red", "host=%00", "host=%0", "host=%", "host=%4G", "host=a\tb", "host=a,b",
		"host=a name=192.0.2.1", "host=a name=1,2,3", "host=a backup=1", "host=a label=b", "host=a table=b", "host=a password=b", "host=a session-mail-max=4294967296",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct relay r;

		if (relay_decode(&r, bad[i]))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(errno, EPROTO);
		relay_free(&r);
	}
}

static void
too_long_a_param_is_neither_written_nor_read(void **state)
{
	static char big[RELAY_PARAM_MAX + 2];
	stralloc to = STRALLOC_ZERO;
	struct relay r;

	(void)state;
	memset(big, 'a', sizeof big - 1);
	assert_false(relay_decode(&r, big));
	assert_int_equal(errno, EMSGSIZE);
	relay_free(&r);
	r.host = big;
	assert_true(stralloc_cats(&to, "before"));
	assert_false(relay_encode(&to, &r));
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(to.len, 6);
	relay_free(&r);
	stralloc_free(&to);
}

/* ---- keys ---- */

static void
a_key_names_the_host_and_may_be_a_file_name(void **state)
{
	static char longest[256];
	stralloc key = STRALLOC_ZERO;
	struct relay r;

	(void)state;
	relay_init(&r);
	r.host = "Example.ORG";
	r.is_mx = true;
	assert_memory_equal(key_of(&key, &r), "mx-example.org-", 15);
	assert_int_equal(strlen(key.s), 15 + 16);
	r.is_mx = false;
	r.host = "../[::1]";
	assert_memory_equal(key_of(&key, &r), "host-..%2f%5b%3a%3a1%5d-", 24);
	memset(longest, '/', sizeof longest - 1);
	r.host = longest;
	assert_true(strlen(key_of(&key, &r)) <= RELAY_KEY_MAX);
	assert_int_equal(strspn(key.s, "abcdefghijklmnopqrstuvwxyz0123456789-.%"), strlen(key.s));
	stralloc_free(&key);
}

static void
relays_that_differ_have_different_keys(void **state)
{
	struct relay a, b;
	stralloc ka = STRALLOC_ZERO, kb = STRALLOC_ZERO;

	(void)state;
	relay_init(&a);
	relay_init(&b);
	a.host = b.host = "smtp.example.net";
	a.label = b.label = "me";
	a.table = b.table = "secrets";
	assert_string_equal(key_of(&ka, &a), key_of(&kb, &b));
	b.host = "SMTP.example.net";
	assert_string_equal(ka.s, key_of(&kb, &b));
	b.label = "you";
	assert_string_not_equal(ka.s, key_of(&kb, &b));
	b.label = "me";
	b.table = "others";
	assert_string_not_equal(ka.s, key_of(&kb, &b));
	b.table = "secrets";
	b.port = 587;
	assert_string_not_equal(ka.s, key_of(&kb, &b));
	b.port = 0;
	b.tls = TLS_REQUIRED;
	assert_string_not_equal(ka.s, key_of(&kb, &b));
	b.tls = a.tls;
	assert_true(relay_add_source(&b, "192.0.2.1"));
	assert_string_not_equal(ka.s, key_of(&kb, &b));
	relay_free(&b);
	stralloc_free(&ka);
	stralloc_free(&kb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_relay_becomes_a_param),
		cmocka_unit_test(what_is_decoded_is_what_was_encoded),
		cmocka_unit_test(what_no_encoder_writes_is_refused),
		cmocka_unit_test(too_long_a_param_is_neither_written_nor_read),
		cmocka_unit_test(a_key_names_the_host_and_may_be_a_file_name),
		cmocka_unit_test(relays_that_differ_have_different_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
