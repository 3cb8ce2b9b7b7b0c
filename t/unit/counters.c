/* counters: what programs have counted, exact however many count at once, and who is at work. */
#include "queue-run/counters.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 4, TIMES = 20000 };

static char spool[64];

static int
set_up(void **state)
{
	static const char *const names[] = { "smtp", "queue" };	/* remote is not there */
	static const char zeros[STATS_SLOTS * sizeof(uint64_t)];
	char path[128];

	(void)state;
	strcpy(spool, "/tmp/pipepost-counters.XXXXXX");
	if (mkdtemp(spool) == NULL || setenv("PIPEPOST_SPOOL", spool, 1) == -1)
		return -1;
	snprintf(path, sizeof path, "%s/stats", spool);
	if (mkdir(path, 0700) == -1)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof path, "%s/stats/%s", spool, names[i]);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		if (fd == -1 || write(fd, zeros, sizeof zeros) != sizeof zeros)
			return -1;
		close(fd);
	}
	return 0;
}

static int
tear_down(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", spool);
	return system(command);
}

static struct counters
read_all(bool is_reset)
{
	struct counters c;
	const char *what;

	assert_true(counters_read(&c, spool, is_reset, &what));
	return c;
}

/* A process that counts, marked as active until its pipe is closed. */
static pid_t
start(const int go[2], int ready)
{
	pid_t pid = fork();
	char octet;

	if (pid != 0)
		return pid;
	close(go[1]);
	stats_open("smtp");
	stats_enter(STATS_GAUGE_PROCESS);
	stats_enter(STATS_GAUGE_STARTTLS);
	stats_leave(STATS_GAUGE_STARTTLS);
	if (fork() == 0)
		_exit(0);	/* a child is not marked, and its end unmarks nobody */
	wait(NULL);
	for (int i = 0; i < TIMES; i++)
		stats_add(STATS_SMTP_SESSIONS, 1);
	if (write(ready, "", 1) != 1 || read(go[0], &octet, 1) != 0)
		_exit(1);
	_exit(0);
}

static void
nothing_is_lost_between_processes_and_resets(void **state)
{
	int go[2], ready[2];
	uint64_t sum = 0;
	struct counters c;
	char octet;

	(void)state;
	assert_int_equal(pipe(go) | pipe(ready), 0);
	for (int i = 0; i < PROCESSES; i++)
		assert_true(start(go, ready[1]) > 0);
	for (int i = 0; i < 200; i++)
		sum += read_all(true).smtp.values[STATS_SMTP_SESSIONS];
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(read(ready[0], &octet, 1), 1);
	c = read_all(true);
	sum += c.smtp.values[STATS_SMTP_SESSIONS];
	assert_int_equal(sum, (uint64_t)PROCESSES * TIMES);
	assert_int_equal(c.smtp.active[STATS_GAUGE_PROCESS], PROCESSES);
	assert_int_equal(c.smtp.active[STATS_GAUGE_STARTTLS], 0);
	assert_int_equal(c.smtp.active[STATS_GAUGE_SMTPS], 0);
	close(go[1]);
	for (int i = 0; i < PROCESSES; i++)
		wait(NULL);
	assert_int_equal(read_all(false).smtp.active[STATS_GAUGE_PROCESS], 0);
}

static void
what_is_not_there_counts_nothing(void **state)
{
	struct counters c = read_all(false);

	(void)state;
	assert_int_equal(c.remote.values[STATS_REMOTE_SESSIONS], 0);
	assert_int_equal(c.remote.active[STATS_GAUGE_PROCESS], 0);
	assert_true(c.uptime > 0);
}

static void
a_file_of_another_size_is_not_mapped(void **state)
{
	char path[128];
	struct counters c;
	const char *what = "";

	(void)state;
	snprintf(path, sizeof path, "%s/stats/queue", spool);
	assert_int_equal(truncate(path, 100), 0);
	assert_false(counters_read(&c, spool, false, &what));
	assert_string_equal(what, "queue");
}

static void
derived_numbers(void **state)
{
	static struct counters c;
	stralloc text = STRALLOC_ZERO;

	(void)state;
	c.uptime = 93784;
	c.smtp.values[STATS_SMTP_READ_EOF] = 1;
	c.smtp.values[STATS_SMTP_WRITE_SYSTEM] = 2;
	c.smtp.values[STATS_SMTP_READ_TIMEOUT] = 4;
	c.smtp.values[STATS_SMTP_WRITE_TIMEOUT] = 8;
	c.queue.values[STATS_QUEUE_WORKERS] = 5;
	assert_true(counters_format(&text, &c) && stralloc_0(&text));
	assert_non_null(strstr(text.s, "\nsmtp.sessions.aborted=3\n"));
	assert_non_null(strstr(text.s, "\nsmtp.sessions.timeout=12\n"));
	assert_non_null(strstr(text.s, "\nparent.uptime=93784\n"));
	assert_non_null(strstr(text.s, "\nuptime.human=1d2h3m4s\n"));
	assert_non_null(strstr(text.s, "\nrunner.active=0\n"));	/* a number that a dead runner has left */
	c.queue.active[STATS_GAUGE_PROCESS] = 1;
	text.len = 0;
	assert_true(counters_format_prometheus(&text, &c) && stralloc_0(&text));
	assert_non_null(strstr(text.s, "# TYPE pipepost_runner_active gauge\npipepost_runner_active 5\n"));
	assert_non_null(strstr(text.s, "# TYPE pipepost_smtp_sessions_aborted_total counter\n"
	    "pipepost_smtp_sessions_aborted_total 3\n"));
	stralloc_free(&text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_lost_between_processes_and_resets),
		TEST(what_is_not_there_counts_nothing),
		TEST(a_file_of_another_size_is_not_mapped),
		cmocka_unit_test(derived_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
