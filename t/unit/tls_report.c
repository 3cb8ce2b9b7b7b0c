/* tls_report: what smtp-tls tells, record by record, and what is no record. */
#include "lib/tls_report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct tls_report open_report = {
	.kind = TLS_REPORT_OPEN, .protocol = "TLSv1.2", .cipher = "TLS_X", .bits = "128", .name = "", .certificate = "none",
	.subject = "", .fingerprint = "",
};

static void
reads_what_was_written(void **state)
{
	struct tls_report r;
	stralloc s = STRALLOC_ZERO;
	size_t used, at;

	(void)state;
	assert_true(tls_report_write(&s, &(struct tls_report){ .kind = TLS_REPORT_READY }));
	assert_true(tls_report_write(&s, &open_report));
	assert_true(tls_report_write(&s, &(struct tls_report){ .kind = TLS_REPORT_CUT, .reason = "gone" }));
	assert_true(tls_report_read(&r, &used, s.s, s.len));
	assert_int_equal(r.kind, TLS_REPORT_READY);
	assert_string_equal(r.cipher, "");
	at = used;
	assert_true(tls_report_read(&r, &used, s.s + at, s.len - at));
	assert_int_equal(r.kind, TLS_REPORT_OPEN);
	assert_string_equal(r.protocol, "TLSv1.2");
	assert_string_equal(r.cipher, "TLS_X");
	assert_string_equal(r.bits, "128");
	assert_string_equal(r.name, "");
	assert_string_equal(r.certificate, "none");
	at += used;
	assert_true(tls_report_read(&r, &used, s.s + at, s.len - at));
	assert_int_equal(r.kind, TLS_REPORT_CUT);
	assert_string_equal(r.reason, "gone");
	assert_int_equal(at + used, s.len);
	stralloc_free(&s);
}

static void
waits_for_the_rest(void **state)
{
	struct tls_report r;
	stralloc s = STRALLOC_ZERO;
	size_t used;

	(void)state;
	assert_true(tls_report_write(&s, &open_report));
	for (size_t n = 0; n < s.len; n++) {
		errno = 0;
		assert_false(tls_report_read(&r, &used, s.s, n));
		assert_int_equal(errno, EAGAIN);
	}
	stralloc_free(&s);
}

static void
carries_nothing_but_printable_text(void **state)
{
	struct tls_report r;
	stralloc s = STRALLOC_ZERO;
	size_t used;

	(void)state;
	assert_true(tls_report_write(&s, &(struct tls_report){ .kind = TLS_REPORT_FAILED, .reason = "a\nb\r\033\377c" }));
	assert_true(tls_report_read(&r, &used, s.s, s.len));
	assert_string_equal(r.reason, "a?b???c");
	stralloc_free(&s);
}

static void
refuses_what_is_none(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} cases[] = { { "x", 1 }, { "\0", 1 }, { "Fa\nb", 5 }, { "Fa\377", 4 }, { "OTLS\0\1", 7 } };
	static char endless[TLS_REPORT_MAX];
	struct tls_report r;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		errno = 0;
		assert_false(tls_report_read(&r, &used, cases[i].s, cases[i].len));
		assert_int_equal(errno, EPROTO);
	}
	memset(endless, 'F', sizeof endless);
	assert_false(tls_report_read(&r, &used, endless, sizeof endless - 1));
	assert_int_equal(errno, EAGAIN);
	assert_false(tls_report_read(&r, &used, endless, sizeof endless));
	assert_int_equal(errno, EPROTO);
}

static void
is_bounded_when_written(void **state)
{
	static char reason[TLS_REPORT_MAX + 1];
	stralloc s = STRALLOC_ZERO;

	(void)state;
	memset(reason, 'x', sizeof reason - 1);
	assert_false(tls_report_write(&s, &(struct tls_report){ .kind = TLS_REPORT_FAILED, .reason = reason }));
	assert_int_equal(errno, EMSGSIZE);
	stralloc_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(waits_for_the_rest),
		cmocka_unit_test(carries_nothing_but_printable_text),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(is_bounded_when_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
