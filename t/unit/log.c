/* Where log lines go in each surrounding that a program is started in, and that
 * nobody's text begins a second line or ends a quoted value. */
#include "lib/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/printable.h"

static bool has_syslogd;
static char said_to_syslog[8192];

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int
__wrap_access(const char *path, int mode)
{
	return strcmp(path, "/dev/log") == 0 ? (has_syslogd ? 0 : -1) : __real_access(path, mode);
}

static void __attribute__((format(printf, 1, 0)))
keep(const char *format, va_list args)
{
	size_t len = strlen(said_to_syslog);

	vsnprintf(said_to_syslog + len, sizeof said_to_syslog - len, format, args);
}

void __wrap_syslog(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void
__wrap_syslog(int priority, const char *format, ...)
{
	va_list args;

	(void)priority;
	va_start(args, format);
	keep(format, args);
	va_end(args);
}

/* What syslog() is with _FORTIFY_SOURCE. */
void __wrap___syslog_chk(int priority, int flag, const char *format, ...) __attribute__((format(printf, 3, 4)));
void
__wrap___syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	(void)priority, (void)flag;
	va_start(args, format);
	keep(format, args);
	va_end(args);
}

/* ---- a program, started ---- */

struct surrounding {
	const char *wish;		/* $PIPEPOST_LOG, or NULL */
	bool has_syslogd;
	enum { A_FILE, THE_CLIENT, CLOSED } fd2;
	bool is_for_people;		/* log_spare_terminal() */
};

static int kept[3];			/* our own 0 and 2, and the file in place of 2 */

static void
enter(const struct surrounding *s)
{
	int pair[2];

	has_syslogd = s->has_syslogd;
	said_to_syslog[0] = '\0';
	if (s->wish != NULL)
		setenv("PIPEPOST_LOG", s->wish, 1);
	else
		unsetenv("PIPEPOST_LOG");
	kept[0] = fcntl(0, F_DUPFD_CLOEXEC, 10);
	kept[1] = fcntl(2, F_DUPFD_CLOEXEC, 10);
	if (s->fd2 == A_FILE) {
		kept[2] = memfd_create("log", MFD_CLOEXEC);
		dup2(kept[2], 2);
	} else if (s->fd2 == THE_CLIENT) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
			abort();
		dup2(pair[0], 0);
		dup2(pair[0], 2);
		close(pair[0]);
		kept[2] = pair[1];
	} else {
		kept[2] = -1;
		close(2);
	}
	log_open("unit");
	if (s->is_for_people)
		log_spare_terminal();
}

/* What has come out of fd 2, and everything as it was before. */
static void
leave(char *said, size_t size)
{
	ssize_t n = 0;

	if (kept[2] != -1) {
		n = lseek(kept[2], 0, SEEK_SET) == 0 ? read(kept[2], said, size - 1) :
		    recv(kept[2], said, size - 1, MSG_DONTWAIT);
		close(kept[2]);
	}
	said[n > 0 ? n : 0] = '\0';
	dup2(kept[0], 0);
	dup2(kept[1], 2);
	close(kept[0]);
	close(kept[1]);
}

static void
a_line_goes_where_the_surrounding_wants_it(void **state)
{
	static const struct {
		struct surrounding in;
		enum { ON_FD_2, IN_SYSLOG, NOWHERE } where;
	} cases[] = {
		{ { NULL, true, A_FILE, false }, IN_SYSLOG },
		{ { NULL, false, A_FILE, false }, ON_FD_2 },
		{ { "stderr", true, A_FILE, false }, ON_FD_2 },
		{ { "syslog", true, A_FILE, false }, IN_SYSLOG },
		{ { "syslog", false, A_FILE, false }, ON_FD_2 },	/* before syslogd runs, or in a container */
		{ { "nonsense", true, A_FILE, false }, IN_SYSLOG },
		{ { NULL, false, THE_CLIENT, false }, NOWHERE },	/* inetd */
		{ { "stderr", false, THE_CLIENT, false }, NOWHERE },
		{ { "stderr", true, THE_CLIENT, false }, IN_SYSLOG },
		{ { "syslog", false, THE_CLIENT, false }, IN_SYSLOG },	/* syslog() drops it */
		{ { NULL, false, CLOSED, false }, NOWHERE },
		{ { NULL, true, CLOSED, false }, IN_SYSLOG },
		{ { NULL, false, A_FILE, true }, NOWHERE },		/* a user's terminal is no log */
		{ { NULL, true, A_FILE, true }, IN_SYSLOG },
		{ { "stderr", false, A_FILE, true }, ON_FD_2 },
	};
	char said[4096], expected[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enter(&cases[i].in);
		log_line("one %s", "line");
		leave(said, sizeof said);
		snprintf(expected, sizeof expected, "smtpd/unit[%ld]: one line\n", (long)getpid());
		if (strcmp(said, cases[i].where == ON_FD_2 ? expected : "") != 0)
			fail_msg("case %zu: on fd 2: %s", i, said);
		if (strcmp(said_to_syslog, cases[i].where == IN_SYSLOG ? "one line" : "") != 0)
			fail_msg("case %zu: in syslog: %s", i, said_to_syslog);
	}
}

static void
log_one(char *said, size_t size, const char *text)
{
	enter(&(struct surrounding){ "stderr", false, A_FILE, false });
	log_line("%s", text);
	leave(said, size);
}

static void
a_line_is_one_line_and_bounded(void **state)
{
	char said[8192], text[3 * LOG_LINE_MAX];

	(void)state;
	log_one(said, sizeof said, "a\r\nsmtpd/unit[1]: b\033[2J\x7f\xff");
	assert_non_null(strstr(said, "]: a\\015\\012smtpd/unit[1]: b\\033[2J\\177\\377\n"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	log_one(said, sizeof said, text);
	assert_in_range(strlen(said), LOG_LINE_MAX - 1, LOG_LINE_MAX + 128);
	assert_int_equal(said[strlen(said) - 1], '\n');
	memset(text, '\n', sizeof text - 1);
	log_one(said, sizeof said, text);
	assert_in_range(strlen(said), LOG_LINE_MAX - 4, LOG_LINE_MAX + 128);
	log_one(said, sizeof said, "");
	assert_non_null(strstr(said, "]: \n"));
}

static void
a_quoted_value_ends_where_it_should(void **state)
{
	static const struct {
		const char *text, *quoted;
	} cases[] = {
		{ "", "\"\"" }, { "a b", "\"a b\"" }, { "\"", "\"\\\"\"" }, { "x\" user=root \"", "\"x\\\" user=root \\\"\"" },
		{ "a\\", "\"a\\\\\"" }, { "\\\"", "\"\\\\\\\"\"" }, { "\r\n", "\"\\015\\012\"" },
		{ "h\xc3\xa9", "\"h\xc3\xa9\"" }, { "h\xc3", "\"h\\303\"" },
	};
	char quoted[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(printable_quote(quoted, sizeof quoted, cases[i].text, strlen(cases[i].text)),
		    cases[i].quoted);
	/* Where there is no room the value is cut between characters, and closed all the same. */
	assert_string_equal(printable_quote(quoted, 3, "abc", 3), "\"\"");
	assert_string_equal(printable_quote(quoted, 5, "abc", 3), "\"ab\"");
	assert_string_equal(printable_quote(quoted, 6, "abc", 3), "\"abc\"");
	assert_string_equal(printable_quote(quoted, 4, "\"", 1), "\"\"");
	assert_string_equal(printable_quote(quoted, 6, "\n", 1), "\"\"");
}

static void
conversations_are_logged_when_asked_for(void **state)
{
	char said[256];

	(void)state;
	enter(&(struct surrounding){ "stderr", false, A_FILE, false });
	log_verbose("no");
	log_set_verbose(true);
	log_verbose("yes");
	log_set_verbose(false);
	leave(said, sizeof said);
	assert_null(strstr(said, "no\n"));
	assert_non_null(strstr(said, "yes\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_goes_where_the_surrounding_wants_it),
		cmocka_unit_test(a_line_is_one_line_and_bounded),
		cmocka_unit_test(a_quoted_value_ends_where_it_should),
		cmocka_unit_test(conversations_are_logged_when_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
