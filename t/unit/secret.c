/* Values of tables of secrets, and the commands in them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <skalibs/tai.h>

#include "lib/secret.h"

/* A clock for the limits on which every look takes a second. */
static int
run_fast(tain *now)
{
	static int looks;
	tain then;

	if (!tain_wallclock_read(&then))
		return 0;
	tain_addsec(now, &then, ++looks);
	return 1;
}

static const struct value_case {
	const char *value;
	enum secret_kind kind;
	const char *user, *text;	/* user NULL: refused, and text is why */
} values[] = {
	{ "joe:secret", SECRET_PASSWORD, "joe", "secret" },
	{ "joe@example.org:a:b", SECRET_PASSWORD, "joe@example.org", "a:b" },
	{ "joe: with blanks ", SECRET_PASSWORD, "joe", " with blanks " },
	{ "joe:Bearer x", SECRET_PASSWORD, "joe", "Bearer x" },
	{ "secret", SECRET_PASSWORD, "label", "secret" },
	{ "joe:!echo pass", SECRET_EITHER, "joe", "pass" },
	{ "joe:!echo a:b; echo second", SECRET_EITHER, "joe", "a:b" },
	{ "joe:!printf x", SECRET_EITHER, "joe", "x" },
	{ "joe:!printf 'x\\r\\n'", SECRET_EITHER, "joe", "x" },
	{ "joe:!echo 'Bearer ya29.token'", SECRET_TOKEN, "joe", "ya29.token" },
	{ "joe:!echo 'bearer ya29.token'", SECRET_TOKEN, "joe", "ya29.token" },
	{ "!echo a:b", SECRET_EITHER, "label", "a:b" },
	{ "joe:!echo \"<$HOME$SECRET>$PATH\"", SECRET_EITHER, "joe", "<>/usr/local/bin:/usr/bin:/bin" },
	{ "joe:!cat; echo x", SECRET_EITHER, "joe", "x" },	/* fd 0 is at its end */
	{ "joe:!echo x; sleep 1 & exit 0", SECRET_EITHER, "joe", "x" },
	{ "joe:!echo x; yes | head -n 100000", SECRET_EITHER, "joe", "x" },
	{ "joe:!echo x; exec >&-; exit 0", SECRET_EITHER, "joe", "x" },
	{ "", 0, NULL, "it must be \"user:password\" or \"user:!command\"" },
	{ ":secret", 0, NULL, "it must be \"user:password\" or \"user:!command\"" },
	{ "joe:", 0, NULL, "it must be \"user:password\" or \"user:!command\"" },
	{ "joe:!", 0, NULL, "there is no command after the \"!\"" },
	{ "joe:! ", 0, NULL, "there is no command after the \"!\"" },
	{ "joe:!true", 0, NULL, "its command printed nothing" },
	{ "joe:!echo", 0, NULL, "its command printed nothing" },
	{ "joe:!echo x; exit 3", 0, NULL, "its command failed (exit code other than 0)" },
	{ "joe:!echo x; kill -9 $$", 0, NULL, "its command was killed by a signal" },
	{ "joe:!/nonexistent/program 2>/dev/null", 0, NULL, "its command was not found (exit code 127)" },
	{ "joe:!printf 'a\\0b\\n'", 0, NULL, "its command printed a NUL" },
	{ "joe:!head -c 9000 /dev/zero | tr '\\0' x", 0, NULL, "its command printed too long a line" },
};

static void
values_and_commands(void **state)
{
	(void)state;
	setenv("SECRET", "in the environment", 1);
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct secret s = SECRET_ZERO;
		const char *why = "";

		if (values[i].user == NULL) {
			assert_false(secret_read(&s, "label", values[i].value, strlen(values[i].value), &why));
			assert_int_equal(errno, EPROTO);
			assert_string_equal(why, values[i].text);
		} else {
			if (!secret_read(&s, "label", values[i].value, strlen(values[i].value), &why))
				fail_msg("%s: %s", values[i].value, why);
			assert_true(stralloc_0(&s.user) && stralloc_0(&s.text));
			assert_string_equal(s.user.s, values[i].user);
			assert_string_equal(s.text.s, values[i].text);
			assert_int_equal(s.kind, values[i].kind);
		}
		secret_free(&s);
	}
}

/* Whether the process runs: one that is dead and not yet reaped does not. */
static bool
is_running(long pid)
{
	char path[64], state = 'X';
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(f);
	return state != 'Z' && state != 'X';
}

static void
a_command_that_hangs_is_killed_with_what_it_has_started(void **state)
{
	static const char *const hanging[] = {
		"joe:!echo x; sleep 1000 & echo $! >&9; wait",
		"joe:!echo x; exec >&-; sleep 1000 & echo $! >&9; wait",
	};

	(void)state;
	for (size_t i = 0; i < sizeof hanging / sizeof hanging[0]; i++) {
		struct secret s = SECRET_ZERO;
		const char *why = "";
		char text[32] = "";
		FILE *f = tmpfile();

		/* fd 9 goes through to the command: it is not close-on-exec */
		assert_non_null(f);
		assert_int_equal(dup2(fileno(f), 9), 9);
		tain_now = run_fast;
		assert_false(secret_read(&s, "label", hanging[i], strlen(hanging[i]), &why));
		tain_now = tain_wallclock_read;
		assert_int_equal(errno, ETIMEDOUT);
		assert_string_equal(why, "its command took too long");
		rewind(f);
		assert_non_null(fgets(text, sizeof text, f));
		for (int n = 0; n < 500 && is_running(strtol(text, NULL, 10)); n++)
			usleep(10000);
		assert_false(is_running(strtol(text, NULL, 10)));
		close(9);
		fclose(f);
		secret_free(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_commands),
		cmocka_unit_test(a_command_that_hangs_is_killed_with_what_it_has_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
