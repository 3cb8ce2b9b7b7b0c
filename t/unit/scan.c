/* Finding messages: nothing that was there is forgotten, whatever could not be
 * read or moved for a while. What becomes of a message that was found is played here. */
#include "queue-run/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char spool[64];
static struct conf conf;
static bool can_take;
static unsigned ntaken;

bool
message_take(struct runner *r, int directory, const char *name)
{
	if (!can_take)
		return false;
	assert_int_equal(unlinkat(directory, name, 0), 0);
	ntaken++;
	r->nmessages++;
	return true;
}

bool
message_shelve(struct runner *r, const char *name, int64_t due)
{
	(void)r, (void)name, (void)due;
	errno = EIO;
	return false;
}

void
message_put_away(struct runner *r, enum queue_read found, const char *name)
{
	(void)r, (void)found, (void)name;
}

bool
lane_is_full(const struct lane *l)
{
	(void)l;
	return false;
}

bool
lane_wants_parked(const struct runner *r, const char *key)
{
	(void)r, (void)key;
	return true;
}

bool
pause_is_key(const char *key)
{
	return *key == 'p';
}

bool
pause_is_over(const struct runner *r, const char *key)
{
	(void)r, (void)key;
	return false;
}

bool
lane_is_moving(const struct lane *l)
{
	(void)l;
	return false;
}

bool
lane_wants_more(const struct lane *l)
{
	(void)l;
	return true;
}

struct lane *
lane_by_key(const struct runner *r, const char *key)
{
	(void)r, (void)key;
	return NULL;
}

bool
spawner_has_orphans(const struct runner *r)
{
	(void)r;
	return false;
}

static int
make_spool(void **state)
{
	static struct runner r;
	const char *what;

	r = (struct runner){ .spool = spool, .conf = &conf, .must_rescan = true, .wait_has_more = true,
		.must_look_at_wait = true };
	snprintf(spool, sizeof spool, "/tmp/pipepost-scan.XXXXXX");
	if (mkdtemp(spool) == NULL || !queue_make(spool, (uid_t)-1, (gid_t)-1, &what) ||
	    !queue_open(&r.queue, spool, (1U << QUEUE_PLACES) - 1, NULL))
		return -1;
	can_take = true;
	ntaken = 0;
	*state = &r;
	return 0;
}

static int
remove_spool(void **state)
{
	struct runner *r = *state;
	char command[128];

	queue_close(&r->queue);
	snprintf(command, sizeof command, "rm -rf %s", spool);
	return system(command);
}

/* A file with that name in directory, which is made. */
static void
put(const char *directory, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", spool, directory);
	if (mkdir(path, 0700) == -1)
		assert_int_equal(errno, EEXIST);
	snprintf(path, sizeof path, "%s/%s/%s", spool, directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
}

#define ONE "1700000000.AAAAAAAAAAAAAAAA,S=0"
#define TWO "1700000000.BBBBBBBBBBBBBBBB,S=0"

static void
takes_what_is_new_due_or_parked(void **state)
{
	struct runner *r = *state;

	put("new", ONE);
	put("new", "no-message");
	put("later/1", TWO);
	put("wait/key", ONE);
	scan_take_due(r);
	assert_int_equal(ntaken, 3);
	assert_false(r->has_trouble);
	assert_false(scan_has_more(r));
	assert_false(scan_can_go_on(r));
}

/* Neither at once, which would be a loop at full speed, nor never. */
static void
tries_again_when_directories_could_not_be_read(void **state)
{
	struct runner *r = *state;
	int top = r->queue.top;

	put("new", ONE);
	put("later/1", TWO);
	put("wait/key", ONE);
	r->queue.top = -1;
	scan_take_due(r);
	assert_true(r->has_trouble);
	assert_true(tain_less(&STAMP, &r->next_trouble));
	assert_false(scan_can_go_on(r));
	assert_false(scan_has_more(r));		/* a single pass leaves it to the next one */
	r->queue.top = top;
	scan_look_everywhere(r);
	scan_take_due(r);
	assert_int_equal(ntaken, 3);
	assert_false(r->has_trouble);
}

static void
tries_again_when_messages_could_not_be_moved(void **state)
{
	struct runner *r = *state;

	put("new", ONE);
	put("later/1", TWO);
	put("wait/key", ONE);
	can_take = false;
	scan_take_due(r);
	assert_true(r->has_trouble);
	assert_false(scan_can_go_on(r));
	can_take = true;
	scan_look_everywhere(r);
	scan_take_due(r);
	assert_int_equal(ntaken, 3);
}

/* No lane drains when the window was full of messages without deliveries. */
static void
goes_on_with_parked_messages_when_the_window_was_full(void **state)
{
	struct runner *r = *state;

	put("wait/key", ONE);
	put("wait/key", TWO);
	r->nmessages = WINDOW_MESSAGES - 1;
	scan_take_due(r);
	assert_int_equal(ntaken, 1);
	assert_false(scan_can_go_on(r));
	r->nmessages = 0;
	assert_true(scan_can_go_on(r));
	scan_take_due(r);
	assert_int_equal(ntaken, 2);
	assert_false(scan_has_more(r));
}

/* Somebody who keeps a second link to his mail, in a backup, takes nothing away. */
static void
takes_a_file_with_a_name_elsewhere(void **state)
{
	struct runner *r = *state;

	put("new", ONE);
	assert_int_equal(linkat(r->queue.place[QUEUE_NEW], ONE, r->queue.top, "backup", 0), 0);
	scan_take_due(r);
	assert_int_equal(ntaken, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_what_is_new_due_or_parked, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(tries_again_when_directories_could_not_be_read, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(tries_again_when_messages_could_not_be_moved, make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(goes_on_with_parked_messages_when_the_window_was_full, make_spool,
		    remove_spool),
		cmocka_unit_test_setup_teardown(takes_a_file_with_a_name_elsewhere, make_spool, remove_spool),
	};

	tain_now_set_stopwatch_g();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
