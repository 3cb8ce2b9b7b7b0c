/* What a confined process may still do, and what ends it. Each case in a process of its own. */
#include "lib/confine.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif
static char directory[] = "/tmp/confine.XXXXXX";
static char inside[64], outside[64], made[96];

/* ---- what a confined process may try; each returns whether it could ---- */

static bool
try_read(void)
{
	char c;
	int fd = open(inside, O_RDONLY);

	return fd != -1 && read(fd, &c, 1) == 1;
}

static bool try_read_outside(void) { return open(outside, O_RDONLY) != -1; }
static bool try_write(void) { return open(inside, O_WRONLY) != -1; }
static bool try_fork(void) { return fork() != -1; }
static bool try_execute(void) { return execl("/bin/true", "true", (char *)NULL) == 0; }
static bool try_local_socket(void) { return socket(AF_UNIX, SOCK_DGRAM, 0) != -1; }
static bool try_network(void) { return socket(AF_INET, SOCK_STREAM, 0) != -1; }
static bool try_memory(void) { return malloc(10000000) != NULL; }
static bool try_ptrace(void) { return syscall(SYS_ptrace, 0, 0, 0, 0) != -1; }
static bool try_setuid(void) { return setuid(getuid()) == 0; }
static bool try_unknown(void) { return syscall(100000) != -1; }

static bool
try_make(void)
{
	int fd = open(made, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd != -1 && fsync(fd) == 0 && unlink(made) == 0;
}

/* 'y' it could, 'n' it could not, 'K' it was killed for it, '?' anything else. */
static char
outcome(unsigned calls, const struct confine_place *places, size_t nplaces, bool (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!confine(calls, places, nplaces))
			_exit(2);
		_exit(attempt() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(made);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? 'K' : '?';
	return WEXITSTATUS(status) < 2 ? "yn"[WEXITSTATUS(status)] : '?';
}

/* ---- the tests ---- */

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 2;
}

static void
calls_of_no_group(void **state)
{
	(void)state;
	if (is_sanitized)
		skip();
	assert_int_equal(outcome(0, NULL, 0, try_memory), 'y');
	assert_int_equal(outcome(0, NULL, 0, try_local_socket), 'y');
	assert_int_equal(outcome(0, NULL, 0, try_network), 'K');
	assert_int_equal(outcome(0, NULL, 0, try_read), 'K');
	assert_int_equal(outcome(0, NULL, 0, try_fork), 'K');
	assert_int_equal(outcome(0, NULL, 0, try_execute), 'K');
	assert_int_equal(outcome(0, NULL, 0, try_ptrace), 'K');
	assert_int_equal(outcome(0, NULL, 0, try_setuid), 'K');
	assert_int_equal(outcome(0, NULL, 0, try_unknown), 'K');
}

static void
groups_add_theirs(void **state)
{
	(void)state;
	if (is_sanitized)
		skip();
	assert_int_equal(outcome(CONFINE_FILES, NULL, 0, try_read), 'y');
	assert_int_equal(outcome(CONFINE_FILES, NULL, 0, try_make), 'K');
	assert_int_equal(outcome(CONFINE_FILES | CONFINE_CHANGES, NULL, 0, try_make), 'y');
	assert_int_equal(outcome(CONFINE_NETWORK, NULL, 0, try_network), 'y');
	assert_int_equal(outcome(CONFINE_NETWORK, NULL, 0, try_read), 'K');
	assert_int_equal(outcome(CONFINE_FILES | CONFINE_CHANGES | CONFINE_NETWORK, NULL, 0, try_execute), 'K');
}

static void
files_outside_the_places(void **state)
{
	struct confine_place places[] = { { .path = directory, .rights = CONFINE_READ } };
	struct confine_place file[] = { { .path = inside, .rights = CONFINE_READ | CONFINE_WRITE | CONFINE_MAKE } };
	const unsigned calls = CONFINE_FILES | CONFINE_CHANGES;

	(void)state;
	if (is_sanitized || !has_landlock())
		skip();
	assert_int_equal(outcome(calls, places, 1, try_read), 'y');
	assert_int_equal(outcome(calls, places, 1, try_read_outside), 'n');
	assert_int_equal(outcome(calls, places, 1, try_write), 'n');
	assert_int_equal(outcome(calls, places, 1, try_make), 'n');
	assert_int_equal(outcome(calls, places, 0, try_read), 'n');
	assert_int_equal(outcome(calls, file, 1, try_read), 'y');
	assert_int_equal(outcome(calls, file, 1, try_write), 'y');
	assert_int_equal(outcome(calls, file, 1, try_make), 'n');
	assert_int_equal(outcome(CONFINE_EVERY_CALL, places, 1, try_read), 'y');
	assert_int_equal(outcome(CONFINE_EVERY_CALL, places, 1, try_read_outside), 'n');
	assert_int_equal(outcome(CONFINE_EVERY_CALL, places, 1, try_execute), 'n');
	places[0].rights = CONFINE_MAKE;
	assert_int_equal(outcome(calls, places, 1, try_make), 'y');
	assert_int_equal(outcome(calls, places, 1, try_read), 'n');
	places[0].path = "/nowhere/at/all";
	assert_int_equal(outcome(calls, places, 1, try_read), 'n');
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(inside, sizeof inside, "%s/inside", directory);
	snprintf(outside, sizeof outside, "%s.outside", directory);
	snprintf(made, sizeof made, "%s/made", directory);
	for (int i = 0; i < 2; i++) {
		int fd = open(i ? inside : outside, O_WRONLY | O_CREAT, 0600);

		if (fd == -1 || write(fd, "x", 1) != 1 || close(fd) == -1)
			return -1;
	}
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(inside);
	unlink(outside);
	return rmdir(directory);
}

static void
nothing_is_confined_under_a_sanitizer(void **state)
{
	(void)state;
	if (!is_sanitized)
		skip();
	assert_int_equal(outcome(0, NULL, 0, try_read), 'y');
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_confined_under_a_sanitizer),
		cmocka_unit_test(calls_of_no_group),
		cmocka_unit_test(groups_add_theirs),
		cmocka_unit_test(files_outside_the_places),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
