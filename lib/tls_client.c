/* tls_client: see tls_client.h.
 *
 * A certificate chain goes through BearSSL's verifier and, beside it, certificate by
 * certificate through its decoder: that one has the key where the chain is not to be
 * verified, and the dates and names that a clear reason needs. */
#include "lib/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/tls_internal.h"

enum {
	NAME_MAX_OCTETS = 253,		/* RFC 1035 3.1, as text */
	DN_MAX = 2048,			/* octets of a distinguished name that are looked at */
	RSA_OCTETS_MIN = 256,		/* of a modulus in a verified chain: 2048 bits */
	EPOCH_DAYS = 719528,		/* BearSSL counts days from the year 0 */
	SECONDS_OF_DAY = 86400,
};

/* What BearSSL sees as its X.509 engine. */
struct verifier {
	const br_x509_class *vtable;	/* must be first */
	bool must_verify, has_anchors, is_first;
	br_x509_minimal_context minimal;
	br_x509_decoder_context decoder;	/* of the current certificate */
	br_sha256_context digest;		/* of the first */
	uint32_t days, seconds;			/* now */
	unsigned char dn[DN_MAX];		/* subject of the first */
	size_t dn_len;

	br_x509_pkey key;			/* of the first; points into key_octets */
	unsigned char key_octets[BR_X509_BUFSIZE_KEY];
	bool has_key;
	int key_error;				/* why it has not */
	char reason[TLS_REASON_MAX];
	char date_reason[TLS_REASON_MAX];	/* about the first that is out of its time */
	struct tls_certificate *certificate;
};

struct client {
	struct tls t;			/* must be first */
	br_ssl_client_context context;
	struct verifier verifier;
	struct tls_certificate certificate;
	char name[NAME_MAX_OCTETS + 1];
};

/* ---- the certificates ---- */

static struct verifier *
verifier_of(const br_x509_class **c)
{
	return (struct verifier *)(void *)c;
}

static void
take_subject(void *to, const void *s, size_t len)
{
	struct verifier *v = to;

	if (len > sizeof v->dn - v->dn_len)
		len = sizeof v->dn - v->dn_len;
	memcpy(v->dn + v->dn_len, s, len);
	v->dn_len += len;
}

static void
start_chain(const br_x509_class **c, const char *name)
{
	struct verifier *v = verifier_of(c);

	v->is_first = true;
	v->has_key = false;
	v->key_error = BR_ERR_X509_EMPTY_CHAIN;
	v->dn_len = 0;
	v->minimal.vtable->start_chain(&v->minimal.vtable, name);
}

static void
start_certificate(const br_x509_class **c, uint32_t len)
{
	struct verifier *v = verifier_of(c);

	v->minimal.vtable->start_cert(&v->minimal.vtable, len);
	br_x509_decoder_init(&v->decoder, v->is_first ? take_subject : NULL, v);
	if (v->is_first)
		br_sha256_init(&v->digest);
}

static void
append(const br_x509_class **c, const unsigned char *s, size_t len)
{
	struct verifier *v = verifier_of(c);

	v->minimal.vtable->append(&v->minimal.vtable, s, len);
	br_x509_decoder_push(&v->decoder, s, len);
	if (v->is_first)
		br_sha256_update(&v->digest, s, len);
}

static void
keep_key(struct verifier *v)
{
	const br_x509_pkey *key = br_x509_decoder_get_pkey(&v->decoder);

	v->key_error = br_x509_decoder_last_error(&v->decoder);
	if (key == NULL)
		return;
	v->key = *key;
	memcpy(v->key_octets, v->decoder.pkey_data, sizeof v->key_octets);
	if (key->key_type == BR_KEYTYPE_RSA) {
		v->key.key.rsa.n = v->key_octets + (key->key.rsa.n - v->decoder.pkey_data);
		v->key.key.rsa.e = v->key_octets + (key->key.rsa.e - v->decoder.pkey_data);
	} else {
		v->key.key.ec.q = v->key_octets + (key->key.ec.q - v->decoder.pkey_data);
	}
	v->has_key = true;
}

static void
keep_fingerprint(struct verifier *v)
{
	unsigned char digest[br_sha256_SIZE];

	br_sha256_out(&v->digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(v->certificate->fingerprint + 2 * i, 3, "%02x", digest[i]);
}

/* "the certificate expired on 2026-01-31" */
static void
note_date(struct verifier *v, const char *words, uint32_t days)
{
	time_t then = ((time_t)days - EPOCH_DAYS) * SECONDS_OF_DAY;
	struct tm tm;

	if (v->date_reason[0] == '\0' && gmtime_r(&then, &tm) != NULL)
		snprintf(v->date_reason, sizeof v->date_reason, "%s %s on %04d-%02d-%02d",
		    v->is_first ? "the certificate" : "a certificate of the chain", words,
		    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static bool
is_before(uint32_t days, uint32_t seconds, uint32_t then_days, uint32_t then_seconds)
{
	return days < then_days || (days == then_days && seconds < then_seconds);
}

static void
check_dates(struct verifier *v)
{
	const br_x509_decoder_context *d = &v->decoder;

	if (br_x509_decoder_get_pkey(&v->decoder) == NULL)
		return;
	if (is_before(v->days, v->seconds, d->notbefore_days, d->notbefore_seconds))
		note_date(v, "is not valid yet: it begins", d->notbefore_days);
	else if (is_before(d->notafter_days, d->notafter_seconds, v->days, v->seconds))
		note_date(v, "expired", d->notafter_days);
}

static void
end_certificate(const br_x509_class **c)
{
	struct verifier *v = verifier_of(c);

	v->minimal.vtable->end_cert(&v->minimal.vtable);
	check_dates(v);
	if (v->is_first) {
		keep_key(v);
		keep_fingerprint(v);
		tls_common_name(v->certificate->subject, sizeof v->certificate->subject, v->dn, v->dn_len);
	}
	v->is_first = false;
}

static void
explain(struct verifier *v, unsigned error)
{
	const char *words = tls_error_words((int)error);

	if (error == BR_ERR_X509_EXPIRED && v->date_reason[0] != '\0')
		words = v->date_reason;
	else if (error == BR_ERR_X509_NOT_TRUSTED && !v->has_anchors)
		words = "no authorities are known here";
	if (words != NULL)
		snprintf(v->reason, sizeof v->reason, "%s", words);
	else
		snprintf(v->reason, sizeof v->reason, "the certificate is malformed (BearSSL error %u)", error);
}

static unsigned
end_chain(const br_x509_class **c)
{
	struct verifier *v = verifier_of(c);
	unsigned error = v->minimal.vtable->end_chain(&v->minimal.vtable);

	v->certificate->is_verified = error == 0 && v->minimal.server_name != NULL;
	if (error != 0)
		explain(v, error);
	else if (v->certificate->is_verified)
		v->reason[0] = '\0';
	if (error == 0 || v->must_verify)
		return error;
	return v->has_key ? 0 : (unsigned)v->key_error;
}

static const br_x509_pkey *
get_key(const br_x509_class *const *c, unsigned *usages)
{
	const struct verifier *v = (const struct verifier *)(const void *)c;

	if (v->certificate->is_verified)
		return v->minimal.vtable->get_pkey(&v->minimal.vtable, usages);
	if (usages != NULL)
		*usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
	return v->has_key ? &v->key : NULL;
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
	static const br_x509_trust_anchor none;
	size_t n = o->anchors == NULL ? 0 : tls_anchors_count(o->anchors);
	time_t now = time(NULL);

	v->vtable = &verifier_class;
	v->must_verify = o->verify;
	v->has_anchors = n > 0;
	v->certificate = certificate;
	certificate->reason = v->reason;
	snprintf(v->reason, sizeof v->reason, "%s", "there is no name to look for in the certificate");
	v->days = (uint32_t)(now / SECONDS_OF_DAY + EPOCH_DAYS);
	v->seconds = (uint32_t)(now % SECONDS_OF_DAY);

	/* SHA-1 signatures count for nothing. */
	br_x509_minimal_init(&v->minimal, &br_sha256_vtable, n == 0 ? &none : tls_anchors_list(o->anchors), n);
	br_x509_minimal_set_hash(&v->minimal, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(&v->minimal, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(&v->minimal, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_rsa(&v->minimal, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_ecdsa(&v->minimal, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
	br_x509_minimal_set_minrsa(&v->minimal, RSA_OCTETS_MIN);
	br_x509_minimal_set_time(&v->minimal, v->days, v->seconds);
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
