/* What comes on fd 3 of auth-check. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "smtp-recv/auth_input.h"

#define OCTETS(s) s, sizeof s - 1

static const struct input_case {
	const char *text;
	size_t len;
	const char *login, *password;	/* login NULL: refused */
} cases[] = {
	{ OCTETS("joe\0secret\0\0"), "joe", "secret" },
	{ OCTETS("joe\0secret\0stamp\0"), "joe", "secret" },
	{ OCTETS("joe\0secret\0stamp\0and\0more"), "joe", "secret" },
	{ OCTETS("joe\0secret\0"), "joe", "secret" },
	{ OCTETS("\0\0"), "", "" },
	{ OCTETS("joe\0secret"), NULL, NULL },
	{ OCTETS("joe\0"), NULL, NULL },
	{ OCTETS("joe"), NULL, NULL },
	{ OCTETS(""), NULL, NULL },
};

static void
scans(void **state)
{
	struct auth_input in;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		memset(&in, 'x', sizeof in);
		memcpy(in.text, cases[i].text, cases[i].len);
		in.len = cases[i].len;
		if (auth_input_scan(&in) != (cases[i].login != NULL))
			fail_msg("case %zu", i);
		if (cases[i].login == NULL) {
			assert_int_equal(errno, EPROTO);
			continue;
		}
		assert_string_equal(in.login, cases[i].login);
		assert_string_equal(in.password, cases[i].password);
	}
}

/* A pipe with n octets in it, 'x' but for what is given at the front. */
static int
pipe_with(const char *front, size_t len, size_t n)
{
	char text[CHECKPASSWORD_MAX + 100];
	int p[2];

	memset(text, 'x', sizeof text);
	memcpy(text, front, len);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], text, n), (ssize_t)n);
	close(p[1]);
	return p[0];
}

static void
reads_so_much_and_no_more(void **state)
{
	struct auth_input in;
	int fd;

	(void)state;
	fd = pipe_with(OCTETS("joe\0secret\0"), CHECKPASSWORD_MAX);
	assert_true(auth_input_read(&in, fd));
	assert_int_equal(in.len, CHECKPASSWORD_MAX);
	assert_string_equal(in.password, "secret");
	assert_int_equal(close(fd), -1);	/* it is closed already */
	assert_false(auth_input_read(&in, pipe_with(OCTETS("joe\0secret\0"), CHECKPASSWORD_MAX + 1)));
	assert_int_equal(errno, EMSGSIZE);
	assert_false(auth_input_read(&in, pipe_with("", 0, 0)));
	assert_int_equal(errno, EPROTO);
	assert_false(auth_input_read(&in, -1));
	assert_int_equal(errno, EBADF);
}

static void
leaves_nothing_behind(void **state)
{
	static const struct auth_input nothing;
	struct auth_input in;

	(void)state;
	assert_true(auth_input_read(&in, pipe_with(OCTETS("joe\0secret\0"), 11)));
	auth_input_wipe(&in);
	assert_memory_equal(&in, &nothing, sizeof in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scans),
		cmocka_unit_test(reads_so_much_and_no_more),
		cmocka_unit_test(leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
