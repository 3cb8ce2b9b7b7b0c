/* tls_verify: see tls_verify.h.
 *
 * A certificate chain is gathered whole (up to a limit), then looked at: the key of the
 * first certificate is taken, the authorities that the chain leads to are sought, and
 * BearSSL verifies it, also where it does not have to verify: the log is to say what
 * a strict rule would have said. */
#include "lib/tls_verify.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/der.h"

enum { RSA_OCTETS_MIN = 256 };	/* of a modulus in a verified chain: 2048 bits */

/* ---- gathering ---- */

static struct tls_verifier *
verifier_of(const br_x509_class **c)
{
	return (struct tls_verifier *)(void *)c;
}

static void
start_chain(const br_x509_class **c, const char *name)
{
	struct tls_verifier *v = verifier_of(c);

	v->name = name == NULL || name[0] == '\0' ? NULL : name;
	v->n = v->octets.len = 0;
	v->is_over = false;
}

static void
start_certificate(const br_x509_class **c, uint32_t len)
{
	struct tls_verifier *v = verifier_of(c);

	if (v->n == TLS_CHAIN_MAX || len > TLS_CHAIN_OCTETS_MAX - v->octets.len)
		v->is_over = true;
	else
		v->lens[v->n++] = len;
}

static void
append(const br_x509_class **c, const unsigned char *s, size_t len)
{
	struct tls_verifier *v = verifier_of(c);

	if (!v->is_over && !stralloc_catb(&v->octets, (const char *)s, len))
		v->is_over = true;
}

static void
end_certificate(const br_x509_class **c)
{
	(void)c;
}

/* ---- looking at it ---- */

static struct der
certificate_at(const struct tls_verifier *v, size_t i)
{
	struct der d = { .s = (const unsigned char *)v->octets.s, .len = v->lens[i] };

	for (size_t n = 0; n < i; n++)
		d.s += v->lens[n];
	return d;
}

static void
say(struct tls_verifier *v, const char *words)
{
	snprintf(v->reason, sizeof v->reason, "%s", words);
}

/* Who it says it is: for the log. */
static void
note_first(struct tls_verifier *v)
{
	struct der first = certificate_at(v, 0), issuer, subject;
	unsigned char digest[br_sha256_SIZE];
	br_sha256_context sha;

	br_sha256_init(&sha);
	br_sha256_update(&sha, first.s, first.len);
	br_sha256_out(&sha, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(v->certificate->fingerprint + 2 * i, 3, "%02x", digest[i]);
	if (der_find_names(first, &issuer, &subject))
		der_common_name(v->certificate->subject, sizeof v->certificate->subject, subject);
}

/* The authorities that the chain mentions; the first certificate may be in the list
 * itself. */
static bool
find_anchors(struct tls_verifier *v)
{
	v->nknown = 0;
	for (size_t i = 0; i < v->n && v->anchors != NULL; i++) {
		struct der issuer, subject;

		if (!der_find_names(certificate_at(v, i), &issuer, &subject))
			continue;
		if (i == 0 && !der_is_equal(issuer, subject) &&
		    !tls_anchors_find(v->anchors, subject, v->known, &v->nknown, TLS_KNOWN_MAX))
			return false;
		if (!tls_anchors_find(v->anchors, issuer, v->known, &v->nknown, TLS_KNOWN_MAX))
			return false;
	}
	return true;
}

static unsigned
verify(struct tls_verifier *v)
{
	br_x509_minimal_context *m = &v->minimal;

	/* SHA-1 signatures count for nothing. */
	br_x509_minimal_init(m, &br_sha256_vtable, v->known, v->nknown);
	br_x509_minimal_set_hash(m, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(m, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(m, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_rsa(m, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_ecdsa(m, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
	br_x509_minimal_set_minrsa(m, RSA_OCTETS_MIN);
	br_x509_minimal_set_time(m, v->days, v->seconds);

	m->vtable->start_chain(&m->vtable, v->name);
	for (size_t i = 0; i < v->n; i++) {
		struct der d = certificate_at(v, i);

		m->vtable->start_cert(&m->vtable, (uint32_t)d.len);
		if (d.len > 0)
			m->vtable->append(&m->vtable, d.s, d.len);
		m->vtable->end_cert(&m->vtable);
	}
	return m->vtable->end_chain(&m->vtable);
}

/* ---- reasons ---- */

static bool
is_before(uint32_t days, uint32_t seconds, uint32_t then_days, uint32_t then_seconds)
{
	return days < then_days || (days == then_days && seconds < then_seconds);
}

/* "the certificate expired on 2026-01-31" */
static void
say_date(struct tls_verifier *v, const char *whose, const char *words, uint32_t days)
{
	time_t then = ((time_t)days - TLS_EPOCH_DAYS) * TLS_SECONDS_OF_DAY;
	struct tm tm;

	if (gmtime_r(&then, &tm) != NULL)
		snprintf(v->reason, sizeof v->reason, "%s %s on %04d-%02d-%02d", whose, words, tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday);
}

/* About the first certificate of the chain that is out of its time. */
static void
explain_dates(struct tls_verifier *v)
{
	for (size_t i = 0; i < v->n; i++) {
		const char *whose = i == 0 ? "the certificate" : "a certificate of the chain";
		struct der c = certificate_at(v, i);
		br_x509_decoder_context d;

		br_x509_decoder_init(&d, NULL, NULL);
		br_x509_decoder_push(&d, c.s, c.len);
		if (br_x509_decoder_get_pkey(&d) == NULL)
			continue;
		if (is_before(v->days, v->seconds, d.notbefore_days, d.notbefore_seconds)) {
			say_date(v, whose, "is not valid yet: it begins", d.notbefore_days);
			return;
		}
		if (is_before(d.notafter_days, d.notafter_seconds, v->days, v->seconds)) {
			say_date(v, whose, "expired", d.notafter_days);
			return;
		}
	}
}

/* Nobody known has signed it. */
static void
explain_trust(struct tls_verifier *v)
{
	struct der issuer, subject;

	if (v->anchors == NULL)
		say(v, "no authorities are known here");
	else if (der_find_names(certificate_at(v, 0), &issuer, &subject) && der_is_equal(issuer, subject))
		say(v, "the certificate is self-signed");
	else
		say(v, "the certificate's issuer is unknown");
}

static void
explain(struct tls_verifier *v, unsigned error)
{
	const char *words = tls_error_words((int)error);

	if (words != NULL)
		say(v, words);
	else
		snprintf(v->reason, sizeof v->reason, "the certificate is malformed (BearSSL error %u)", error);
	if (error == BR_ERR_X509_EXPIRED)
		explain_dates(v);
	if (error == BR_ERR_X509_NOT_TRUSTED)
		explain_trust(v);
}

static unsigned
refuse(struct tls_verifier *v, unsigned error)
{
	explain(v, error);
	return error;
}

static unsigned
end_chain(const br_x509_class **c)
{
	struct tls_verifier *v = verifier_of(c);
	struct der first;
	unsigned error;

	if (v->is_over)
		return refuse(v, BR_ERR_X509_LIMIT_EXCEEDED);
	if (v->n == 0)
		return refuse(v, BR_ERR_X509_EMPTY_CHAIN);
	note_first(v);
	first = certificate_at(v, 0);
	br_x509_decoder_init(&v->decoder, NULL, NULL);
	br_x509_decoder_push(&v->decoder, first.s, first.len);
	if (br_x509_decoder_last_error(&v->decoder) != 0)
		return refuse(v, (unsigned)br_x509_decoder_last_error(&v->decoder));
	if (!find_anchors(v))
		return refuse(v, BR_ERR_X509_LIMIT_EXCEEDED);
	error = verify(v);
	if (error != 0) {
		explain(v, error);
		return v->must_verify ? error : 0;
	}
	/* Without a name (an address) the chain of a server alone says nothing. */
	v->certificate->is_verified = v->name != NULL || !v->needs_name;
	if (v->certificate->is_verified)
		v->reason[0] = '\0';
	return 0;
}

static const br_x509_pkey *
get_key(const br_x509_class *const *c, unsigned *usages)
{
	struct tls_verifier *v = (struct tls_verifier *)(uintptr_t)(const void *)c;

	if (v->certificate->is_verified)
		return v->minimal.vtable->get_pkey(&v->minimal.vtable, usages);
	if (usages != NULL)
		*usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
	return br_x509_decoder_get_pkey(&v->decoder);
}

static const br_x509_class verifier_class = {
	.context_size = sizeof(struct tls_verifier),
	.start_chain = start_chain,
	.start_cert = start_certificate,
	.append = append,
	.end_cert = end_certificate,
	.end_chain = end_chain,
	.get_pkey = get_key,
};

void
tls_verifier_start(struct tls_verifier *v, const struct tls_anchors *anchors, bool must_verify, bool needs_name,
    const char *reason, struct tls_certificate *certificate)
{
	time_t now = time(NULL);

	v->vtable = &verifier_class;
	v->must_verify = must_verify;
	v->needs_name = needs_name;
	v->anchors = anchors;
	v->certificate = certificate;
	certificate->reason = v->reason;
	say(v, reason);
	v->days = (uint32_t)(now / TLS_SECONDS_OF_DAY + TLS_EPOCH_DAYS);
	v->seconds = (uint32_t)(now % TLS_SECONDS_OF_DAY);
}

void
tls_verifier_free(struct tls_verifier *v)
{
	stralloc_free(&v->octets);
	tls_anchors_release(v->known, v->nknown);
}
