/* forward: when a user's .forward is believed, and what it reports. */
#include "deliver-local/forward.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char home[64], forward[80];
	struct outcome o;
};

static int
make_home(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -1;
	snprintf(f->home, sizeof f->home, "/tmp/forward.XXXXXX");
	if (mkdtemp(f->home) == NULL)
		return -1;
	snprintf(f->forward, sizeof f->forward, "%s/.forward", f->home);
	*state = f;
	return 0;
}

static int
remove_home(void **state)
{
	struct fixture *f = *state;

	unlink(f->forward);
	rmdir(f->forward);
	rmdir(f->home);
	free(f);
	return 0;
}

static void
write_forward(const struct fixture *f, const char *content, size_t len)
{
	int fd = open(f->forward, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, content, len), (ssize_t)len);
	close(fd);
}

static bool
look(struct fixture *f)
{
	return forward_look(&f->o, f->home, geteuid(), false);
}

static void
assert_deferred(struct fixture *f, const char *words)
{
	assert_true(look(f));
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
	assert_memory_equal(f->o.reason, "4.", 2);
	if (strstr(f->o.reason, words) == NULL)
		fail_msg("%s", f->o.reason);
}

static void
without_one_the_action_delivers(void **state)
{
	struct fixture *f = *state;

	assert_false(look(f));
	write_forward(f, "", 0);
	assert_false(look(f));
	write_forward(f, "# nobody\n\n", 10);
	assert_false(look(f));
	write_forward(f, ":include:/etc/passwd\n", 21);
	assert_false(look(f));
}

static void
nodes_are_reported_one_a_line(void **state)
{
	struct fixture *f = *state;
	static const char content[] = "# mine\n\\bob, carol@example.org\n\"|vacation bob, x\"\n/var/mail/x\n";

	write_forward(f, content, sizeof content - 1);
	assert_true(look(f));
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	assert_string_equal(f->o.reason, "bob\ncarol@example.org\n|vacation bob, x\n/var/mail/x");
}

static void
a_sticky_home_is_being_edited(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(chmod(f->home, 01700), 0);
	assert_deferred(f, "sticky");
}

static void
what_others_can_write_to_is_not_believed(void **state)
{
	struct fixture *f = *state;

	write_forward(f, "x@y\n", 4);
	assert_int_equal(chmod(f->forward, 0620), 0);
	assert_deferred(f, "written to by others");
	assert_int_equal(chmod(f->forward, 0602), 0);
	assert_deferred(f, "written to by others");
	assert_int_equal(chmod(f->forward, 0644), 0);
	assert_true(look(f));
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	assert_int_equal(chmod(f->home, 0770), 0);
	assert_deferred(f, "written to by others");
}

static void
what_belongs_to_somebody_else_is_not_believed(void **state)
{
	struct fixture *f = *state;

	write_forward(f, "x@y\n", 4);
	if (geteuid() == 0)
		return;		/* root's files are believed for everybody */
	assert_true(forward_look(&f->o, f->home, geteuid() + 1, false));
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
}

static void
links_pipes_and_directories_defer(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlink("/etc/hostname", f->forward), 0);
	assert_deferred(f, ".forward");
	unlink(f->forward);
	assert_int_equal(mkfifo(f->forward, 0600), 0);
	assert_deferred(f, "not a regular file");
	unlink(f->forward);
	assert_int_equal(mkdir(f->forward, 0700), 0);
	assert_deferred(f, "not a regular file");
}

static void
limits_defer(void **state)
{
	struct fixture *f = *state;
	char content[FORWARD_SIZE_MAX];

	memset(content, '\n', sizeof content);
	content[0] = 'a';
	write_forward(f, content, sizeof content);
	assert_deferred(f, "4096");
	write_forward(f, content, sizeof content - 1);
	assert_true(look(f));
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	for (size_t i = 0; i < 101; i++)
		memcpy(content + 2 * i, "a\n", 2);
	write_forward(f, content, 200);
	assert_true(look(f));
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	for (size_t i = 0; i < 101; i++)
		snprintf(content + 5 * i, 6, "a%03zu\n", i);
	write_forward(f, content, 505);
	assert_deferred(f, "100 addresses");
}

static void
a_home_that_is_not_there_defers(void **state)
{
	struct fixture *f = *state;

	assert_true(forward_look(&f->o, "/nowhere/bob", geteuid(), false));
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
	assert_false(forward_look(&f->o, "/nowhere/bob", geteuid(), true));
	assert_false(forward_look(&f->o, "/nonexistent", geteuid(), false));
	assert_false(forward_look(&f->o, "", geteuid(), false));
	assert_false(forward_look(&f->o, "/etc/hostname", geteuid(), false));	/* the home is a mailbox */
}

static void
an_include_file_reports_its_nodes(void **state)
{
	struct fixture *f = *state;

	write_forward(f, "# list\na@b\nc\n", 13);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	assert_string_equal(f->o.reason, "a@b\nc");
	write_forward(f, "# none\n", 7);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
	forward_include(&f->o, "/nowhere");
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
	forward_include(&f->o, "relative");
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
}

/* They would run as the one account of all aliases, whose files another user's list has no business with. */
static void
an_include_file_of_others_lists_addresses_only(void **state)
{
	struct fixture *f = *state;

	write_forward(f, "a@b\n|command\n", 13);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	assert_int_equal(chmod(f->forward, 0664), 0);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
	write_forward(f, "a@b\n/tmp/file\n", 14);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
	write_forward(f, "a@b\nc|d@e\n", 10);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_EXPANDED);
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(f->forward, 0644), 0);
	assert_int_equal(chown(f->forward, 1000, 1000), 0);
	write_forward(f, "|command\n", 9);
	forward_include(&f->o, f->forward);
	assert_int_equal(f->o.verdict, VERDICT_DEFERRED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_one_the_action_delivers, make_home, remove_home),
		cmocka_unit_test_setup_teardown(nodes_are_reported_one_a_line, make_home, remove_home),
		cmocka_unit_test_setup_teardown(a_sticky_home_is_being_edited, make_home, remove_home),
		cmocka_unit_test_setup_teardown(what_others_can_write_to_is_not_believed, make_home, remove_home),
		cmocka_unit_test_setup_teardown(what_belongs_to_somebody_else_is_not_believed, make_home, remove_home),
		cmocka_unit_test_setup_teardown(links_pipes_and_directories_defer, make_home, remove_home),
		cmocka_unit_test_setup_teardown(limits_defer, make_home, remove_home),
		cmocka_unit_test_setup_teardown(a_home_that_is_not_there_defers, make_home, remove_home),
		cmocka_unit_test_setup_teardown(an_include_file_reports_its_nodes, make_home, remove_home),
		cmocka_unit_test_setup_teardown(an_include_file_of_others_lists_addresses_only, make_home, remove_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
