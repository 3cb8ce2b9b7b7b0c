/* PEM, the names in certificates, and files that hold no key or certificate. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/der.h"
#include "lib/pem.h"
#include "lib/tls_anchor.h"
#include "lib/tls_identity.h"

/* ---- PEM ---- */

static const struct pem_case {
	const char *text;
	const char *wanted;	/* "NAME=octets|" for each object, then how it ends */
} texts[] = {
	{ "", "end" },
	{ "no object at all\n", "end" },
	{ "-----BEGIN A-----\nZm9v\n-----END A-----\n", "A=foo|end" },
	{ "-----BEGIN A-----\nZm9v\n-----END A-----", "A=foo|end" },
	{ "-----BEGIN A-----\r\nZm9v\r\n-----END A-----\r\n", "A=foo|end" },
	{ "-----BEGIN A-----\nZm9v \t\n-----END A----- \n", "A=foo|end" },
	{ "-----BEGIN A-----\nZm\n9\nv\n\n-----END A-----\n", "A=foo|end" },
	{ "-----BEGIN A-----\n-----END A-----\n", "A=|end" },
	{ "words\n-----BEGIN A B-----\nZm8=\n-----END A B-----\nwords\n-----BEGIN C-----\nZg==\n-----END C-----\n",
	    "A B=fo|C=f|end" },
	{ "-----BEGIN A-----\nZm9v\n", "broken" },
	{ "-----BEGIN A-----\nZm9v\n-----END B-----\n", "broken" },
	{ "-----BEGIN A-----\nZm9\n-----END A-----\n", "broken" },
	{ "-----BEGIN A-----\nZg==Zg==\n-----END A-----\n", "broken" },
	{ "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nZm9v\n-----END A-----\n", "broken" },
	{ "-----BEGIN A-----\n-----BEGIN B-----\nZm9v\n-----END B-----\n-----END A-----\n", "broken" },
	{ " -----BEGIN A-----\nZm9v\n-----END A-----\n", "end" },
	{ "-----BEGIN A---\nZm9v\n-----END A-----\n", "end" },
	{ "-----BEGIN AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-----\n", "broken" },
};

static void
objects_are_read_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		stralloc got = STRALLOC_ZERO;
		enum pem_scan scan;
		struct pem p;

		pem_start(&p, texts[i].text, strlen(texts[i].text));
		while ((scan = pem_next(&p)) == PEM_OBJECT)
			assert_true(stralloc_cats(&got, p.name) && stralloc_cats(&got, "=") &&
			    stralloc_catb(&got, p.der.s, p.der.len) && stralloc_cats(&got, "|"));
		assert_true(stralloc_cats(&got, scan == PEM_END ? "end" : scan == PEM_BROKEN ? "broken" : "?"));
		assert_true(stralloc_0(&got));
		assert_string_equal(got.s, texts[i].wanted);
		pem_end(&p);
		stralloc_free(&got);
	}
}

/* ---- names ---- */

#define CN "\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03"	/* and three octets of UTF-8 */

static const struct name_case {
	const char *octets;
	size_t len;
	const char *wanted;
} names[] = {
#define NAME(octets, wanted) { octets, sizeof octets - 1, wanted }
	NAME("", ""),
	NAME("\x30\x00", ""),
	NAME("\x30\x0e" CN "abc", "abc"),
	NAME("\x30\x1c" CN "abc" CN "def", "def"),
	NAME("\x30\x0e" CN "a\nc", "a\\012c"),
	NAME("\x30\x0e" CN "a\0c", "a\\000c"),
	NAME("\x30\x81\x0e" CN "abc", "abc"),
	NAME("\x30\x82\x00\x0e" CN "abc", "abc"),
	NAME("\x30\x83\x00\x00\x0e" CN "abc", ""),	/* longer than any name */
	NAME("\x30\x80" CN "abc\0\0", ""),		/* indefinite length is not DER */
	NAME("\x30\x0f" CN "abc", ""),			/* cut off */
	NAME("\x30\x0d" CN "ab", ""),
	NAME("\x31\x0e" CN "abc", ""),			/* a set */
	NAME("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03" "abc", ""),	/* an organisation */
	NAME("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x02\x03" "abc", ""),	/* a number */
	NAME("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x7f" "abc", ""),
	NAME("\x30", ""),
	NAME("\x30\x82\x01", ""),
};

static void
the_common_name_of_a_distinguished_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct der d = { .s = (const unsigned char *)names[i].octets, .len = names[i].len };
		char name[64];

		assert_string_equal(der_common_name(name, sizeof name, d), names[i].wanted);
	}
}

static void
a_name_that_is_too_long_is_cut_off(void **state)
{
	struct der d = { .s = (const unsigned char *)"\x30\x0e" CN "abc", .len = 16 };
	char name[3];

	(void)state;
	assert_string_equal(der_common_name(name, sizeof name, d), "ab");
}

/* ---- what is no certificate ---- */

static const char nothing[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
static const char no_key[] = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";

static void
an_empty_certificate_is_no_authority(void **state)
{
	const char *why = "";

	(void)state;
	assert_null(tls_anchors_parse(nothing, sizeof nothing - 1, &why));
	assert_int_equal(errno, EPROTO);
	assert_string_equal(why, "it has no certificate");
	assert_null(tls_anchors_parse("", 0, &why));
	assert_int_equal(errno, EPROTO);
}

static void
what_is_wrong_with_an_identity_is_said(void **state)
{
	const char *why = "";
	bool is_about_key;

	(void)state;
	assert_null(tls_identity_parse("", 0, no_key, sizeof no_key - 1, &why, &is_about_key));
	assert_string_equal(why, "it has no certificate");
	assert_false(is_about_key);
	assert_null(tls_identity_parse(nothing, sizeof nothing - 1, "", 0, &why, &is_about_key));
	assert_string_equal(why, "it has no private key");
	assert_true(is_about_key);
	assert_null(tls_identity_parse(nothing, sizeof nothing - 1, no_key, sizeof no_key - 1, &why, &is_about_key));
	assert_string_equal(why, "the key is not RSA (up to 4096 bits) or EC (P-256, P-384, P-521)");
	assert_null(tls_identity_read("/nonexistent", "/nonexistent", &why, &is_about_key));
	assert_int_equal(errno, ENOENT);
	assert_false(is_about_key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_read_one_by_one),
		cmocka_unit_test(the_common_name_of_a_distinguished_name),
		cmocka_unit_test(a_name_that_is_too_long_is_cut_off),
		cmocka_unit_test(an_empty_certificate_is_no_authority),
		cmocka_unit_test(what_is_wrong_with_an_identity_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
