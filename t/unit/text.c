/* text: what stands in front of a delivered message, and where it ends. */
#include "deliver-local/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>


static struct stream in;

static void
soon(tain *deadline)
{
	stream_deadline(deadline, 5, NULL);
}

/* A stream that holds this and then ends. */
static void
open_stream(const char *s, size_t len)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(write(fd[1], s, len), (ssize_t)len);
	close(fd[1]);
	stream_begin(&in, fd[0]);
}

/* Reads everything as one text. */
static enum text_step
read_all(struct text *t, stralloc *to)
{
	const char *s;
	size_t len;
	enum text_step step;

	while ((step = text_next(t, &s, &len)) == TEXT_PIECE)
		assert_true(stralloc_catb(to, s, len));
	assert_true(stralloc_0(to));
	return step;
}

static void
check(const char *message, const char *delivered)
{
	struct text t = TEXT_ZERO;
	stralloc out = STRALLOC_ZERO;
	tain deadline;

	soon(&deadline);
	open_stream(message, strlen(message));
	text_begin(&t, &in, strlen(message), &deadline);
	assert_true(text_read_header(&t));
	assert_true(text_address(&t, "a@b", "bob@example.org"));
	assert_int_equal(read_all(&t, &out), TEXT_END);
	assert_string_equal(out.s, delivered);
	close(in.fd);
	text_free(&t);
	stralloc_free(&out);
}
#define FRONT "Return-Path: <a@b>\nDelivered-To: bob@example.org\n"

static void
every_message_gets_two_fields_in_front(void **state)
{
	(void)state;
	check("Subject: x\n\nbody\n", FRONT "Subject: x\n\nbody\n");
	check("", FRONT);
	check("\n", FRONT "\n");
	check("no header, no end", FRONT "no header, no end");
}

static void
an_older_return_path_is_dropped_from_the_header_only(void **state)
{
	(void)state;
	check("Return-Path: <old@x>\nA: 1\n\nReturn-Path: <body@x>\n", FRONT "A: 1\n\nReturn-Path: <body@x>\n");
	check("A: 1\nreturn-path:\n <old@x>\nB: 2\n\nx", FRONT "A: 1\nB: 2\n\nx");
	check("Return-Path: <1>\nReturn-Path: <2>\n\n", FRONT "\n");
	check("Return-Path-Not: 1\n\n", FRONT "Return-Path-Not: 1\n\n");
}

static void
addresses_cannot_add_lines(void **state)
{
	struct text t = TEXT_ZERO;
	stralloc out = STRALLOC_ZERO;
	tain deadline;

	(void)state;
	soon(&deadline);
	open_stream("x\n", 2);
	text_begin(&t, &in, 2, &deadline);
	assert_true(text_read_header(&t));
	assert_true(text_address(&t, "a\nX: y", "b\rc"));
	assert_int_equal(read_all(&t, &out), TEXT_END);
	assert_string_equal(out.s, "Return-Path: <a?X: y>\nDelivered-To: b?c\nx\n");
	close(in.fd);
	text_free(&t);
	stralloc_free(&out);
}

static void
a_counted_text_ends_where_it_ends(void **state)
{
	struct text t = TEXT_ZERO;
	stralloc out = STRALLOC_ZERO;
	tain deadline;

	(void)state;
	soon(&deadline);
	open_stream("A: 1\n\nxNEXT", 11);
	text_begin(&t, &in, 7, &deadline);
	assert_true(text_read_header(&t) && text_address(&t, "", NULL));
	assert_int_equal(read_all(&t, &out), TEXT_END);
	assert_string_equal(out.s, "Return-Path: <>\nA: 1\n\nx");
	assert_int_equal(in.end - in.start, 4);
	assert_memory_equal(in.buffer + in.start, "NEXT", 4);
	close(in.fd);
	text_free(&t);
	stralloc_free(&out);
}

static void
a_text_that_ends_early_is_broken(void **state)
{
	struct text t = TEXT_ZERO;
	stralloc out = STRALLOC_ZERO;
	tain deadline;

	(void)state;
	soon(&deadline);
	open_stream("A: 1\n\nx", 7);
	text_begin(&t, &in, 8, &deadline);
	assert_true(text_read_header(&t));	/* the header is whole */
	assert_true(text_address(&t, "", NULL));
	assert_int_equal(read_all(&t, &out), TEXT_BROKEN);
	assert_true(t.is_broken);
	assert_int_equal(t.error, EPIPE);
	assert_false(text_drain(&t));
	close(in.fd);
	open_stream("A: 1\n", 5);
	text_begin(&t, &in, 8, &deadline);
	assert_false(text_read_header(&t));
	assert_int_equal(errno, EPIPE);
	close(in.fd);
	text_free(&t);
	stralloc_free(&out);
}

static void
the_header_knows_whom_it_passed(void **state)
{
	struct text t = TEXT_ZERO;
	tain deadline;
	static const char message[] = "Delivered-To: bob@example.org\n\nDelivered-To: carol@example.org\n";

	(void)state;
	soon(&deadline);
	open_stream(message, sizeof message - 1);
	text_begin(&t, &in, sizeof message - 1, &deadline);
	assert_true(text_read_header(&t));
	assert_true(text_has_passed(&t, "Bob@example.org"));
	assert_false(text_has_passed(&t, "ob@example.org"));
	assert_false(text_has_passed(&t, "carol@example.org"));
	close(in.fd);
	text_free(&t);
}

static int
begin(void **state)
{
	(void)state;
	return tain_now_set_stopwatch_g() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_gets_two_fields_in_front),
		cmocka_unit_test(an_older_return_path_is_dropped_from_the_header_only),
		cmocka_unit_test(addresses_cannot_add_lines),
		cmocka_unit_test(a_counted_text_ends_where_it_ends),
		cmocka_unit_test(a_text_that_ends_early_is_broken),
		cmocka_unit_test(the_header_knows_whom_it_passed),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
