/* tls_client: see tls_client.h.
 *
 * A certificate chain is gathered whole (up to a limit), then looked at: the key of the
 * first certificate is taken, the authorities that the chain leads to are sought, and
 * BearSSL verifies it, also where it does not have to verify: the log is to say what
 * a strict rule would have said. */
#include "lib/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <skalibs/stralloc.h>

#include "lib/tls_internal.h"

enum {
	NAME_MAX_OCTETS = 253,		/* RFC 1035 3.1, as text */
	CHAIN_MAX = 16,			/* certificates */
	CHAIN_OCTETS_MAX = 131072,
	ANCHORS_MAX = 32,		/* authorities with the names that a chain mentions */
	RSA_OCTETS_MIN = 256,		/* of a modulus in a verified chain: 2048 bits */
	EPOCH_DAYS = 719528,		/* BearSSL counts days from the year 0 */
	SECONDS_OF_DAY = 86400,
};

/* What BearSSL sees as its X.509 engine. */
struct verifier {
	const br_x509_class *vtable;	/* must be first */
	bool must_verify;
	const struct tls_anchors *anchors;	/* NULL: none */
	const char *name;
	uint32_t days, seconds;		/* now */

	stralloc octets;		/* of all certificates, one behind the other */
	size_t lens[CHAIN_MAX];
	size_t n;
	bool is_over;			/* over a limit */

	br_x509_minimal_context minimal;
	br_x509_decoder_context decoder;	/* holds the key of the first */
	br_x509_trust_anchor known[ANCHORS_MAX];
	size_t nknown;
	char reason[TLS_REASON_MAX];
	struct tls_certificate *certificate;
};

struct client {
	struct tls t;			/* must be first */
	br_ssl_client_context context;
	struct verifier verifier;
	struct tls_certificate certificate;
	char name[NAME_MAX_OCTETS + 1];
};

/* ---- gathering ---- */

static struct verifier *
verifier_of(const br_x509_class **c)
{
	return (struct verifier *)(void *)c;
}

static void
start_chain(const br_x509_class **c, const char *name)
{
	struct verifier *v = verifier_of(c);

	v->name = name == NULL || name[0] == '\0' ? NULL : name;
	v->n = v->octets.len = 0;
	v->is_over = false;
}

static void
start_certificate(const br_x509_class **c, uint32_t len)
{
	struct verifier *v = verifier_of(c);

	if (v->n == CHAIN_MAX || len > CHAIN_OCTETS_MAX - v->octets.len)
		v->is_over = true;
	else
		v->lens[v->n++] = len;
}

static void
append(const br_x509_class **c, const unsigned char *s, size_t len)
{
	struct verifier *v = verifier_of(c);

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
certificate_at(const struct verifier *v, size_t i)
{
	struct der d = { .s = (const unsigned char *)v->octets.s, .len = v->lens[i] };

	for (size_t n = 0; n < i; n++)
		d.s += v->lens[n];
	return d;
}

static void
say(struct verifier *v, const char *words)
{
	snprintf(v->reason, sizeof v->reason, "%s", words);
}

/* Who it says it is: for the log. */
static void
note_first(struct verifier *v)
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
find_anchors(struct verifier *v)
{
	v->nknown = 0;
	for (size_t i = 0; i < v->n && v->anchors != NULL; i++) {
		struct der issuer, subject;

		if (!der_find_names(certificate_at(v, i), &issuer, &subject))
			continue;
		if (i == 0 && !der_is_equal(issuer, subject) &&
		    !tls_anchors_find(v->anchors, subject, v->known, &v->nknown, ANCHORS_MAX))
			return false;
		if (!tls_anchors_find(v->anchors, issuer, v->known, &v->nknown, ANCHORS_MAX))
			return false;
	}
	return true;
}

static unsigned
verify(struct verifier *v)
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
say_date(struct verifier *v, const char *whose, const char *words, uint32_t days)
{
	time_t then = ((time_t)days - EPOCH_DAYS) * SECONDS_OF_DAY;
	struct tm tm;

	if (gmtime_r(&then, &tm) != NULL)
		snprintf(v->reason, sizeof v->reason, "%s %s on %04d-%02d-%02d", whose, words, tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday);
}

/* About the first certificate of the chain that is out of its time. */
static void
explain_dates(struct verifier *v)
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
explain_trust(struct verifier *v)
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
explain(struct verifier *v, unsigned error)
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
refuse(struct verifier *v, unsigned error)
{
	explain(v, error);
	return error;
}

static unsigned
end_chain(const br_x509_class **c)
{
	struct verifier *v = verifier_of(c);
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
	/* Without a name (an address) the chain alone says nothing. */
	v->certificate->is_verified = v->name != NULL;
	if (v->certificate->is_verified)
		v->reason[0] = '\0';
	return 0;
}

static const br_x509_pkey *
get_key(const br_x509_class *const *c, unsigned *usages)
{
	struct verifier *v = (struct verifier *)(uintptr_t)(const void *)c;

	if (v->certificate->is_verified)
		return v->minimal.vtable->get_pkey(&v->minimal.vtable, usages);
	if (usages != NULL)
		*usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
	return br_x509_decoder_get_pkey(&v->decoder);
}

static const br_x509_class verifier_class = {
	.context_size = sizeof(struct verifier),
	.start_chain = start_chain,
	.start_cert = start_certificate,
	.append = append,
	.end_cert = end_certificate,
	.end_chain = end_chain,
	.get_pkey = get_key,
};

static void
start_verifier(struct verifier *v, const struct tls_client_options *o, struct tls_certificate *certificate)
{
	time_t now = time(NULL);

	v->vtable = &verifier_class;
	v->must_verify = o->verify;
	v->anchors = o->anchors;
	v->certificate = certificate;
	certificate->reason = v->reason;
	say(v, "there is no name to look for in the certificate");
	v->days = (uint32_t)(now / SECONDS_OF_DAY + EPOCH_DAYS);
	v->seconds = (uint32_t)(now % SECONDS_OF_DAY);
}

/* ---- the session ---- */

static void
set_identity(br_ssl_client_context *c, const struct tls_identity *i)
{
	if (i->key_type == BR_KEYTYPE_RSA)
		br_ssl_client_set_single_rsa(c, i->chain, i->nchain, br_skey_decoder_get_rsa(&i->key),
		    br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_client_set_single_ec(c, i->chain, i->nchain, br_skey_decoder_get_ec(&i->key), BR_KEYTYPE_SIGN,
		    i->signer_key_type, br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
}

static void
free_client(struct tls *t)
{
	struct verifier *v = &((struct client *)t)->verifier;

	stralloc_free(&v->octets);
	tls_anchors_release(v->known, v->nknown);
}

static bool
is_address(const char *name)
{
	unsigned char address[16];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* The name as it goes into SNI: without the closing dot; "" for an address. */
static bool
set_name(struct client *c, const struct tls_client_options *o, const char **why)
{
	size_t len = strlen(o->name);

	if (len > 0 && o->name[len - 1] == '.')
		len--;
	*why = "the name is too long";
	if (len > NAME_MAX_OCTETS)
		return false;
	if (!is_address(o->name))
		memcpy(c->name, o->name, len);
	*why = "a certificate cannot be verified for an address, only for a name";
	if (o->verify && c->name[0] == '\0')
		return false;
	*why = "no authorities are known here";
	return !o->verify || (o->anchors != NULL && tls_anchors_count(o->anchors) > 0);
}

static bool
start(struct client *c, const struct tls_client_options *o, const char **why)
{
	if (!set_name(c, o, why)) {
		errno = EINVAL;
		return false;
	}
	br_ssl_client_zero(&c->context);
	*why = "no random numbers are to be had";
	if (!tls_start_engine(&c->t, &c->context.eng, sizeof *c, o->fd, o->verify))
		return false;
	br_ssl_client_set_default_rsapub(&c->context);
	start_verifier(&c->verifier, o, &c->certificate);
	c->t.certificate_reason = c->verifier.reason;
	br_ssl_engine_set_x509(&c->context.eng, &c->verifier.vtable);
	if (o->identity != NULL)
		set_identity(&c->context, o->identity);
	if (br_ssl_client_reset(&c->context, c->name[0] == '\0' ? NULL : c->name, 0))
		return true;
	errno = EINVAL;
	return false;
}

struct tls *
tls_client_new(const struct tls_client_options *o, const char **why)
{
	struct client *c = calloc(1, sizeof *c);
	int e;

	*why = "out of memory";
	if (c == NULL)
		return NULL;
	c->t.size = sizeof *c;
	c->t.free_parts = free_client;
	if (start(c, o, why))
		return &c->t;
	e = errno;
	tls_free(&c->t);
	errno = e;
	return NULL;
}

const struct tls_certificate *
tls_client_certificate(const struct tls *t)
{
	return &((const struct client *)t)->certificate;
}
