/* login: messages of PLAIN, and what may be a login or a password. */
#include "smtp-recv/login.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) s, sizeof s - 1

static void
takes_plain_apart(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		int error;		/* 0: good */
		const char *name, *password;
	} cases[] = {
		{ TEXT("\0alice\0secret"), 0, "alice", "secret" },
		{ TEXT("alice\0alice\0secret"), 0, "alice", "secret" },
		{ TEXT("\0Alice@Example.ORG\0S e c"), 0, "alice@example.org", "S e c" },
		{ TEXT("bob\0alice\0secret"), EACCES, NULL, NULL },
		{ TEXT("alic\0alice\0secret"), EACCES, NULL, NULL },
		{ TEXT("\0alice\0"), EACCES, NULL, NULL },
		{ TEXT("\0\0secret"), EACCES, NULL, NULL },
		{ TEXT("\0al\nice\0secret"), EACCES, NULL, NULL },
		{ TEXT("\0() { :;}\0secret"), EACCES, NULL, NULL },
		{ TEXT("\0\377\0secret"), EACCES, NULL, NULL },
		{ TEXT("\0alice\0se\0cret"), EPROTO, NULL, NULL },
		{ TEXT("alice\0secret"), EPROTO, NULL, NULL },
		{ TEXT("alice"), EPROTO, NULL, NULL },
		{ TEXT(""), EPROTO, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct login l;

		errno = 0;
		if (!login_set_plain(&l, SASLPREP_LOGIN, cases[i].s, cases[i].len)) {
			assert_int_equal(errno, cases[i].error);
			continue;
		}
		assert_int_equal(cases[i].error, 0);
		assert_string_equal(l.name, cases[i].name);
		assert_string_equal(l.password, cases[i].password);
	}
}

static void
bounds_both(void **state)
{
	char text[LOGIN_MAX + 2];
	struct login l;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_true(login_set_name(&l, SASLPREP_ACCOUNT, text, LOGIN_MAX));
	assert_int_equal(strlen(l.name), LOGIN_MAX);
	assert_false(login_set_name(&l, SASLPREP_ACCOUNT, text, LOGIN_MAX + 1));
	assert_int_equal(errno, EACCES);
	assert_true(login_set_password(&l, text, LOGIN_PASSWORD_MAX));
	assert_false(login_set_password(&l, text, LOGIN_PASSWORD_MAX + 1));
	assert_int_equal(errno, EACCES);
}

static void
leaves_names_of_accounts_as_they_are(void **state)
{
	struct login l;

	(void)state;
	assert_true(login_set_name(&l, SASLPREP_ACCOUNT, "Alice", 5));
	assert_string_equal(l.name, "Alice");
	login_wipe(&l);
	assert_int_equal(l.name[0], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_plain_apart),
		cmocka_unit_test(bounds_both),
		cmocka_unit_test(leaves_names_of_accounts_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
