/* Lines, replies and DATA as they come from a peer in pieces of any size. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/smtp.h"

/* ---- lines ---- */

/* An input that gives s[0..len) and then the end of file. */
static struct smtp_input *
input_of(const char *s, size_t len)
{
	static struct smtp_input in;
	int p[2];

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	assert_int_equal(write(p[1], s, len), (ssize_t)len);
	close(p[1]);
	in = (struct smtp_input){ .fd = p[0] };
	return &in;
}

static tain
in_seconds(unsigned n)
{
	tain now, then;

	tain_now(&now);
	tain_addsec(&then, &now, (int)n);
	return then;
}

/* What reading lines of at most 10 octets gives: "text|" or "errno!" for each. */
static const struct line_case {
	const char *text;
	size_t len;
	const char *result;
} lines[] = {
#define LINES(s, r) { s, sizeof s - 1, r }
	LINES("", "EPIPE!"),
	LINES("NOOP\r\n", "NOOP|EPIPE!"),
	LINES("\r\n", "|EPIPE!"),
	LINES("a\r\nb\r\n", "a|b|EPIPE!"),
	LINES("12345678\r\n", "12345678|EPIPE!"),
	LINES("123456789\r\na\r\n", "EMSGSIZE!a|EPIPE!"),
	LINES("123456789012345\r\na\r\n", "EMSGSIZE!a|EPIPE!"),
	LINES("123456789\r", "EMSGSIZE!EPIPE!"),
	LINES("12345678", "EPIPE!"),
	LINES("ab\n", "EPROTO!EPIPE!"),
	LINES("ab\ncd\r\ne\r\n", "EPROTO!e|EPIPE!"),
	LINES("ab\rcd\r\ne\r\n", "EPROTO!e|EPIPE!"),
	LINES("ab\r\r\ne\r\n", "EPROTO!e|EPIPE!"),
	LINES("a\0b\r\ne\r\n", "EPROTO!e|EPIPE!"),
	LINES("\n\r\ne\r\n", "EPROTO!e|EPIPE!"),
};

static const char *
name_of(int error)
{
	return error == EPIPE ? "EPIPE!" : error == EPROTO ? "EPROTO!" : error == EMSGSIZE ? "EMSGSIZE!" : "?";
}

static void
only_crlf_ends_a_line(void **state)
{
	tain deadline = in_seconds(20);

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct smtp_input *in = input_of(lines[i].text, lines[i].len);
		char got[200] = "";
		bool is_open = true;

		while (is_open) {
			const char *line;
			size_t len;

			if (smtp_read_line(in, &line, &len, 10, &deadline)) {
				strncat(got, line, len);
				strncat(got, "|", 2);
			} else {
				is_open = errno != EPIPE;
				strncat(got, name_of(errno), 20);
			}
		}
		assert_string_equal(got, lines[i].result);
		close(in->fd);
	}
}

static void
a_wait_ends_at_its_deadline(void **state)
{
	struct smtp_input in = { .fd = -1 };
	tain deadline = in_seconds(0);
	const char *line;
	size_t len;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	in.fd = p[0];
	assert_false(smtp_has_input(&in));
	assert_false(smtp_read_line(&in, &line, &len, 10, &deadline));
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_true(smtp_has_input(&in));
	close(p[0]);
	close(p[1]);
}

static void
a_full_buffer_is_told(void **state)
{
	struct smtp_input *in = input_of("x", 1);
	tain deadline = in_seconds(20);

	(void)state;
	in->end = sizeof in->buffer;
	assert_false(smtp_fill(in, &deadline));
	assert_int_equal(errno, ENOBUFS);
	in->start = 1;
	assert_true(smtp_fill(in, &deadline));
	assert_int_equal(in->end - in->start, sizeof in->buffer);
	close(in->fd);
}

static void
the_end_of_file_is_no_input(void **state)
{
	struct smtp_input *in = input_of("", 0);

	(void)state;
	assert_false(smtp_has_input(in));
	close(in->fd);
}

/* ---- replies ---- */

static const struct reply_case {
	const char *text;
	unsigned code;		/* 0: fails with error */
	const char *words;
	int error;
} replies[] = {
	{ "250 ok\r\n", 250, "ok", 0 },
	{ "250\r\n", 250, "", 0 },
	{ "250-a\r\n250-\r\n250 c\r\n", 250, "a\n\nc", 0 },
	{ "250-a\r\n250\r\n", 250, "a\n", 0 },
	{ "450 4.2.1 x\r\n", 450, "4.2.1 x", 0 },
	{ "250-a\r\n251 c\r\n", 0, NULL, EPROTO },
	{ "250_a\r\n", 0, NULL, EPROTO },
	{ "25 a\r\n", 0, NULL, EPROTO },
	{ "650 a\r\n", 0, NULL, EPROTO },
	{ "150 a\r\n", 0, NULL, EPROTO },
	{ "\r\n", 0, NULL, EPROTO },
	{ "250 a\n", 0, NULL, EPROTO },
	{ "250-a\r\n", 0, NULL, EPIPE },
};

static void
a_reply_is_read_as_its_table_says(void **state)
{
	struct smtp_reply r = { .text = STRALLOC_ZERO };
	tain deadline = in_seconds(20);

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		struct smtp_input *in = input_of(replies[i].text, strlen(replies[i].text));
		bool done = smtp_read_reply(in, &r, &deadline);

		if (done != (replies[i].code != 0))
			fail_msg("%s", replies[i].text);
		if (done) {
			assert_int_equal(r.code, replies[i].code);
			assert_int_equal(r.text.len, strlen(replies[i].words));
			assert_memory_equal(r.text.len > 0 ? r.text.s : "", replies[i].words, r.text.len);
		} else {
			assert_int_equal(errno, replies[i].error);
		}
		close(in->fd);
	}
	stralloc_free(&r.text);
}

static void
a_reply_without_end_is_given_up(void **state)
{
	struct smtp_reply r = { .text = STRALLOC_ZERO };
	tain deadline = in_seconds(20);
	char many[6 * (SMTP_REPLY_LINES_MAX + 1)];
	struct smtp_input *in;

	(void)state;
	for (size_t i = 0; i < sizeof many; i += 6)
		memcpy(many + i, "250-\r\n", 6);
	in = input_of(many, sizeof many);
	assert_false(smtp_read_reply(in, &r, &deadline));
	assert_int_equal(errno, EMSGSIZE);
	close(in->fd);
	stralloc_free(&r.text);
}

/* ---- DATA ---- */

enum { CR = 1, LF = 2, NUL = 4, LONG = 8, HIGH = 16 };

/* wire holds what follows 354; text NULL: the data have not ended. rest is what was not consumed. */
static const struct data_case {
	const char *wire;
	size_t len;
	const char *text;
	size_t text_len;
	const char *rest;
	int flaws;
} datas[] = {
#define DATA(w, t, r, f) { w, sizeof w - 1, t, sizeof t - 1, r, f }
#define OPEN(w, f) { w, sizeof w - 1, NULL, 0, "", f }
	DATA(".\r\n", "", "", 0),
	DATA("a\r\n.\r\n", "a\n", "", 0),
	DATA("a\r\n.\r\nQUIT\r\n", "a\n", "QUIT\r\n", 0),
	DATA("\r\n.\r\n", "\n", "", 0),
	DATA("..\r\n.\r\n", ".\n", "", 0),
	DATA("...\r\n..a\r\n.\r\n", "..\n.a\n", "", 0),
	DATA(".a\r\n.\r\n", "a\n", "", 0),
	DATA("a.\r\n.\r\n", "a.\n", "", 0),
	DATA("\303\251\r\n.\r\n", "\303\251\n", "", HIGH),
	DATA("a\tb\r\n.\r\n", "a\tb\n", "", 0),
	/* what would end the data, or a line, for others */
	DATA("a\n.\n\r\n.\r\n", "a\n.\n\n", "", LF),
	DATA("a\n.\r\n.\r\n", "a\n.\n", "", LF),
	DATA("a\r\n.\n.\r\n.\r\n", "a\n\n.\n", "", LF),
	DATA("a\r.\r\r\n.\r\n", "a\r.\r\n", "", CR),
	DATA("a\r\n.\r.\r\n.\r\n", "a\n\r.\n", "", CR),
	DATA("a\r\n.\r\r\n.\r\n", "a\n\r\n", "", CR),
	DATA("a\r\r\n.\r\n", "a\r\n", "", CR),
	DATA("a\r\n\0.\r\n.\r\n", "a\n\0.\n", "", NUL),
	DATA("a\r\0\n.\r\n\r\n.\r\n", "a\r\0\n.\n\n", "", CR | NUL | LF),
	DATA("a\r\n.\0\r\n.\r\n", "a\n\0\n", "", NUL),
	DATA("\n.\r\n.\r\n", "\n.\n", "", LF),
	DATA("\r.\r\n.\r\n", "\r.\n", "", CR),
	OPEN("a\r\n", 0),
	OPEN("a\r\n.", 0),
	OPEN("a\r\n.\r", 0),
	OPEN("a\n.\n", LF),
	OPEN("a\n.\r\n", LF),
	OPEN("a\r.\r", CR),
};

static int
flaws_of(const struct smtp_data *d)
{
	return (d->has_bare_cr ? CR : 0) | (d->has_bare_lf ? LF : 0) | (d->has_nul ? NUL : 0) |
	    (d->has_long_line ? LONG : 0) | (d->has_8bit ? HIGH : 0);
}

/* Feeds it in pieces of the given size with as many spans. Returns the octets consumed. */
static size_t
decode(struct smtp_data *d, stralloc *text, bool *is_end, const char *wire, size_t len, size_t piece, size_t nspans)
{
	size_t at = 0;

	*is_end = false;
	while (at < len && !*is_end) {
		char s[4096];
		size_t n = len - at < piece ? len - at : piece, used, nout;
		struct smtp_span out[2];

		memcpy(s, wire + at, n);
		smtp_data_decode(d, s, n, &used, out, nspans, &nout, is_end);
		assert_true(used <= n && nout <= nspans && (used > 0 || nout > 0));
		for (size_t i = 0; i < nout; i++)
			assert_true(stralloc_catb(text, out[i].s, out[i].len));
		at += used;
	}
	return at;
}

static void
data_is_decoded_as_its_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof datas / sizeof datas[0]; i++) {
		const struct data_case *c = &datas[i];

		for (size_t piece = 1; piece <= c->len; piece++) {
			struct smtp_data d = { .state = 0 };
			stralloc text = STRALLOC_ZERO;
			bool is_end;
			size_t used = decode(&d, &text, &is_end, c->wire, c->len, piece, 1 + piece % 2);

			assert_int_equal(is_end, c->text != NULL);
			assert_string_equal(c->wire + used, c->rest);
			assert_int_equal(flaws_of(&d), c->flaws);
			assert_int_equal(d.size, text.len);
			if (c->text != NULL) {
				assert_int_equal(text.len, c->text_len);
				assert_memory_equal(text.len > 0 ? text.s : "", c->text, text.len);
			}
			stralloc_free(&text);
		}
	}
}

static void
a_line_may_have_998_octets_and_its_end(void **state)
{
	char wire[1100];

	(void)state;
	for (size_t len = 998; len <= 999; len++) {
		struct smtp_data d = { .state = 0 };
		stralloc text = STRALLOC_ZERO;
		bool is_end;

		memset(wire, 'x', sizeof wire);
		memcpy(wire, "..", 2);		/* one of them does not count */
		memcpy(wire + 1 + len, "\r\n.\r\n", 5);
		decode(&d, &text, &is_end, wire, len + 6, 7, 2);
		assert_true(is_end);
		assert_int_equal(d.has_long_line, len > 998);
		stralloc_free(&text);
	}
}

static const struct encode_case {
	const char *text, *wire;
} encodes[] = {
	{ "", ".\r\n" },
	{ "a\n", "a\r\n.\r\n" },
	{ "a", "a\r\n.\r\n" },
	{ ".\n", "..\r\n.\r\n" },
	{ ".a\n..b\nc.d\n", "..a\r\n...b\r\nc.d\r\n.\r\n" },
	{ "a\rb\r\n", "a b \r\n.\r\n" },
	{ "\r.\r\n", " . \r\n.\r\n" },
	{ "\n\n", "\r\n\r\n.\r\n" },
};

static void
text_is_encoded_as_its_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof encodes / sizeof encodes[0]; i++) {
		for (size_t piece = 1; piece < 4; piece++) {
			const char *text = encodes[i].text;
			struct smtp_encoder e = { .in_line = false };
			stralloc to = STRALLOC_ZERO;

			for (size_t at = 0, n; at < strlen(text); at += n) {
				n = strlen(text) - at < piece ? strlen(text) - at : piece;
				assert_true(smtp_data_encode(&to, &e, text + at, n));
			}
			assert_true(smtp_data_end(&to, &e) && stralloc_0(&to));
			assert_string_equal(to.s, encodes[i].wire);
			stralloc_free(&to);
		}
	}
}

static void
long_lines_are_folded_between_characters(void **state)
{
	struct smtp_encoder e = { .in_line = false };
	stralloc to = STRALLOC_ZERO;
	char line[2000];

	(void)state;
	memset(line, 'x', 997);
	for (size_t i = 997; i < 1997; i += 2)
		memcpy(line + i, "\303\251", 2);	/* one straddles octet 998 */
	line[1997] = '\n';
	assert_true(smtp_data_encode(&to, &e, line, 998) && smtp_data_encode(&to, &e, line + 998, 1000));
	assert_memory_equal(to.s, line, 997);
	for (size_t i = 0, len = 0; i < to.len; i++) {
		len = to.s[i] == '\n' ? 0 : len + 1;
		assert_true(len <= 999);	/* with the CR */
	}
	assert_memory_equal(to.s + to.len - 2, "\r\n", 2);
	stralloc_free(&to);
}

/* ---- other sources ---- */

/* Gives its text octet by octet, then the end. */
struct drip {
	struct smtp_source source;
	const char *left;
};

static ssize_t
drip_read(struct smtp_source *from, char *s, size_t len, const tain *deadline)
{
	struct drip *d = (struct drip *)from;

	assert_true(len > 0);
	if (deadline == NULL) {
		errno = EAGAIN;
		return -1;
	}
	if (*d->left == '\0')
		return 0;
	*s = *d->left++;
	return 1;
}

static void
what_came_before_another_source_is_thrown_away(void **state)
{
	struct drip drip = { .source.read = drip_read, .left = "250-after\r\n250 it\r\n" };
	struct smtp_reply reply = { .text = STRALLOC_ZERO };
	tain deadline = in_seconds(20);
	struct smtp_input *in = input_of("220 go\r\n250 injected\r\n", 22);

	(void)state;
	assert_true(smtp_read_reply(in, &reply, &deadline));
	assert_int_equal(reply.code, 220);
	assert_int_equal(smtp_discard_input(in), 14);
	in->source = &drip.source;
	assert_false(smtp_has_input(in));
	assert_true(smtp_read_reply(in, &reply, &deadline));
	assert_int_equal(reply.text.len, 8);
	assert_memory_equal(reply.text.s, "after\nit", 8);
	assert_false(smtp_read_reply(in, &reply, &deadline));
	assert_int_equal(errno, EPIPE);
	assert_int_equal(smtp_discard_input(in), 0);
	stralloc_free(&reply.text);
	close(in->fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_crlf_ends_a_line),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(a_full_buffer_is_told),
		cmocka_unit_test(the_end_of_file_is_no_input),
		cmocka_unit_test(a_reply_is_read_as_its_table_says),
		cmocka_unit_test(a_reply_without_end_is_given_up),
		cmocka_unit_test(data_is_decoded_as_its_table_says),
		cmocka_unit_test(a_line_may_have_998_octets_and_its_end),
		cmocka_unit_test(text_is_encoded_as_its_table_says),
		cmocka_unit_test(long_lines_are_folded_between_characters),
		cmocka_unit_test(what_came_before_another_source_is_thrown_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
