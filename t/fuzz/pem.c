/* PEM texts, keys and the DER of certificates: the readers must stay inside what they
 * are given, and what they say must hold. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/der.h"
#include "lib/pem.h"
#include "lib/tls_anchor.h"
#include "lib/tls_identity.h"
#include "lib/tls_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* Both names lie inside the certificate, in order. */
static void
check_names(const void *s, size_t len)
{
	struct der all = { .s = s, .len = len }, issuer, subject;
	char name[64];

	der_covers_host(all, "mx.example.org");
	der_common_name(name, sizeof name, all);
	require(memchr(name, '\0', sizeof name) != NULL);
	if (!der_find_names(all, &issuer, &subject))
		return;
	require(issuer.s > all.s && issuer.s + issuer.len <= subject.s && subject.s + subject.len <= all.s + all.len);
	der_common_name(name, sizeof name, issuer);
	der_common_name(name, sizeof name, subject);
}

static size_t
count_certificates(const char *s, size_t len)
{
	size_t n = 0;
	struct pem p;

	pem_start(&p, s, len);
	while (pem_next(&p) == PEM_OBJECT) {
		stralloc again = STRALLOC_ZERO;

		require(strlen(p.name) <= PEM_NAME_MAX);
		require(base64_encode(&again, p.der.s, p.der.len) && again.len == p.text.len &&
		    (again.len == 0 || memcmp(again.s, p.text.s, again.len) == 0));
		stralloc_free(&again);
		check_names(p.der.s, p.der.len);
		n += pem_is_certificate(&p);
	}
	pem_end(&p);
	return n;
}

static void
check_anchors(const char *s, size_t len, size_t most)
{
	const char *why;
	struct tls_anchors *a = tls_anchors_parse(s, len, &why);
	br_x509_trust_anchor list[4];
	struct pem p;
	size_t n = 0;

	if (a == NULL)
		return;
	require(tls_anchors_count(a) > 0 && tls_anchors_count(a) <= most);
	pem_start(&p, s, len);
	while (pem_next(&p) == PEM_OBJECT) {
		struct der all = { .s = (unsigned char *)p.der.s, .len = p.der.len }, issuer, subject;

		if (der_find_names(all, &issuer, &subject))
			require(tls_anchors_find(a, subject, list, &n, 4));
	}
	pem_end(&p);
	require(n <= 4);
	tls_anchors_release(list, n);
	tls_anchors_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why, *s = (const char *)data;
	size_t n = count_certificates(s, size);
	bool is_about_key;

	check_names(data, size);
	check_anchors(s, size, n);
	tls_identity_free(tls_identity_parse(s, size, s, size, &why, &is_about_key));
	return 0;
}
