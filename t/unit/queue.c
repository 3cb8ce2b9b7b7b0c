/* One message as one file: what is written is read back, and damage is told
 * from trouble. */
#include "lib/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT "Subject: hello\n\nbody\n"

struct fixture {
	char spool[64];
	struct queue q;
	char name[QUEUE_NAME_MAX + 1];
};

static void
commit_message(struct fixture *x)
{
	struct queue_draft d;
	struct facts facts = facts_unknown;
	stralloc e = STRALLOC_ZERO;

	facts.origin = ORIGIN_SMTP;
	facts.uid = 7;
	assert_true(envelope_begin(&e, "s@x") && envelope_add_recipient(&e, "a@x", "", "") &&
	    envelope_add_recipient(&e, "b@x", "never", "") && envelope_end(&e));
	assert_true(queue_draft_create(&d, &x->q));
	assert_true(queue_draft_write(&d, TEXT, sizeof TEXT - 1));
	snprintf(x->name, sizeof x->name, "%s,S=%zu", d.id, sizeof TEXT - 1);
	assert_true(queue_draft_commit(&d, &e, 2, &facts));
	stralloc_free(&e);
}

static int
make_queue(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	const char *what;

	snprintf(x->spool, sizeof x->spool, "/tmp/pipepost-unit.XXXXXX");
	assert_non_null(mkdtemp(x->spool));
	assert_true(queue_make(x->spool, (uid_t)-1, (gid_t)-1, &what));
	assert_true(queue_open(&x->q, x->spool, (1U << QUEUE_PLACES) - 1, NULL));
	commit_message(x);
	*state = x;
	return 0;
}

static int
drop_queue(void **state)
{
	struct fixture *x = *state;
	char command[128];

	queue_close(&x->q);
	snprintf(command, sizeof command, "rm -rf %s", x->spool);
	free(x);
	return system(command);
}

static struct queue_recipient *
recipient(struct queue_file *f, size_t i)
{
	return genalloc_s(struct queue_recipient, &f->recipients) + i;
}

static enum queue_read
reopen(struct fixture *x, struct queue_file *f)
{
	return queue_file_open(f, x->q.place[QUEUE_NEW], x->name, O_RDWR);
}

static void
reads_back_what_was_committed(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_string_equal(f.envelope.reverse_path, "s@x");
	assert_int_equal(genalloc_len(struct queue_recipient, &f.recipients), 2);
	assert_string_equal(recipient(&f, 1)->text, "b@x");
	assert_string_equal(recipient(&f, 1)->notify, "never");
	assert_int_equal(recipient(&f, 0)->status, RECIPIENT_PENDING);
	assert_int_equal(f.facts.origin, ORIGIN_SMTP);
	assert_true(f.facts.uid == 7);
	assert_int_equal(queue_file_verify_text(&f), QUEUE_READ_OK);
	assert_false(queue_file_is_finished(&f));
	queue_file_close(&f);
}

static void
leaves_no_name_in_tmp(void **state)
{
	struct fixture *x = *state;
	struct stat st;

	assert_int_equal(fstatat(x->q.place[QUEUE_NEW], x->name, &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
keeps_outcomes_across_reopening(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_true(queue_file_set_status(&f, 0, RECIPIENT_DELIVERED));
	assert_true(queue_file_defer(&f, 1, 1000, true, "4.1.1 gone"));
	assert_true(queue_file_defer(&f, 1, 2000, true, "4.1.1 still gone"));
	assert_true(queue_file_note_recovered(&f, 3000));
	queue_file_close(&f);
	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_int_equal(recipient(&f, 0)->status, RECIPIENT_DELIVERED);
	assert_int_equal(recipient(&f, 1)->attempts, 2);
	assert_int_equal(recipient(&f, 1)->first_absent, 1000);
	assert_string_equal(recipient(&f, 1)->reason, "4.1.1 still gone");
	assert_int_equal(f.attempts, 2);
	assert_int_equal(f.recovered, 1);
	assert_true(queue_file_fail(&f, 1, "5.1.1 gone"));
	assert_true(queue_file_set_status(&f, 1, RECIPIENT_REPORTED));
	assert_true(queue_file_is_finished(&f));
	queue_file_close(&f);
}

static void
expands_once_and_keeps_equal_nodes_once(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;
	struct queue_child children[] = {
		{ .text = "c@x", .kind = RECIPIENT_NAME },
		{ .text = "b@x", .kind = RECIPIENT_ADDRESS },
		{ .text = "|run", .kind = RECIPIENT_OF_USER, .uid = 9 },
		{ .text = "c@x", .kind = RECIPIENT_NAME },
	};
	bool is_loop;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_true(queue_file_expand(&f, 0, children, 4, &is_loop));
	assert_false(is_loop);
	assert_int_equal(genalloc_len(struct queue_recipient, &f.recipients), 4);
	assert_true(queue_file_set_status(&f, 2, RECIPIENT_DELIVERED));
	queue_file_close(&f);
	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_int_equal(genalloc_len(struct queue_recipient, &f.recipients), 4);
	assert_int_equal(recipient(&f, 0)->status, RECIPIENT_EXPANDED);
	assert_int_equal(recipient(&f, 2)->status, RECIPIENT_DELIVERED);
	assert_int_equal(recipient(&f, 2)->parent, 0);
	assert_string_equal(recipient(&f, 3)->text, "|run");
	assert_true(recipient(&f, 3)->uid == 9);
	assert_int_equal(genalloc_len(struct queue_link, &f.links), 4);
	queue_file_close(&f);
}

static void
finds_an_expansion_that_leads_nowhere(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;
	struct queue_child to_b[] = { { .text = "b@y", .kind = RECIPIENT_ADDRESS } };
	struct queue_child to_a[] = { { .text = "a@x", .kind = RECIPIENT_ADDRESS } };
	bool is_loop;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_true(queue_file_expand(&f, 0, to_b, 1, &is_loop));
	assert_false(is_loop);
	assert_true(queue_file_expand(&f, 2, to_a, 1, &is_loop));
	assert_true(is_loop);
	assert_int_equal(recipient(&f, 2)->status, RECIPIENT_PENDING);
	assert_true(queue_file_expand(&f, 2, NULL, 0, &is_loop));
	assert_true(is_loop);
	queue_file_close(&f);
	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_int_equal(recipient(&f, 2)->status, RECIPIENT_PENDING);
	queue_file_close(&f);
}

/* Cuts the file by every possible number of octets behind its first record. */
static void
ends_the_journal_at_a_torn_record(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;
	off_t first, second;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_true(queue_file_defer(&f, 0, 1000, false, "4.0.0 one"));
	first = f.journal_end;
	assert_true(queue_file_defer(&f, 0, 2000, false, "4.0.0 two"));
	second = f.journal_end;
	for (off_t end = second - 1; end > first; end--) {
		assert_int_equal(ftruncate(f.fd, end), 0);
		queue_file_close(&f);
		assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
		assert_int_equal(recipient(&f, 0)->attempts, 1);
		assert_int_equal(f.journal_end, first);
		assert_true(f.has_torn_tail);
	}
	assert_true(queue_file_defer(&f, 0, 3000, false, "4.0.0 three"));
	queue_file_close(&f);
	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_int_equal(recipient(&f, 0)->attempts, 2);
	assert_string_equal(recipient(&f, 0)->reason, "4.0.0 three");
	assert_false(f.has_torn_tail);
	queue_file_close(&f);
}

/* Flips every octet from the envelope to the trailer. */
static void
finds_damage_anywhere_in_the_envelope(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;
	int fd = openat(x->q.place[QUEUE_NEW], x->name, O_RDWR);
	off_t end;
	char c;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	end = f.journal_end;
	queue_file_close(&f);
	for (off_t at = sizeof TEXT - 1; at < end; at++) {
		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= 1;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		switch (reopen(x, &f)) {
		case QUEUE_READ_CORRUPT:
		case QUEUE_READ_NEWER:
			break;
		default:
			fail_msg("octet %ld flipped unnoticed", (long)at);
		}
		c ^= 1;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	queue_file_close(&f);
	c = 'X';
	assert_int_equal(pwrite(fd, &c, 1, 0), 1);
	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_int_equal(queue_file_verify_text(&f), QUEUE_READ_CORRUPT);
	queue_file_close(&f);
	close(fd);
}

static void
never_takes_an_expansion_without_its_record_for_done(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	assert_true(queue_file_set_status(&f, 0, RECIPIENT_EXPANDED));
	queue_file_close(&f);
	assert_int_equal(reopen(x, &f), QUEUE_READ_CORRUPT);
}

static void
leaves_another_version_alone(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;
	int fd = openat(x->q.place[QUEUE_NEW], x->name, O_RDWR);
	off_t version;

	assert_int_equal(reopen(x, &f), QUEUE_READ_OK);
	version = f.journal_end - 2 - 20;
	queue_file_close(&f);
	assert_int_equal(pwrite(fd, "2", 1, version), 1);
	close(fd);
	assert_int_equal(reopen(x, &f), QUEUE_READ_NEWER);
}

static void
calls_a_read_error_no_corruption(void **state)
{
	struct fixture *x = *state;
	struct queue_file f;

	assert_int_equal(queue_file_open(&f, x->q.place[QUEUE_CUR], x->name, O_RDWR), QUEUE_READ_ERROR_LATER);
	assert_int_equal(errno, ENOENT);
}

static void
knows_its_names(void **state)
{
	static const struct {
		const char *name;
		bool is_good;
	} cases[] = {
		{ "1244651996.ZjcewNaiDZhvzdsD,S=471", true },
		{ "1244651996.ZjcewNaiDZhvzdsD,S=0", true },
		{ "1244651996.ZjcewNaiDZhvzdsD", false },
		{ "1244651996.ZjcewNaiDZhvzds,S=471", false },
		{ "1244651996.ZjcewNaiDZhvzdsDD,S=471", false },
		{ "1244651996.ZjcewNaiDZhvzd-D,S=471", false },
		{ ".ZjcewNaiDZhvzdsD,S=471", false },
		{ "1244651996.ZjcewNaiDZhvzdsD,S=", false },
		{ "1244651996.ZjcewNaiDZhvzdsD,S=4x", false },
		{ "1244651996.ZjcewNaiDZhvzdsD,S=99999999999999999999", false },
		{ "99999999999999999999.ZjcewNaiDZhvzdsD,S=1", false },
		{ "..", false }, { "", false }, { "README", false },
	};
	uint64_t size;
	size_t id_len;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (queue_name_parse(cases[i].name, &size, &id_len) != cases[i].is_good)
			fail_msg("%s", cases[i].name);
}

#define WITH_QUEUE(test) cmocka_unit_test_setup_teardown(test, make_queue, drop_queue)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_its_names),
		WITH_QUEUE(reads_back_what_was_committed),
		WITH_QUEUE(leaves_no_name_in_tmp),
		WITH_QUEUE(keeps_outcomes_across_reopening),
		WITH_QUEUE(expands_once_and_keeps_equal_nodes_once),
		WITH_QUEUE(finds_an_expansion_that_leads_nowhere),
		WITH_QUEUE(ends_the_journal_at_a_torn_record),
		WITH_QUEUE(finds_damage_anywhere_in_the_envelope),
		WITH_QUEUE(never_takes_an_expansion_without_its_record_for_done),
		WITH_QUEUE(leaves_another_version_alone),
		WITH_QUEUE(calls_a_read_error_no_corruption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
