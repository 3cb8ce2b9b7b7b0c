/* Logins and passwords, prepared. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/saslprep.h"

static const struct prep_case {
	enum saslprep_profile profile;
	const char *from, *to;		/* to NULL: refused */
} cases[] = {
	/* passwords: the examples of RFC 8265 4.3, then ours */
	{ SASLPREP_PASSWORD, "correct horse battery staple", "correct horse battery staple" },
	{ SASLPREP_PASSWORD, "Correct Horse Battery Staple", "Correct Horse Battery Staple" },
	{ SASLPREP_PASSWORD, "\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5" },
	{ SASLPREP_PASSWORD, "Jack of \u2666s", "Jack of \u2666s" },
	{ SASLPREP_PASSWORD, "foo\u1680bar", "foo bar" },
	{ SASLPREP_PASSWORD, "my cat is a \tby", NULL },
	{ SASLPREP_PASSWORD, "", NULL },
	{ SASLPREP_PASSWORD, " ", " " },
	{ SASLPREP_PASSWORD, "a\u00a0b", "a b" },
	{ SASLPREP_PASSWORD, "e\u0301", "\u00e9" },
	{ SASLPREP_PASSWORD, "\u212b", "\u00c5" },	/* Angstrom sign */
	{ SASLPREP_PASSWORD, "\uff21\u00bd\u00aa", "\uff21\u00bd\u00aa" },	/* SASLprep would fold them */
	{ SASLPREP_PASSWORD, "\u2163", "\u2163" },
	{ SASLPREP_PASSWORD, "\U0001f600", "\U0001f600" },
	{ SASLPREP_PASSWORD, "a\u00adb", NULL },	/* soft hyphen */
	{ SASLPREP_PASSWORD, "a\u200db", NULL },	/* a joiner that joins nothing */
	{ SASLPREP_PASSWORD, "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937" },
	{ SASLPREP_PASSWORD, "\u0628\u200c\u0628", "\u0628\u200c\u0628" },
	{ SASLPREP_PASSWORD, "a\u200cb", NULL },
	{ SASLPREP_PASSWORD, "\u0378", NULL },		/* not assigned */
	{ SASLPREP_PASSWORD, "\ufdd0", NULL },		/* no character */
	{ SASLPREP_PASSWORD, "\ue000", NULL },		/* private */
	{ SASLPREP_PASSWORD, "\u1100", NULL },		/* old Hangul */
	{ SASLPREP_PASSWORD, "\u0640", NULL },
	{ SASLPREP_PASSWORD, "a\x7f", NULL },
	{ SASLPREP_PASSWORD, "a\xff", NULL },
	{ SASLPREP_PASSWORD, "a\xc0\x80", NULL },
	{ SASLPREP_PASSWORD, "\xed\xa0\x80", NULL },	/* half of a surrogate pair */
	/* logins: RFC 8265 3.5 */
	{ SASLPREP_LOGIN, "juliet@example.com", "juliet@example.com" },
	{ SASLPREP_LOGIN, "fussball", "fussball" },
	{ SASLPREP_LOGIN, "fu\u00dfball", "fu\u00dfball" },
	{ SASLPREP_LOGIN, "\u03c0", "\u03c0" },
	{ SASLPREP_LOGIN, "\u03a3", "\u03c3" },
	{ SASLPREP_ACCOUNT, "\u03a3", "\u03a3" },
	{ SASLPREP_LOGIN, "\u03c2", "\u03c2" },
	{ SASLPREP_LOGIN, "foo bar", "foo bar" },
	{ SASLPREP_LOGIN, "", NULL },
	{ SASLPREP_LOGIN, "henry\u2163", NULL },
	{ SASLPREP_LOGIN, "\u265a", NULL },
	{ SASLPREP_LOGIN, "Foo@Bar.COM", "foo@bar.com" },
	{ SASLPREP_ACCOUNT, "Foo", "Foo" },
	{ SASLPREP_LOGIN, "\u00c9ric@example.org", "\u00e9ric@example.org" },
	{ SASLPREP_LOGIN, "E\u0301ric", "\u00e9ric" },
	{ SASLPREP_LOGIN, "\uff26\uff2f\uff2f", "foo" },
	{ SASLPREP_LOGIN, " foo", NULL },
	{ SASLPREP_LOGIN, "foo ", NULL },
	{ SASLPREP_LOGIN, "foo\u00a0bar", NULL },
	{ SASLPREP_LOGIN, "foo\rbar", NULL },
	{ SASLPREP_LOGIN, "l\u00b7l", "l\u00b7l" },
	{ SASLPREP_LOGIN, "a\u00b7b", NULL },
	{ SASLPREP_LOGIN, "\u0375\u03b1", "\u0375\u03b1" },
	{ SASLPREP_LOGIN, "\u0375a", NULL },
	{ SASLPREP_LOGIN, "\u05d0\u05f3", "\u05d0\u05f3" },
	{ SASLPREP_LOGIN, "\u05f3", NULL },
	{ SASLPREP_LOGIN, "\u30a2\u30fb", "\u30a2\u30fb" },
	{ SASLPREP_LOGIN, "a\u30fb", NULL },
	/* from right to left */
	{ SASLPREP_LOGIN, "\u05de\u05e9\u05d4", "\u05de\u05e9\u05d4" },
	{ SASLPREP_LOGIN, "\u05de\u05e9\u05d4@example.org", "\u05de\u05e9\u05d4@example.org" },
	{ SASLPREP_LOGIN, "\u05de\u05e9\u05d4x", NULL },
	{ SASLPREP_LOGIN, "x\u05de", NULL },
	{ SASLPREP_LOGIN, "1\u05de", NULL },
	{ SASLPREP_LOGIN, "\u05de1", "\u05de1" },
	{ SASLPREP_LOGIN, "\u05de-", NULL },
	{ SASLPREP_LOGIN, "\u0627\u06611", NULL },	/* digits of both kinds */
	{ SASLPREP_LOGIN, "\u0627\u0661\u06f1", NULL },
	{ SASLPREP_PASSWORD, "x\u05de", "x\u05de" },
};

static void
prepares(void **state)
{
	char to[SASLPREP_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct prep_case *c = &cases[i];
		bool is_good = saslprep(to, sizeof to, c->profile, c->from, strlen(c->from));

		if (is_good != (c->to != NULL))
			fail_msg("case %zu: '%s' is%s refused", i, c->from, is_good ? " not" : "");
		if (is_good && strcmp(to, c->to) != 0)
			fail_msg("case %zu: '%s' becomes '%s'", i, c->from, to);
		if (!is_good)
			assert_int_equal(errno, EPROTO);
	}
}

static void
keeps_its_limits(void **state)
{
	char from[SASLPREP_MAX + 1], to[SASLPREP_MAX + 1];

	(void)state;
	memset(from, 'x', sizeof from);
	assert_true(saslprep(to, sizeof to, SASLPREP_PASSWORD, from, SASLPREP_MAX));
	assert_memory_equal(from, to, SASLPREP_MAX);
	assert_false(saslprep(to, sizeof to, SASLPREP_PASSWORD, from, SASLPREP_MAX + 1));
	assert_int_equal(errno, EMSGSIZE);
	assert_false(saslprep(to, 10, SASLPREP_PASSWORD, from, 10));
	assert_int_equal(errno, EMSGSIZE);
	assert_true(saslprep(to, 11, SASLPREP_PASSWORD, from, 10));
	assert_false(saslprep(to, sizeof to, SASLPREP_PASSWORD, "a\0b", 3));
	assert_int_equal(errno, EPROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prepares),
		cmocka_unit_test(keeps_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
