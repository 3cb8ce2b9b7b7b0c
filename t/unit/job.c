/* job: the frames between the runner and its delivery processes. */
#include "lib/job.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct job_recipient two[] = {
	{ .original = "bob+x@example.org", .address = "bob@example.org", .notify = "fs", .orcpt = "rfc822;b" },
	{ .original = "", .address = "root", .notify = "", .orcpt = "" },
};

static struct job
sample(void)
{
	struct job j = {
		.id = "1244651996.ZjcewNaiDZhvzdsD", .action = JOB_MDA, .param = "procmail -f -",
		.reverse_path = "", .user = "bob", .home = "/home/bob", .reads_forward = true,
		.delimiter = '+', .deadline_seconds = 300, .origin = "192.0.2.1", .helo = "client.example",
		.auth_user = "", .ret = "HDRS", .envid = "x+3D", .is_smtputf8 = true, .text_size = 5000000000, .recipients = GENALLOC_ZERO,
	};

	assert_true(genalloc_catb(struct job_recipient, &j.recipients, two, 2));
	return j;
}

static void
a_job_comes_out_as_it_went_in(void **state)
{
	struct job j = sample(), k = { .recipients = GENALLOC_ZERO };
	struct job_recipient *r;
	stralloc frame = STRALLOC_ZERO;
	enum job_frame type;
	size_t size;

	(void)state;
	assert_true(job_encode(&frame, &j));
	assert_true(job_scan_frame(&type, &size, frame.s, frame.len));
	assert_int_equal(type, JOB_FRAME_JOB);
	assert_int_equal(size, frame.len);
	for (int again = 0; again < 2; again++) {
		assert_true(job_decode(&k, frame.s + JOB_HEAD, size - JOB_HEAD));
		assert_int_equal(genalloc_len(struct job_recipient, &k.recipients), 2);
	}
	assert_string_equal(k.id, j.id);
	assert_int_equal(k.action, JOB_MDA);
	assert_string_equal(k.param, j.param);
	assert_string_equal(k.reverse_path, "");
	assert_string_equal(k.user, "bob");
	assert_string_equal(k.home, "/home/bob");
	assert_true(k.reads_forward);
	assert_false(k.lmtp_rcpt_to);
	assert_int_equal(k.delimiter, '+');
	assert_int_equal(k.deadline_seconds, 300);
	assert_string_equal(k.origin, "192.0.2.1");
	assert_string_equal(k.ret, "HDRS");
	assert_string_equal(k.envid, "x+3D");
	assert_true(k.is_smtputf8);
	assert_string_equal(k.helo, "client.example");
	assert_string_equal(k.auth_user, "");
	assert_true(k.text_size == 5000000000);
	r = genalloc_s(struct job_recipient, &k.recipients);
	assert_string_equal(r[0].original, "bob+x@example.org");
	assert_string_equal(r[0].orcpt, "rfc822;b");
	assert_string_equal(r[1].address, "root");
	genalloc_free(struct job_recipient, &j.recipients);
	genalloc_free(struct job_recipient, &k.recipients);
	stralloc_free(&frame);
}

static void
a_job_cut_anywhere_or_with_a_tail_is_refused(void **state)
{
	struct job j = sample(), k = { .recipients = GENALLOC_ZERO };
	stralloc frame = STRALLOC_ZERO;

	(void)state;
	assert_true(job_encode(&frame, &j));
	for (size_t len = 0; len < frame.len - JOB_HEAD; len++) {
		assert_false(job_decode(&k, frame.s + JOB_HEAD, len));
		assert_int_equal(errno, EPROTO);
	}
	assert_true(stralloc_0(&frame));
	assert_false(job_decode(&k, frame.s + JOB_HEAD, frame.len - JOB_HEAD));
	genalloc_free(struct job_recipient, &j.recipients);
	genalloc_free(struct job_recipient, &k.recipients);
	stralloc_free(&frame);
}

static void
a_job_without_recipient_or_with_an_unknown_action_is_refused(void **state)
{
	struct job j = sample(), k = { .recipients = GENALLOC_ZERO };
	stralloc frame = STRALLOC_ZERO;

	(void)state;
	genalloc_setlen(struct job_recipient, &j.recipients, 0);
	assert_true(job_encode(&frame, &j));
	assert_false(job_decode(&k, frame.s + JOB_HEAD, frame.len - JOB_HEAD));
	j.action = (enum job_action)'?';
	assert_true(genalloc_catb(struct job_recipient, &j.recipients, two, 1));
	frame.len = 0;
	assert_true(job_encode(&frame, &j));
	assert_false(job_decode(&k, frame.s + JOB_HEAD, frame.len - JOB_HEAD));
	assert_int_equal(errno, EPROTO);
	genalloc_free(struct job_recipient, &j.recipients);
	genalloc_free(struct job_recipient, &k.recipients);
	stralloc_free(&frame);
}

static void
a_head_tells_the_size_once_it_is_whole(void **state)
{
	enum job_frame type;
	size_t size;

	(void)state;
	for (size_t len = 0; len < JOB_HEAD; len++) {
		assert_true(job_scan_frame(&type, &size, "\0\0\0\3V", len));
		assert_int_equal(size, 0);
	}
	assert_true(job_scan_frame(&type, &size, "\0\0\0\3Vxx", 7));
	assert_int_equal(size, 7);
	assert_int_equal(type, JOB_FRAME_VERDICTS);
}

static void
a_head_that_is_none_is_refused(void **state)
{
	enum job_frame type;
	size_t size;

	(void)state;
	assert_false(job_scan_frame(&type, &size, "\0\0\0\3X", 5));
	assert_int_equal(errno, EPROTO);
	assert_false(job_scan_frame(&type, &size, "\0\0\0\0J", 5));
	assert_int_equal(errno, EPROTO);
	assert_false(job_scan_frame(&type, &size, "\0\x40\0\1J", 5));
	assert_int_equal(errno, EMSGSIZE);
	assert_true(job_scan_frame(&type, &size, "\0\x40\0\0J", 5));
}

static void
a_frame_over_the_limit_is_not_written(void **state)
{
	static char param[JOB_FRAME_MAX + 1];
	struct job j = sample();
	stralloc frame = STRALLOC_ZERO;

	(void)state;
	memset(param, 'x', sizeof param - 1);
	j.param = param;
	assert_true(stralloc_cats(&frame, "before"));
	assert_false(job_encode(&frame, &j));
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(frame.len, 6);
	genalloc_free(struct job_recipient, &j.recipients);
	stralloc_free(&frame);
}

static void
verdicts_come_out_as_they_went_in(void **state)
{
	static const struct job_verdict in[] = {
		{ VERDICT_DELIVERED, "2.0.0 Sent" },
		{ VERDICT_EXPANDED, "|cmd x\nbob@example.org" },
		{ VERDICT_FAILED, "5.4.6 Loop detected" },
		{ VERDICT_DEFERRED, "" },
	};
	genalloc out = GENALLOC_ZERO;
	struct job_verdict *v;
	stralloc frame = STRALLOC_ZERO;

	(void)state;
	assert_true(job_encode_verdicts(&frame, in, 4));
	assert_true(job_decode_verdicts(&out, frame.s + JOB_HEAD, frame.len - JOB_HEAD));
	assert_int_equal(genalloc_len(struct job_verdict, &out), 4);
	v = genalloc_s(struct job_verdict, &out);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(v[i].verdict, in[i].verdict);
		assert_string_equal(v[i].reason, in[i].reason);
	}
	genalloc_free(struct job_verdict, &out);
	stralloc_free(&frame);
}

static void
a_long_reason_is_cut_between_characters(void **state)
{
	char reason[JOB_REASON_MAX + 10];
	struct job_verdict in = { VERDICT_DEFERRED, reason };
	genalloc out = GENALLOC_ZERO;
	stralloc frame = STRALLOC_ZERO;

	(void)state;
	memset(reason, 'x', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	memcpy(reason + JOB_REASON_MAX - 1, "\xc3\xa4", 2);	/* would be cut in two */
	assert_true(job_encode_verdicts(&frame, &in, 1));
	assert_true(job_decode_verdicts(&out, frame.s + JOB_HEAD, frame.len - JOB_HEAD));
	assert_int_equal(strlen(genalloc_s(struct job_verdict, &out)->reason), JOB_REASON_MAX - 1);
	genalloc_free(struct job_verdict, &out);
	stralloc_free(&frame);
}

static void
verdicts_that_could_forge_a_line_are_refused(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} bad[] = {
		{ "Kfine\nforged", 13 }, { "Z\033[2J", 6 }, { "Dx", 2 }, { "?x", 3 }, { "", 1 }, { "K\177", 3 },
	};
	genalloc out = GENALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(job_decode_verdicts(&out, bad[i].s, bad[i].len));
		assert_int_equal(errno, EPROTO);
	}
	genalloc_free(struct job_verdict, &out);
}

static void
the_spawner_says_why_a_process_is_stuck(void **state)
{
	stralloc frame = STRALLOC_ZERO;
	enum job_frame type;
	size_t size;

	(void)state;
	assert_true(job_encode_stuck(&frame, "4.3.0 fork: no memory"));
	assert_true(job_scan_frame(&type, &size, frame.s, frame.len));
	assert_int_equal(type, JOB_FRAME_STUCK);
	assert_string_equal(job_decode_stuck(frame.s + JOB_HEAD, size - JOB_HEAD), "4.3.0 fork: no memory");
	assert_null(job_decode_stuck("a\nb", 4));
	assert_null(job_decode_stuck("a", 1));
	stralloc_free(&frame);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_comes_out_as_it_went_in),
		cmocka_unit_test(a_job_cut_anywhere_or_with_a_tail_is_refused),
		cmocka_unit_test(a_job_without_recipient_or_with_an_unknown_action_is_refused),
		cmocka_unit_test(a_head_tells_the_size_once_it_is_whole),
		cmocka_unit_test(a_head_that_is_none_is_refused),
		cmocka_unit_test(a_frame_over_the_limit_is_not_written),
		cmocka_unit_test(verdicts_come_out_as_they_went_in),
		cmocka_unit_test(a_long_reason_is_cut_between_characters),
		cmocka_unit_test(verdicts_that_could_forge_a_line_are_refused),
		cmocka_unit_test(the_spawner_says_why_a_process_is_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
