/* AUTH as a client: which mechanism, and what each of them says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/sasl.h"

static struct secret
secret_of(enum secret_kind kind, const char *user, const char *text)
{
	struct secret s = SECRET_ZERO;

	s.kind = kind;
	assert_true(stralloc_copys(&s.user, user) && stralloc_copys(&s.text, text));
	return s;
}

static void
assert_text(const stralloc *got, const char *wanted)
{
	assert_int_equal(got->len, strlen(wanted));
	assert_true(got->len == 0 || memcmp(got->s, wanted, got->len) == 0);
}

/* ---- base64 ---- */

static const struct {
	const char *plain;
	size_t len;
	const char *encoded;
} pairs[] = {
	{ "", 0, "" },
	{ "f", 1, "Zg==" },	/* RFC 4648 10 */
	{ "fo", 2, "Zm8=" },
	{ "foo", 3, "Zm9v" },
	{ "foob", 4, "Zm9vYg==" },
	{ "fooba", 5, "Zm9vYmE=" },
	{ "foobar", 6, "Zm9vYmFy" },
	{ "\0\377\376\373", 4, "AP/++w==" },
};

static void
base64_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		stralloc to = STRALLOC_ZERO;

		assert_true(base64_encode(&to, pairs[i].plain, pairs[i].len));
		assert_text(&to, pairs[i].encoded);
		to.len = 0;
		assert_true(base64_decode(&to, pairs[i].encoded, strlen(pairs[i].encoded)));
		assert_int_equal(to.len, pairs[i].len);
		assert_true(to.len == 0 || memcmp(to.s, pairs[i].plain, to.len) == 0);
		stralloc_free(&to);
	}
}

static void
what_is_not_quite_base64_is_refused(void **state)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zg==Zg==", "Zh==", "Zm9=", "====", "Z===", "Zg=a", "=Zg=", "Zm9v ", "Zm 9", "Zm9v\r\n==",
		"Zm-_", "Zm9v=", "\377\377\377\377",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		stralloc to = STRALLOC_ZERO;

		errno = 0;
		assert_false(base64_decode(&to, bad[i], strlen(bad[i])));
		assert_int_equal(errno, EPROTO);
		stralloc_free(&to);
	}
}

/* ---- the choice ---- */

static const struct choice_case {
	enum secret_kind kind;
	const char *offered;
	const char *wanted;		/* NULL: nothing */
} choices[] = {
	{ SECRET_PASSWORD, "PLAIN LOGIN CRAM-MD5", "PLAIN" },
	{ SECRET_PASSWORD, "CRAM-MD5 LOGIN PLAIN", "PLAIN" },
	{ SECRET_PASSWORD, "cram-md5 login", "LOGIN" },
	{ SECRET_PASSWORD, "DIGEST-MD5 CRAM-MD5", "CRAM-MD5" },
	{ SECRET_PASSWORD, "LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH", "PLAIN" },
	{ SECRET_PASSWORD, "XOAUTH2", NULL },
	{ SECRET_PASSWORD, "PLAIN-CLIENTTOKEN", NULL },
	{ SECRET_PASSWORD, "XPLAIN", NULL },
	{ SECRET_PASSWORD, "", NULL },
	{ SECRET_PASSWORD, "  PLAIN  ", "PLAIN" },
	{ SECRET_TOKEN, "PLAIN LOGIN XOAUTH2", "XOAUTH2" },
	{ SECRET_TOKEN, "PLAIN LOGIN", NULL },
	{ SECRET_EITHER, "LOGIN XOAUTH2", "LOGIN" },
	{ SECRET_EITHER, "XOAUTH2", "XOAUTH2" },
};

static void
the_secret_and_the_server_choose(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
		struct secret s = { .kind = choices[i].kind };
		enum sasl_mechanism m;
		bool is_chosen = sasl_choose(&m, choices[i].offered, strlen(choices[i].offered), &s);

		assert_int_equal(is_chosen, choices[i].wanted != NULL);
		if (is_chosen)
			assert_string_equal(sasl_name(m), choices[i].wanted);
	}
}

/* ---- conversations ---- */

/* The client's lines for the server's challenges, joined with "|"; the errno's name
 * where it has no more to say. */
static void
assert_conversation(enum sasl_mechanism m, struct secret s, const char *const challenges[], const char *wanted)
{
	struct sasl c = { .mechanism = m, .secret = &s, .complaint = STRALLOC_ZERO };
	stralloc said = STRALLOC_ZERO;

	assert_true(sasl_start(&c, &said));
	for (size_t i = 0; challenges[i] != NULL; i++) {
		assert_true(stralloc_cats(&said, "|"));
		if (!sasl_answer(&c, &said, challenges[i], strlen(challenges[i])))
			assert_true(stralloc_cats(&said, errno == EPROTO ? "EPROTO" : errno == EMSGSIZE ? "EMSGSIZE" : "?"));
	}
	assert_text(&said, wanted);
	stralloc_free(&said);
	stralloc_free(&c.complaint);
	secret_free(&s);
}
#define SERVER(...) (const char *const[]){ __VA_ARGS__, NULL }
#define SILENT (const char *const[]){ NULL }

static void
plain(void **state)
{
	(void)state;
	/* RFC 4616 4, without the authorization identity */
	assert_conversation(SASL_PLAIN, secret_of(SECRET_PASSWORD, "tim", "tanstaaftanstaaf"), SILENT,
	    "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
	assert_conversation(SASL_PLAIN, secret_of(SECRET_PASSWORD, "tim", "tanstaaftanstaaf"), SERVER(""),
	    "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm|EPROTO");
}

static void
login_answers_in_order_whatever_is_asked(void **state)
{
	(void)state;
	assert_conversation(SASL_LOGIN, secret_of(SECRET_PASSWORD, "tim", "secret"),
	    SERVER("VXNlcm5hbWU6", "UGFzc3dvcmQ6"), "AUTH LOGIN|dGlt|c2VjcmV0");
	assert_conversation(SASL_LOGIN, secret_of(SECRET_PASSWORD, "tim", "secret"), SERVER("not base64", "", ""),
	    "AUTH LOGIN|dGlt|c2VjcmV0|EPROTO");
}

static void
cram_md5_as_in_rfc_2195(void **state)
{
	(void)state;
	assert_conversation(SASL_CRAM_MD5, secret_of(SECRET_PASSWORD, "tim", "tanstaaftanstaaf"),
	    SERVER("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"),
	    "AUTH CRAM-MD5|dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
	assert_conversation(SASL_CRAM_MD5, secret_of(SECRET_PASSWORD, "tim", "tanstaaftanstaaf"), SERVER("<1896>"),
	    "AUTH CRAM-MD5|EPROTO");
}

static void
xoauth2_answers_a_refusal_with_an_empty_line(void **state)
{
	struct secret s = secret_of(SECRET_TOKEN, "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
	struct sasl c = { .mechanism = SASL_XOAUTH2, .secret = &s, .complaint = STRALLOC_ZERO };
	stralloc said = STRALLOC_ZERO;

	(void)state;
	assert_true(sasl_start(&c, &said));
	assert_text(&said, "AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk5"
	    "2YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
	said.len = 0;
	assert_true(sasl_answer(&c, &said, "eyJzdGF0dXMiOiI0MDEifQ==", 24));
	assert_text(&said, "");
	assert_text(&c.complaint, "{\"status\":\"401\"}");
	assert_false(sasl_answer(&c, &said, "", 0));
	assert_int_equal(errno, EPROTO);
	stralloc_free(&said);
	stralloc_free(&c.complaint);
	secret_free(&s);
}

/* RFC 4954 4: the AUTH line is a command line of 512 octets. */
static void
a_long_initial_response_waits_for_the_first_challenge(void **state)
{
	char token[1000];
	stralloc said = STRALLOC_ZERO;
	struct secret s;
	struct sasl c = { .mechanism = SASL_XOAUTH2, .secret = &s, .complaint = STRALLOC_ZERO };

	(void)state;
	memset(token, 'x', sizeof token);
	token[sizeof token - 1] = '\0';
	s = secret_of(SECRET_TOKEN, "u", token);
	assert_true(sasl_start(&c, &said));
	assert_text(&said, "AUTH XOAUTH2");
	said.len = 0;
	assert_true(sasl_answer(&c, &said, "", 0));
	assert_true(said.len > 1300 && memcmp(said.s, "dXNlcj11", 8) == 0);
	stralloc_free(&said);
	secret_free(&s);
}

static void
a_challenge_has_a_limit(void **state)
{
	struct secret s = secret_of(SECRET_PASSWORD, "u", "p");
	struct sasl c = { .mechanism = SASL_CRAM_MD5, .secret = &s, .complaint = STRALLOC_ZERO };
	size_t len = (SASL_CHALLENGE_MAX + 2) / 3 * 4;
	stralloc said = STRALLOC_ZERO;
	char *challenge = malloc(len + 4);

	(void)state;
	assert_non_null(challenge);
	memset(challenge, 'A', len + 4);
	assert_false(sasl_answer(&c, &said, challenge, len + 4));
	assert_int_equal(errno, EMSGSIZE);
	assert_true(sasl_answer(&c, &said, challenge, len));
	free(challenge);
	stralloc_free(&said);
	secret_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_both_ways),
		cmocka_unit_test(what_is_not_quite_base64_is_refused),
		cmocka_unit_test(the_secret_and_the_server_choose),
		cmocka_unit_test(plain),
		cmocka_unit_test(login_answers_in_order_whatever_is_asked),
		cmocka_unit_test(cram_md5_as_in_rfc_2195),
		cmocka_unit_test(xoauth2_answers_a_refusal_with_an_empty_line),
		cmocka_unit_test(a_long_initial_response_waits_for_the_first_challenge),
		cmocka_unit_test(a_challenge_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
