/* auth_program: what root becomes is not for the process to say that has looked at the password. */
#include "smtp-recv/auth_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A program that became somebody would end this test: nothing of it happens in these cases. */
static void
refuses(const struct auth_account *a)
{
	char words[AUTH_WORDS_MAX] = "";

	assert_false(auth_account_become(a, words));
	assert_string_equal(words, "the check has named an account that nothing runs as");
}

static void
root_and_its_group_are_nobody(void **state)
{
	(void)state;
	refuses(&(struct auth_account){ .uid = 0, .gid = 1000, .name = "x", .home = "/", .shell = "/bin/sh" });
	refuses(&(struct auth_account){ .uid = 1000, .gid = 0, .name = "x", .home = "/", .shell = "/bin/sh" });
}

static void
a_text_without_end_is_none(void **state)
{
	struct auth_account a = { .uid = 1000, .gid = 1000, .name = "x", .home = "/", .shell = "/bin/sh" }, b = a, c = a;

	(void)state;
	memset(a.name, 'x', sizeof a.name);
	refuses(&a);
	memset(b.home, '/', sizeof b.home);
	refuses(&b);
	memset(c.shell, '/', sizeof c.shell);
	refuses(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_and_its_group_are_nobody),
		cmocka_unit_test(a_text_without_end_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
