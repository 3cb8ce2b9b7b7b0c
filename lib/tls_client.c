/* tls_client: see tls_client.h. */
#include "lib/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls_internal.h"
#include "lib/tls_verify.h"

enum { NAME_MAX_OCTETS = 253 };		/* RFC 1035 3.1, as text */

struct client {
	struct tls t;			/* must be first */
	br_ssl_client_context context;
	struct tls_verifier verifier;
	struct tls_certificate certificate;
	char name[NAME_MAX_OCTETS + 1];
};

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
	tls_verifier_free(&((struct client *)t)->verifier);
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
	if (!tls_start_engine(&c->t, &c->context.eng, sizeof *c, o->fd,
	    o->verify ? TLS_SUITES_FORWARD_SECRET : TLS_SUITES_ALL))
		return false;
	br_ssl_client_set_default_rsapub(&c->context);
	tls_verifier_start(&c->verifier, o->anchors, o->verify, true,
	    "there is no name to look for in the certificate", &c->certificate);
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
