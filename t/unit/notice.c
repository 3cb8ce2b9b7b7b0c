/* Requests for notices, and what the notices make of other people's text. */
#include "lib/notice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue-run/bounce_report.h"
#include "queue-run/bounce_text.h"

static void
add_recipient(struct notice *n, const struct notice_recipient *r)
{
	assert_true(genalloc_append(struct notice_recipient, &n->recipients, r));
}

static struct notice
example(void)
{
	struct notice n = NOTICE_ZERO;
	struct notice_recipient r = notice_recipient_unknown;

	n.id = "1.abc";
	n.host = "mail.example.org";
	n.reverse_path = "alice@example.org";
	n.arrived = 1795485600;
	r.address = "bob@example.com";
	r.reason = "550 5.1.1 no such user";
	r.remote = "mx.example.com";
	add_recipient(&n, &r);
	return n;
}

static void
a_request_survives_its_way_over_the_pipe(void **state)
{
	struct notice n = example(), m = NOTICE_ZERO;
	struct notice_recipient r = {
		.address = "", .original = "o@example.com", .orcpt = "rfc822;o+2B@example.com", .notify = "sfd",
		.status = "4.4.1", .reason = "words, and more", .remote = "", .action = NOTICE_DELAYED,
		.last_attempt = 17, .retry_until = 1795485601,
	};
	const struct notice_recipient *got;
	stralloc s = STRALLOC_ZERO;
	size_t used, fields;

	(void)state;
	n.kind = NOTICE_DELAY;
	n.envid = "e+20";
	n.ret = "FULL";
	n.is_smtputf8 = true;
	n.text_size = 123456789012;
	add_recipient(&n, &r);
	assert_true(notice_encode(&s, &n));
	fields = s.len;
	assert_true(stralloc_cats(&s, "Subject: the text\n"));
	assert_true(notice_decode(&m, &used, s.s, s.len));
	assert_int_equal(used, fields);
	assert_int_equal(m.kind, NOTICE_DELAY);
	assert_string_equal(m.id, n.id);
	assert_string_equal(m.host, n.host);
	assert_string_equal(m.reverse_path, n.reverse_path);
	assert_string_equal(m.envid, n.envid);
	assert_string_equal(m.ret, n.ret);
	assert_true(m.is_smtputf8);
	assert_int_equal(m.arrived, n.arrived);
	assert_int_equal(m.text_size, n.text_size);
	assert_int_equal(genalloc_len(struct notice_recipient, &m.recipients), 2);
	got = genalloc_s(struct notice_recipient, &m.recipients) + 1;
	assert_string_equal(got->address, "");
	assert_string_equal(got->original, r.original);
	assert_string_equal(got->orcpt, r.orcpt);
	assert_string_equal(got->notify, r.notify);
	assert_string_equal(got->status, r.status);
	assert_string_equal(got->reason, r.reason);
	assert_int_equal(got->action, r.action);
	assert_int_equal(got->last_attempt, r.last_attempt);
	assert_int_equal(got->retry_until, r.retry_until);
	notice_free(&n);
	notice_free(&m);
	stralloc_free(&s);
}

static void
bad_requests_are_told_apart_from_cut_off_ones(void **state)
{
#define REQUEST(s) s, sizeof s - 1
	static const struct {
		const char *s;
		size_t len;
		int error;
	} cases[] = {
		{ REQUEST(""), ENODATA }, { REQUEST("kF"), ENODATA }, { REQUEST("kF\0Ta\0"), ENODATA },
		{ REQUEST("\0"), EPROTO }, { REQUEST("kF\0\0"), EPROTO }, { REQUEST("kX\0Ta\0\0"), EPROTO },
		{ REQUEST("k\0Ta\0\0"), EPROTO }, { REQUEST("?x\0Ta\0\0"), EPROTO },
		{ REQUEST("a-1\0Ta\0\0"), EPROTO }, { REQUEST("z1x\0Ta\0\0"), EPROTO },
		{ REQUEST("Ta\0Aq\0\0"), EPROTO }, { REQUEST("Ta\0kF\0\0"), EPROTO },
		{ REQUEST("Ta\0L99999999999999999999\0\0"), EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct notice n = NOTICE_ZERO;
		size_t used;

		errno = 0;
		assert_false(notice_decode(&n, &used, cases[i].s, cases[i].len));
		assert_int_equal(errno, cases[i].error);
		notice_free(&n);
	}
}

static void
the_sender_decides_what_is_told(void **state)
{
	(void)state;
	assert_true(notice_is_wanted(NOTICE_FAILURE, ""));
	assert_true(notice_is_wanted(NOTICE_DELAY, ""));
	assert_false(notice_is_wanted(NOTICE_SUCCESS, ""));
	assert_true(notice_is_wanted(NOTICE_SUCCESS, "sf"));
	assert_false(notice_is_wanted(NOTICE_DELAY, "sf"));
	assert_true(notice_is_wanted(NOTICE_DELAY, "d"));
	assert_false(notice_is_wanted(NOTICE_FAILURE, "d"));
	assert_false(notice_is_wanted(NOTICE_FAILURE, "never"));
	assert_false(notice_is_wanted(NOTICE_DELAY, "never"));
	assert_false(notice_is_wanted(NOTICE_SUCCESS, "never"));
	assert_true(notice_is_wanted(NOTICE_DOUBLE, "never"));
}

static void
a_status_code_is_given_or_found_or_follows_from_the_action(void **state)
{
	static const struct {
		const char *status, *reason;
		enum notice_action action;
		const char *expected;
	} cases[] = {
		{ "5.1.1", "4.2.2 other", NOTICE_FAILED, "5.1.1" },
		{ "", "5.2.2 full", NOTICE_FAILED, "5.2.2" },
		{ "", "550 5.7.1 no", NOTICE_FAILED, "5.7.1" },
		{ "", "550-5.7.1 no", NOTICE_FAILED, "5.7.1" },
		{ "", "550 no", NOTICE_FAILED, "5.0.0" },
		{ "x", "no", NOTICE_DELAYED, "4.0.0" },
		{ "5.1.1\nAction: relayed", "", NOTICE_FAILED, "5.1.1" },
		{ "5.1234.1", "", NOTICE_FAILED, "5.0.0" },
		{ "3.1.1", "", NOTICE_FAILED, "5.0.0" },
		{ "", "", NOTICE_DELIVERED, "2.0.0" },
		{ "", "5", NOTICE_FAILED, "5.0.0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct notice_recipient r = notice_recipient_unknown;
		char status[BOUNCE_STATUS_MAX];

		r.status = cases[i].status;
		r.reason = cases[i].reason;
		r.action = cases[i].action;
		assert_string_equal(bounce_find_status(status, &r), cases[i].expected);
	}
}

static void
text_is_wrapped_and_made_harmless(void **state)
{
	static const struct {
		const char *indent, *text, *expected;
		bool keeps_8bit;
	} cases[] = {
		{ "  ", "one\r\n\t two", "  one two\n", true },
		{ "", "", "\n", true },
		{ "\t", "a\033b\001", "\ta\\033b\\001\n", true },
		{ "", "caf\303\251", "caf\303\251\n", true },
		{ "", "caf\303\251", "caf??\n", false },
		{ "", "bad\303", "bad\\303\n", true },
		{ "  ", "a 0123456789012345678901234567890123456789012345678901234567890123456789 b",
		    "  a\n  0123456789012345678901234567890123456789012345678901234567890123456789\n  b\n", true },
	};
	stralloc s = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		s.len = 0;
		assert_true(bounce_append_wrapped(&s, cases[i].indent, cases[i].text, cases[i].keeps_8bit));
		assert_true(stralloc_0(&s));
		assert_string_equal(s.s, cases[i].expected);
	}
	stralloc_free(&s);
}

static void
xtext_is_decoded_and_utf8_encoded(void **state)
{
	stralloc s = STRALLOC_ZERO;

	(void)state;
	assert_true(bounce_append_xtext_decoded(&s, "rfc822;a+2Bb+3Dc+0A+zz+") && stralloc_0(&s));
	assert_string_equal(s.s, "rfc822;a+b=c+0A+zz+");
	s.len = 0;
	assert_true(bounce_append_utf8_xtext(&s, "b\303\274cher+x@\360\237\230\200.example") && stralloc_0(&s));
	assert_string_equal(s.s, "b\\x{FC}cher\\x{2B}x@\\x{1F600}.example");
	stralloc_free(&s);
}

static void
no_value_begins_a_line_of_its_own(void **state)
{
	const char *bad = "x>\nBcc: evil@example.com\n\n--=_u\nInjected: 1\r\n";
	struct notice n = example();
	struct notice_recipient r = notice_recipient_unknown;
	stralloc s = STRALLOC_ZERO;

	(void)state;
	n.reverse_path = n.id = n.envid = bad;
	r.address = r.original = r.orcpt = r.status = r.reason = r.remote = bad;
	add_recipient(&n, &r);
	assert_true(bounce_report_append(&s, &n, "Message-ID: <a>\n", 16, "u", 0) && stralloc_0(&s));
	assert_null(strstr(s.s, "\nBcc"));
	assert_null(strstr(s.s, "\nInjected"));
	stralloc_free(&s);
	notice_free(&n);
}

static void
a_stranger_is_told_no_directories(void **state)
{
	static const struct {
		const char *reason, *expected;
	} cases[] = {
		{ "5.7.1 /etc/mail/smtpd.conf:12: reject for any", "5.7.1 smtpd.conf:12: reject for any" },
		{ "user x not in <users> (/etc/mail/smtpd.conf:9)", "user x not in <users> (smtpd.conf:9)" },
		{ "/a/b:1 and /c/d:22", "b:1 and d:22" },
		{ "4.2.1 /home/x/Maildir: Permission denied", "4.2.1 /home/x/Maildir: Permission denied" },
		{ "http://host/a:1: no", "http://host/a:1: no" },
		{ "/a/b:1x", "/a/b:1x" },
		{ "/a/b:", "/a/b:" },
		{ "/", "/" },
		{ "", "" },
	};
	char reason[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(reason, sizeof reason, "%s", cases[i].reason);
		bounce_hide_directories(reason);
		assert_string_equal(reason, cases[i].expected);
	}
}

static void
a_servers_reply_is_taken_apart_and_nothing_else(void **state)
{
	static const struct {
		const char *reason, *status, *remote, *rest;
	} cases[] = {
		{ "5.1.1 mx.example.net[192.0.2.1]: 550 5.1.1 no", "5.1.1", "mx.example.net", "550 5.1.1 no" },
		{ "4.2.2 ::1[::1]: 452-full", "4.2.2", "::1", "452-full" },
		{ "5.0.0 mx[192.0.2.1]: 550", "5.0.0", "mx", "550" },
		{ "5.0.0 mx[192.0.2.1]: 5500", "", "", NULL },
		{ "5.0.0 mx[192.0.2.1]: 350 x", "", "", NULL },
		{ "5.0.0 mx[192.0.2.1]: 55", "", "", NULL },
		{ "5.0.0 mx[192.0.2.1]:550 x", "", "", NULL },
		{ "5.0.0 mx[host]: 550 x", "", "", NULL },
		{ "5.0.0 mx[]: 550 x", "", "", NULL },
		{ "5.0.0 [192.0.2.1]: 550 x", "", "", NULL },
		{ "5.0.0 m x[192.0.2.1]: 550 x", "", "", NULL },
		{ "mx[192.0.2.1]: 550 x", "", "", NULL },
		{ "5.0.0", "", "", NULL },
		{ "5.0.0 ", "", "", NULL },
		{ "", "", "", NULL },
	};
	char reason[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct notice_recipient r = notice_recipient_unknown;

		snprintf(reason, sizeof reason, "%s", cases[i].reason);
		r.reason = reason;
		bounce_split_reply(&r);
		assert_string_equal(r.status, cases[i].status);
		assert_string_equal(r.remote, cases[i].remote);
		assert_string_equal(r.reason, cases[i].rest != NULL ? cases[i].rest : cases[i].reason);
	}
	snprintf(reason, sizeof reason, "%s", cases[0].reason);
	bounce_split_reply(&(struct notice_recipient){ .reason = reason, .remote = "other", .status = "" });
	assert_string_equal(reason, cases[0].reason);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_survives_its_way_over_the_pipe),
		cmocka_unit_test(bad_requests_are_told_apart_from_cut_off_ones),
		cmocka_unit_test(the_sender_decides_what_is_told),
		cmocka_unit_test(a_status_code_is_given_or_found_or_follows_from_the_action),
		cmocka_unit_test(text_is_wrapped_and_made_harmless),
		cmocka_unit_test(xtext_is_decoded_and_utf8_encoded),
		cmocka_unit_test(no_value_begins_a_line_of_its_own),
		cmocka_unit_test(a_stranger_is_told_no_directories),
		cmocka_unit_test(a_servers_reply_is_taken_apart_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
