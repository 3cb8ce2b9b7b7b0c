/* The spawner, with a delivery process that is a script. Its waiting is wrapped:
 * whatever has a time limit is over at once. */
#include "queue-run/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/account.h"

static char directory[64];
static struct conf conf = { .min_uid = 100 };

int __real_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms);
int
__wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	return ms > 0 ? 0 : __real_poll(p, n, ms);
}

static void
write_file(const char *name, const char *content, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(content, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Starts a spawner whose delivery process tells its pid and then does that. */
static void
start(struct runner *r, const char *what)
{
	char script[256], path[128];

	snprintf(directory, sizeof directory, "/tmp/pipepost-spawner.XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chmod(directory, 0755), 0);
	snprintf(script, sizeof script, "#!/bin/sh\necho $$ >&0\n%s\n", what);
	write_file("deliver-local", script, 0755);
	write_file("lock", "", 0600);
	assert_int_equal(setenv("PIPEPOST_BIN", directory, 1), 0);
	snprintf(path, sizeof path, "%s/lock", directory);
	*r = (struct runner){ .spool = directory, .conf = &conf, .lock_fd = open(path, O_RDWR | O_CLOEXEC) };
	assert_int_not_equal(r->lock_fd, -1);
	assert_true(spawner_start(r));
}

static void
end(struct runner *r)
{
	char command[128];

	if (r->spawner_fd != -1)
		close(r->spawner_fd);
	waitpid(r->spawner_pid, NULL, 0);
	close(r->lock_fd);
	snprintf(command, sizeof command, "rm -rf %s", directory);
	assert_int_equal(system(command), 0);
}

static const struct identity *
somebody(void)
{
	static struct identity who = { .kind = IDENTITY_ROW };

	who.uid = geteuid() != 0 ? geteuid() : 1000;
	who.gid = geteuid() != 0 ? getegid() : 1000;
	return &who;
}

/* Asks for a process; its pid. */
static pid_t
ask(struct runner *r, int *fd)
{
	char text[32];
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(spawner_request(r, 1, somebody(), pair[1]));
	close(pair[1]);
	n = read(pair[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	*fd = pair[0];
	return (pid_t)atol(text);
}

static void
a_request_without_socket_harms_no_other(void **state)
{
	struct runner r;
	int fd;

	(void)state;
	start(&r, "exec cat >/dev/null");
	assert_false(spawner_request(&r, 7, somebody(), 9999));
	assert_true(spawner_request(&r, 7, somebody(), -1));
	assert_true(ask(&r, &fd) > 0);
	close(fd);
	end(&r);
}

static void
kills_what_the_runner_wants_killed(void **state)
{
	struct runner r;
	char octet;
	int fd;

	(void)state;
	start(&r, "exec sleep 1000");
	ask(&r, &fd);
	spawner_kill(&r, 2);
	spawner_kill(&r, 1);
	assert_int_equal(read(fd, &octet, 1), 0);
	close(fd);
	end(&r);
}

/* Or messages that were in the hands of a killed runner would wait for ever, as
 * a user can stop his own process. */
static void
an_orphan_has_no_more_time_than_others(void **state)
{
	struct runner r;
	char octet;
	pid_t pid;
	int fd;

	(void)state;
	start(&r, "exec sleep 1000");
	pid = ask(&r, &fd);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	close(r.spawner_fd);
	r.spawner_fd = -1;
	assert_int_equal(read(fd, &octet, 1), 0);
	close(fd);
	end(&r);
	assert_int_equal(kill(pid, 0), -1);
}

static void
nobody_is_one_of_us_by_group_either(void **state)
{
	const struct private_accounts ours = { .n = 2, .uid = { 100, 101 }, .gid = { 200, 201 } };

	(void)state;
	assert_false(account_is_private(&ours, 1000, 1000));
	assert_true(account_is_private(&ours, 101, 1000));
	assert_true(account_is_private(&ours, 1000, 201));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_socket_harms_no_other),
		cmocka_unit_test(kills_what_the_runner_wants_killed),
		cmocka_unit_test(an_orphan_has_no_more_time_than_others),
		cmocka_unit_test(nobody_is_one_of_us_by_group_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
