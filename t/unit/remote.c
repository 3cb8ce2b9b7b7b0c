/* deliver-remote's pure parts: local addresses and names, reverse-paths, credentials, what a
 * server offers, what its replies become. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "deliver-remote/credentials.h"
#include "deliver-remote/extension.h"
#include "deliver-remote/local.h"
#include "deliver-remote/mailbox.h"
#include "deliver-remote/outcome.h"

/* ---- local ---- */

/* The turn-th source of the family as text; "" for none. */
static const char *
source_of(char text[INET6_ADDRSTRLEN], const struct relay *r, sa_family_t family, uint32_t turn)
{
	struct sockaddr_storage a;
	socklen_t len;

	text[0] = '\0';
	switch (local_source(&a, &len, r, family, turn)) {
	case LOCAL_ANY:
		return "any";
	case LOCAL_NONE:
		return "none";
	case LOCAL_SOURCE:
		break;
	}
	assert_int_equal(a.ss_family, family);
	if (family == AF_INET)
		inet_ntop(family, &((struct sockaddr_in *)&a)->sin_addr, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(family, &((struct sockaddr_in6 *)&a)->sin6_addr, text, INET6_ADDRSTRLEN);
	return text;
}

static void
sources_are_used_in_turn_each_for_its_family(void **state)
{
	char text[INET6_ADDRSTRLEN];
	struct relay r;

	(void)state;
	relay_init(&r);
	assert_string_equal(source_of(text, &r, AF_INET, 7), "any");
	assert_true(relay_add_source(&r, "192.0.2.1") && relay_add_source(&r, "2001:db8::1") &&
	    relay_add_source(&r, "192.0.2.2") && relay_add_source(&r, "no address"));
	assert_string_equal(source_of(text, &r, AF_INET, 0), "192.0.2.1");
	assert_string_equal(source_of(text, &r, AF_INET, 1), "192.0.2.2");
	assert_string_equal(source_of(text, &r, AF_INET, UINT32_MAX), "192.0.2.2");
	for (uint32_t turn = 0; turn < 3; turn++)
		assert_string_equal(source_of(text, &r, AF_INET6, turn), "2001:db8::1");
	relay_free(&r);
	assert_true(relay_add_source(&r, "192.0.2.1"));
	assert_string_equal(source_of(text, &r, AF_INET6, 0), "none");
	relay_free(&r);
}

static const char *
helo_from(const struct relay *r, sa_family_t family, const char *address)
{
	struct sockaddr_storage a = { .ss_family = family };

	inet_pton(family, address, family == AF_INET ? (void *)&((struct sockaddr_in *)&a)->sin_addr :
	    (void *)&((struct sockaddr_in6 *)&a)->sin6_addr);
	return local_helo(r, &a);
}

static void
each_local_address_may_have_a_name(void **state)
{
	struct relay r;

	(void)state;
	relay_init(&r);
	r.own_name = "mail.example.org";
	assert_string_equal(helo_from(&r, AF_INET, "192.0.2.1"), "mail.example.org");
	r.helo = "out.example.org";
	assert_true(relay_add_name(&r, "192.0.2.1", "one.example.org"));
	assert_true(relay_add_name(&r, "2001:DB8:0::1", "six.example.org"));
	assert_string_equal(helo_from(&r, AF_INET, "192.0.2.1"), "one.example.org");
	assert_string_equal(helo_from(&r, AF_INET, "192.0.2.2"), "out.example.org");
	assert_string_equal(helo_from(&r, AF_INET6, "2001:db8::1"), "six.example.org");
	assert_string_equal(helo_from(&r, AF_UNSPEC, ""), "out.example.org");
	relay_free(&r);
}

/* ---- addresses ---- */

static void
a_reverse_path_is_rewritten_as_told(void **state)
{
	static const struct {
		const char *path, *as, *expected;	/* NULL: it cannot be sent */
	} cases[] = {
		{ "anna@example.com", "", "anna@example.com" },
		{ "anna@example.com", "@example.net", "anna@example.net" },
		{ "anna@example.com", "info", "info@own.example" },
		{ "anna@example.com", "info@example.net", "info@example.net" },
		{ "", "info@example.net", "" },
		{ "#@[]", "info@example.net", "" },
		{ "anna", "@example.net", "anna@example.net" },
		{ "a b@example.com", "@example.net", "\"a b\"@example.net" },
		{ "a@b@example.com", "@example.net", "\"a@b\"@example.net" },
		{ "a\r\nb@example.com", "", NULL },
		{ "a\r\nb@example.com", "@example.net", NULL },
		{ "a\r\nb@example.com", "info", "info@own.example" },
		{ "anna@example.com", "@exa mple", NULL },
	};
	stralloc to = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool is_done;

		to.len = 0;
		is_done = mailbox_append_as(&to, cases[i].path, cases[i].as, "own.example");
		assert_int_equal(is_done, cases[i].expected != NULL);
		if (is_done)
			assert_string_equal(to.s, cases[i].expected);
		else
			assert_int_equal(errno, EINVAL);
	}
	stralloc_free(&to);
}

/* ---- credentials ---- */

#define TEXT(s) s, sizeof s - 1

static void
an_answer_is_a_secret_or_a_reason(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		enum secret_kind kind;
		const char *user, *text;
	} good[] = {
		{ TEXT("Kpme@example.net\0s3 cret\0"), SECRET_PASSWORD, "me@example.net", "s3 cret" },
		{ TEXT("Ktme\0token\0"), SECRET_TOKEN, "me", "token" },
		{ TEXT("Keme\0either\0"), SECRET_EITHER, "me", "either" },
	};
	static const struct {
		const char *s;
		size_t len;
		const char *reason;
	} bad[] = {
		{ TEXT(""), NULL }, { TEXT("K"), NULL }, { TEXT("Kp"), NULL }, { TEXT("Kp\0"), NULL },
		{ TEXT("Kpme\0"), NULL }, { TEXT("Kpme\0\0"), NULL }, { TEXT("Kp\0secret\0"), NULL },
		{ TEXT("Kpme\0secret"), NULL }, { TEXT("Kpme\0secret\0more\0"), NULL }, { TEXT("Kxme\0secret\0"), NULL },
		{ TEXT("Z\0"), "" }, { TEXT("Z4.7.0 no\0"), "4.7.0 no" }, { TEXT("Z4.7.0 no"), NULL },
		{ TEXT("Zno\0more\0"), NULL }, { TEXT("garbage\0"), NULL },
	};
	struct secret secret = SECRET_ZERO;
	const char *reason;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(credentials_parse(&secret, &reason, good[i].s, good[i].len));
		assert_null(reason);
		assert_int_equal(secret.kind, good[i].kind);
		assert_int_equal(secret.user.len, strlen(good[i].user));
		assert_memory_equal(secret.user.s, good[i].user, secret.user.len);
		assert_int_equal(secret.text.len, strlen(good[i].text));
		assert_memory_equal(secret.text.s, good[i].text, secret.text.len);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(credentials_parse(&secret, &reason, bad[i].s, bad[i].len));
		if (bad[i].reason == NULL)
			assert_null(reason);
		else
			assert_string_equal(reason, bad[i].reason);
	}
	secret_free(&secret);
}

/* ---- what servers say ---- */

static void
an_offer_is_read_line_by_line(void **state)
{
	static const char offer[] = "PIPELINING is my name\nsize 1000 \n8bitmime\nSTARTTLS\nDSN\nSMTPUTF8\nAUTH PLAIN LOGIN\n"
	    "AUTH=PLAIN\nPIPELININGX\nSIZED 7\n";
	struct extensions x;

	(void)state;
	extension_read(&x, offer, strlen(offer));
	assert_true(x.size && x.eightbitmime && x.starttls && x.dsn && x.smtputf8);
	assert_false(x.pipelining);
	assert_int_equal(x.size_limit, 1000);
	assert_string_equal(x.auth, "PLAIN LOGIN");
	extension_read(&x, TEXT("host\nSIZE 99999999999999999999999999\nPIPELINING"));
	assert_true(x.size && x.pipelining && !x.dsn);
	assert_int_equal(x.size_limit, 0);
	assert_string_equal(x.auth, "");
	extension_read(&x, "", 0);
	assert_false(x.pipelining);
}

static void
a_reply_becomes_words_with_a_code_of_the_verdicts_class(void **state)
{
	static const struct {
		unsigned code;
		const char *text;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 550, "5.1.1 no such user", VERDICT_FAILED, "5.1.1 mx: 550 5.1.1 no such user" },
		{ 550, "5.1.1 no such user", VERDICT_DEFERRED, "4.1.1 mx: 550 5.1.1 no such user" },
		{ 250, "ok", VERDICT_DELIVERED, "2.0.0 mx: 250 ok" },
		{ 452, "full", VERDICT_DEFERRED, "4.3.1 mx: 452 full" },
		{ 421, "", VERDICT_DEFERRED, "4.3.2 mx: 421" },
		{ 500, "what", VERDICT_FAILED, "5.5.0 mx: 500 what" },
		{ 550, "5.1.1234 x", VERDICT_FAILED, "5.0.0 mx: 550 5.1.1234 x" },
		{ 550, "5.1 x", VERDICT_FAILED, "5.0.0 mx: 550 5.1 x" },
		{ 550, "two\nlines", VERDICT_FAILED, "5.0.0 mx: 550 two lines" },
		{ 550, "a\033[2Jb", VERDICT_FAILED, "5.0.0 mx: 550 a\\033[2Jb" },
	};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct smtp_reply r = { .code = cases[i].code, .text = STRALLOC_ZERO };

		assert_true(stralloc_cats(&r.text, cases[i].text));
		outcome_set_reply(&o, cases[i].verdict, "mx", &r);
		assert_true(o.is_settled && o.verdict == cases[i].verdict);
		assert_string_equal(o.reason, cases[i].reason);
		stralloc_free(&r.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_are_used_in_turn_each_for_its_family),
		cmocka_unit_test(each_local_address_may_have_a_name),
		cmocka_unit_test(a_reverse_path_is_rewritten_as_told),
		cmocka_unit_test(an_answer_is_a_secret_or_a_reason),
		cmocka_unit_test(an_offer_is_read_line_by_line),
		cmocka_unit_test(a_reply_becomes_words_with_a_code_of_the_verdicts_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
