/* What exits of the queue program mean to its caller, and that starting,
 * feeding and losing it never harms the caller. */
#include "lib/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/spawn.h"

/* waitpid's status of an exit. */
static int
exited(int code)
{
	return code << 8;
}

static void
each_exit_code_has_its_class_and_its_enhanced_code(void **state)
{
	static const struct {
		int code;
		bool is_permanent;
		const char *enhanced;
	} cases[] = {
		{ 0, false, "2.0.0" }, { 11, true, "5.1.3" }, { 115, true, "5.1.3" },
		{ 31, true, "5.3.0" }, { 12, true, "5.3.0" }, { 30, true, "5.3.0" },
		{ 32, true, "5.3.0" }, { 40, true, "5.3.0" },
		{ 51, false, "4.3.0" }, { 52, false, "4.3.0" }, { 53, false, "4.3.0" },
		{ 54, false, "4.3.0" }, { 55, false, "4.3.0" }, { 56, false, "4.3.0" },
		{ 61, false, "4.3.0" }, { 62, false, "4.3.0" }, { 63, false, "4.3.0" },
		{ 64, false, "4.3.0" }, { 65, false, "4.3.0" }, { 66, false, "4.3.0" },
		{ 71, false, "4.3.0" }, { 72, false, "4.4.1" }, { 73, false, "4.4.1" },
		{ 74, false, "4.4.2" }, { 81, false, "4.3.0" }, { 91, false, "4.3.0" },
		{ 120, false, "4.3.0" }, { 1, false, "4.3.0" }, { 10, false, "4.3.0" },
		{ 41, false, "4.3.0" }, { 99, false, "4.3.0" }, { 255, false, "4.3.0" },
	};
	struct inject_result r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		inject_explain(&r, exited(cases[i].code), false, "", 0);
		assert_int_equal(r.status, cases[i].code);
		assert_int_equal(r.is_permanent, cases[i].is_permanent);
		assert_string_equal(r.enhanced, cases[i].enhanced);
		assert_true(r.text[0] != '\0');
		assert_string_equal(r.id, "");
	}
}

static void
a_signal_and_a_success_without_reading_mean_try_again(void **state)
{
	struct inject_result r;

	(void)state;
	inject_explain(&r, SIGKILL, false, "Kid", 3);
	assert_int_not_equal(r.status, QUEUE_OK);
	assert_false(r.is_permanent);
	inject_explain(&r, exited(0), true, "Kid", 3);
	assert_int_not_equal(r.status, QUEUE_OK);
	assert_false(r.is_permanent);
	assert_string_equal(r.id, "");
}

static void
code_82_brings_its_own_words(void **state)
{
	static const struct {
		const char *report;
		bool is_permanent;
		const char *enhanced, *text;
	} cases[] = {
		{ "Dno spam here", true, "5.3.0", "no spam here" },
		{ "Zcome back", false, "4.3.0", "come back" },
		{ "D5.7.1 no spam here", true, "5.7.1", "no spam here" },
		{ "Z4.7.1 come back", false, "4.7.1", "come back" },
		{ "Z5.7.1 wrong class", false, "4.3.0", "5.7.1 wrong class" },
		{ "D5.7 only two", true, "5.3.0", "5.7 only two" },
		{ "D5.1234.1 long part", true, "5.3.0", "5.1234.1 long part" },
		{ "Dtwo\nlines\r\n", true, "5.3.0", "two\\012lines" },
		{ "", false, "4.3.0", "the queue program refused without a reason" },
		{ "D", false, "4.3.0", "the queue program refused without a reason" },
		{ "Dx", false, "4.3.0", "the queue program refused without a reason" },
		{ "Xwhat is this", false, "4.3.0", "the queue program refused without a reason" },
	};
	struct inject_result r;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		inject_explain(&r, exited(82), false, cases[i].report, strlen(cases[i].report));
		assert_int_equal(r.status, QUEUE_CUSTOM);
		assert_int_equal(r.is_permanent, cases[i].is_permanent);
		assert_string_equal(r.enhanced, cases[i].enhanced);
		assert_string_equal(r.text, cases[i].text);
	}
}

static void
words_without_end_are_cut(void **state)
{
	char report[1000];
	struct inject_result r;

	(void)state;
	memset(report, 'x', sizeof report);
	report[0] = 'D';
	inject_explain(&r, exited(82), false, report, sizeof report);
	assert_int_equal(strlen(r.text), INJECT_TEXT_MAX);
}

static void
the_queue_id_is_taken_only_if_it_is_one(void **state)
{
	struct inject_result r;

	(void)state;
	inject_explain(&r, exited(0), false, "K1244651996.ZjcewNaiDZhvzdsD", 28);
	assert_string_equal(r.id, "1244651996.ZjcewNaiDZhvzdsD");
	inject_explain(&r, exited(0), false, "K../../etc/passwd", 17);
	assert_string_equal(r.id, "");
	inject_explain(&r, exited(0), false, "Ka\0b", 4);
	assert_string_equal(r.id, "");
	inject_explain(&r, exited(0), false, "K0123456789012345678901234567890123456789", 41);
	assert_string_equal(r.id, "");
	inject_explain(&r, exited(53), false, "K1244651996.ZjcewNaiDZhvzdsD", 28);
	assert_string_equal(r.id, "");
}

/* Makes $QMAILQUEUE a shell script with these lines. */
static void
use_filter(const char *lines)
{
	static char path[] = "/tmp/pipepost-inject-test.XXXXXX";
	static bool is_made;
	int fd;

	if (!is_made) {
		fd = mkstemp(path);
		assert_int_not_equal(fd, -1);
		close(fd);
		is_made = true;
	}
	unlink(path);	/* a file open for writing cannot be executed */
	if (lines == NULL) {
		setenv("QMAILQUEUE", "/nonexistent/queue-inject", 1);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	assert_int_not_equal(fd, -1);
	dprintf(fd, "#!/bin/sh\n%s\n", lines);
	close(fd);
	setenv("QMAILQUEUE", path, 1);
}

/* Hands over `size` octets and an envelope. */
static struct inject_result
inject(const char *filter, size_t size)
{
	static const char chunk[65536] = { 'x' };
	struct facts facts = facts_unknown;
	stralloc envelope = STRALLOC_ZERO;
	struct inject_result r;
	struct injection i;

	use_filter(filter);
	facts.origin = ORIGIN_LOCAL;
	facts.client = "192.0.2.7";
	envelope_begin(&envelope, "a@example.org");
	envelope_add_recipient(&envelope, "b@example.org", "", "");
	envelope_end(&envelope);
	inject_start(&i, &facts);
	for (size_t n = 0; n < size; n += sizeof chunk)
		assert_true(inject_write(&i, chunk, size - n < sizeof chunk ? size - n : sizeof chunk));
	inject_finish(&i, &envelope, &r);
	stralloc_free(&envelope);
	use_filter(NULL);
	return r;
}

static void
a_program_that_reads_everything_is_believed(void **state)
{
	struct inject_result r;

	(void)state;
	r = inject("exec 3<&1\n[ $(wc -c) = 1000000 ] && [ $(wc -c <&3) = 31 ] || exit 53\nprintf K17.abc >&6",
	    1000000);
	assert_int_equal(r.status, QUEUE_OK);
	assert_string_equal(r.id, "17.abc");
}

static void
it_sees_the_facts_and_where_to_report(void **state)
{
	struct inject_result r;

	(void)state;
	setenv("PIPEPOST_REPORT_FD", "9", 1);
	r = inject("cat >/dev/null; cat <&1 >/dev/null\n"
	    "env | grep -q 192.0.2.7 && [ \"$PIPEPOST_REPORT_FD\" = 6 ] || exit 53", 10);
	assert_int_equal(r.status, QUEUE_OK);
	unsetenv("PIPEPOST_REPORT_FD");
}

static void
it_gets_no_other_descriptor(void **state)
{
	struct inject_result r;

	(void)state;
	r = inject("cat >/dev/null; cat <&1 >/dev/null\n"
	    "for n in 3 4 5 7 8 9; do [ -e /proc/$$/fd/$n ] && exit 53; done; exit 0", 10);
	assert_int_equal(r.status, QUEUE_OK);
}

static void
a_program_that_stops_reading_costs_one_try_again(void **state)
{
	struct inject_result r;

	(void)state;
	r = inject("exit 53", 1000000);
	assert_int_equal(r.status, QUEUE_WRITE_ERROR);
	assert_false(r.is_permanent);
	r = inject("exit 0", 1000000);
	assert_int_not_equal(r.status, QUEUE_OK);
	r = inject("printf 'D5.7.1 no thanks' >&6; exit 82", 1000000);
	assert_true(r.is_permanent);
	assert_string_equal(r.text, "no thanks");
	r = inject("kill -9 $$", 1000000);
	assert_int_not_equal(r.status, QUEUE_OK);
	assert_false(r.is_permanent);
}

static void
a_missing_program_is_told_as_not_started(void **state)
{
	struct inject_result r;

	(void)state;
	r = inject(NULL, 1000000);
	assert_int_equal(r.status, QUEUE_NOT_STARTED);
	assert_false(r.is_permanent);
}

static void
giving_up_sends_no_envelope(void **state)
{
	struct injection i;
	char name[] = "/tmp/pipepost-inject-out.XXXXXX", script[200];
	struct stat st;
	int fd = mkstemp(name);

	(void)state;
	assert_int_not_equal(fd, -1);
	snprintf(script, sizeof script, "cat >/dev/null; cat <&1 >%s; exit 54", name);
	use_filter(script);
	assert_true(inject_start(&i, &facts_unknown));
	assert_true(inject_write(&i, "text", 4));
	inject_abort(&i);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(fd);
	unlink(name);
	use_filter(NULL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);	/* nothing is left unreaped */
}

static void
a_child_past_its_deadline_is_killed_and_reaped(void **state)
{
	const char *argv[] = { "/bin/sleep", "1000", NULL }, *envp[] = { NULL };
	tain now;
	int status;
	pid_t pid = spawn_program(argv[0], argv, envp, NULL, 0);

	(void)state;
	assert_int_not_equal(pid, -1);
	assert_true(tain_now(&now));
	assert_false(spawn_wait(pid, &status, &now));
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(waitpid(pid, &status, WNOHANG), -1);
}

static void
descriptors_may_be_swapped(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "read a <&3; read b <&4; [ $a$b = onetwo ]", NULL }, *envp[] = { NULL };
	int one[2], two[2], status = -1;
	tain now, deadline;
	pid_t pid;

	(void)state;
	assert_true(spawn_pipe(one) && spawn_pipe(two));
	assert_int_equal(write(one[1], "one\n", 4), 4);
	assert_int_equal(write(two[1], "two\n", 4), 4);
	/* whatever numbers they have: 3 and 4 are among those that get overwritten */
	pid = spawn_program(argv[0], argv, envp, (const int[]){ SPAWN_NULL, SPAWN_NULL, 2, one[0], two[0] }, 5);
	assert_int_not_equal(pid, -1);
	tain_now(&now);
	tain_addsec(&deadline, &now, 60);
	assert_true(spawn_wait(pid, &status, &deadline));
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_exit_code_has_its_class_and_its_enhanced_code),
		cmocka_unit_test(a_signal_and_a_success_without_reading_mean_try_again),
		cmocka_unit_test(code_82_brings_its_own_words),
		cmocka_unit_test(words_without_end_are_cut),
		cmocka_unit_test(the_queue_id_is_taken_only_if_it_is_one),
		cmocka_unit_test(a_program_that_reads_everything_is_believed),
		cmocka_unit_test(it_sees_the_facts_and_where_to_report),
		cmocka_unit_test(it_gets_no_other_descriptor),
		cmocka_unit_test(a_program_that_stops_reading_costs_one_try_again),
		cmocka_unit_test(a_missing_program_is_told_as_not_started),
		cmocka_unit_test(giving_up_sends_no_envelope),
		cmocka_unit_test(a_child_past_its_deadline_is_killed_and_reaped),
		cmocka_unit_test(descriptors_may_be_swapped),
	};

	closefrom(3);	/* what our caller has left open would go on to every child */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
