/* Passwords and their hashes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hash.h"

#define HELLO "Hello world!"

/* From other implementations: Openwall's test vectors, openssl passwd, perl. */
static const struct verify_case {
	const char *hash, *password;
	enum hash_verdict verdict;
} cases[] = {
	{ "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", HASH_MATCHES },
	{ "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", HASH_MATCHES },
	{ "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", HASH_MATCHES },
	{ "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
	    HELLO, HASH_MATCHES },
	{ "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", HELLO, HASH_MATCHES },
	{ "$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", HELLO, HASH_MATCHES },
	{ "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$42RgPIrXdXSEEs77lDi/4IqKVqFBAVaHJkzw5uD1r57", HELLO, HASH_MATCHES },
	{ "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$uLkBCRJb/TzKBTR3DrVo2tiThTkOvFiPjk1DUnHM8aA", HELLO, HASH_MATCHES },
	{ "$7$CU..../....2Q9obwLhin8qvQl6sisAO/$8seeLVpHjJ8Ra6XdkOFqgjmEyueK9hxzBB4Pej3P0Y8", HELLO, HASH_MATCHES },
	{ "$sha1$1000$saltstring$RbB0.qOViyDR5vnkrMh4nm0D6Iep", HELLO, HASH_MATCHES },
	{ "$md5,rounds=904$saltstring$$pCrK79g7ZtP70xAzC6sem/", HELLO, HASH_MATCHES },
	{ "_J9..CCCCoYeEi67o2u.", HELLO, HASH_MATCHES },
	{ "abhv/ZnAzL36k", "secret12", HASH_MATCHES },
	/* Dovecot's marks */
	{ "{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", HASH_MATCHES },
	{ "{CRYPT}$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", HELLO, HASH_MATCHES },
	{ "{CRYPT}$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", "hello world!", HASH_DIFFERS },
	/* others */
	{ "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*V", HASH_DIFFERS },
	{ "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "", HASH_DIFFERS },
	{ "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe", "U*U", HASH_DIFFERS },
	{ "$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1x", HELLO, HASH_DIFFERS },
	/* locked */
	{ "*", HELLO, HASH_DIFFERS },
	{ "*0", HELLO, HASH_DIFFERS },
	{ "!", HELLO, HASH_DIFFERS },
	{ "!!", HELLO, HASH_DIFFERS },
	{ "!$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", HELLO, HASH_DIFFERS },
	/* no hashes */
	{ "", "", HASH_UNKNOWN },
	{ "x", "x", HASH_UNKNOWN },
	{ HELLO, HELLO, HASH_UNKNOWN },
	{ "secretpassword", "secretpassword", HASH_UNKNOWN },
	{ "abhv/ZnAzL36k:", "secret12", HASH_UNKNOWN },
	{ "$", "x", HASH_UNKNOWN },
	{ "$9$saltstri$YMyguxXMBpd2TEZ", "x", HASH_UNKNOWN },
	{ "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", HASH_UNKNOWN },
	{ "$2b$05$short", "U*U", HASH_UNKNOWN },
	{ "$apr1$saltstri$aGfuB7Lcvs2TUeFTqUVfN0", HELLO, HASH_UNKNOWN },
	{ "{PLAIN}x", "x", HASH_UNKNOWN },
	{ "{CRYPT}", "", HASH_UNKNOWN },
};

static void
compares(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (hash_verify(cases[i].hash, cases[i].password) != cases[i].verdict)
			fail_msg("'%s' for '%s' is not %d", cases[i].hash, cases[i].password, cases[i].verdict);
}

static void
an_endless_hash_or_password(void **state)
{
	char text[1024] = "$1$", password[HASH_PASSWORD_MAX + 2];

	(void)state;
	memset(text + 3, 'a', sizeof text - 4);
	assert_int_equal(hash_verify(text, "x"), HASH_UNKNOWN);
	memset(password, 'a', sizeof password);
	password[HASH_PASSWORD_MAX + 1] = '\0';
	assert_int_equal(hash_verify("$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", password), HASH_DIFFERS);
	assert_false(hash_password(text, "sha512", 0, password));
	assert_int_equal(errno, EMSGSIZE);
	password[HASH_PASSWORD_MAX] = '\0';
	assert_true(hash_password(text, "sha512", 0, password));
	assert_int_equal(hash_verify(text, password), HASH_MATCHES);
	assert_false(hash_password(text, "bcrypt", 5, password));	/* it would not look at the rest */
	assert_int_equal(errno, EMSGSIZE);
}

static void
makes_what_it_knows(void **state)
{
	static const struct {
		const char *kind, *begins;
		unsigned long cost;
	} made[] = {
		{ NULL, "$2b$10$", 0 },
		{ "bcrypt", "$2b$05$", 5 },
		{ "yescrypt", "$y$j9T$", 0 },
		{ "sha512", "$6$", 0 },
		{ "sha512", "$6$rounds=1000$", 1000 },
		{ "sha256", "$5$", 0 },
	};
	char hash[HASH_SIZE], other[HASH_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
		assert_true(hash_password(hash, made[i].kind, made[i].cost, HELLO));
		assert_int_equal(strncmp(hash, made[i].begins, strlen(made[i].begins)), 0);
		assert_int_equal(hash_verify(hash, HELLO), HASH_MATCHES);
		assert_int_equal(hash_verify(hash, "hello world!"), HASH_DIFFERS);
	}
	assert_true(hash_password(other, "sha256", 0, HELLO));
	assert_string_not_equal(hash, other);	/* a new salt */
}

static void
refuses_other_kinds(void **state)
{
	char hash[HASH_SIZE];

	(void)state;
	assert_false(hash_password(hash, "md5", 0, HELLO));
	assert_int_equal(errno, EINVAL);
	assert_false(hash_password(hash, "bcrypt", 99, HELLO));
	assert_int_equal(errno, EINVAL);
	assert_false(hash_password(hash, "bcrypt", 5, ""));
	assert_int_equal(errno, EINVAL);
}

static void
finds_it_in_an_entry(void **state)
{
	(void)state;
	assert_string_equal(hash_in_entry("joe:$1$x"), "$1$x");
	assert_string_equal(hash_in_entry("$1$x"), "$1$x");
	assert_null(hash_in_entry("joe:"));
	assert_null(hash_in_entry(":$1$x"));
	assert_null(hash_in_entry(""));
	assert_true(hash_is_known("$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1"));
	assert_true(hash_is_known("!"));
	assert_false(hash_is_known("secret"));
}

/* Nothing is to be seen of it but that it ends. */
static void
spends_time(void **state)
{
	(void)state;
	hash_spend(NULL, HELLO);
	hash_spend("", HELLO);
	hash_spend("clear text", HELLO);
	hash_spend("{CRYPT}$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", HELLO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),
		cmocka_unit_test(an_endless_hash_or_password),
		cmocka_unit_test(makes_what_it_knows),
		cmocka_unit_test(refuses_other_kinds),
		cmocka_unit_test(finds_it_in_an_entry),
		cmocka_unit_test(spends_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
