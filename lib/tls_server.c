/* tls_server: see tls_server.h.
 *
 * BearSSL's own policies for one key do the work; which of them it is, and with which
 * key, is only known when the client has said what name it wants. */
#include "lib/tls_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls_internal.h"
#include "lib/tls_verify.h"

struct server {
	struct tls t;			/* must be first */
	br_ssl_server_context context;
	struct policy {
		const br_ssl_server_policy_class *vtable;	/* must be first */
		struct server *server;
	} policy;
	const struct tls_server_options *options;
	struct tls_verifier verifier;
	struct tls_certificate certificate;
	br_x500_name *authorities;
	char name[TLS_SERVER_NAME_MAX + 1];
};

/* ---- the certificate to show ---- */

static bool
is_name(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == strlen(s);
}

static void
note_name(struct server *s)
{
	const char *wanted = br_ssl_engine_get_server_name(&s->context.eng);
	size_t len = strlen(wanted);

	if (len > TLS_SERVER_NAME_MAX)
		return;
	for (size_t i = 0; i <= len; i++)
		s->name[i] = wanted[i] >= 'A' && wanted[i] <= 'Z' ? (char)(wanted[i] - 'A' + 'a') : wanted[i];
	if (len > 0 && s->name[len - 1] == '.')
		s->name[len - 1] = '\0';
	if (!is_name(s->name))
		s->name[0] = '\0';
}

static void
set_identity(br_ssl_server_context *c, const struct tls_identity *i)
{
	if (i->key_type == BR_KEYTYPE_RSA)
		br_ssl_server_set_single_rsa(c, i->chain, i->nchain, br_skey_decoder_get_rsa(&i->key), BR_KEYTYPE_SIGN,
		    br_rsa_private_get_default(), br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_server_set_single_ec(c, i->chain, i->nchain, br_skey_decoder_get_ec(&i->key), BR_KEYTYPE_SIGN,
		    i->signer_key_type, br_ec_get_default(), br_ecdsa_sign_asn1_get_default());
}

static int
choose(const br_ssl_server_policy_class **c, const br_ssl_server_context *context, br_ssl_server_choices *choices)
{
	struct server *s = ((struct policy *)(void *)c)->server;
	const struct tls_identity *i;

	note_name(s);
	i = s->options->choose(s->options->arg, s->name);
	if (i == NULL)
		return 0;
	set_identity(&s->context, i);	/* from here on its policy is the engine's */
	return (*s->context.policy_vtable)->choose(s->context.policy_vtable, context, choices);
}

/* Asked before the choice, which never happens. */
static uint32_t
no_key_exchange(const br_ssl_server_policy_class **c, unsigned char *data, size_t *len)
{
	(void)c;
	(void)data;
	(void)len;
	return 0;
}

static size_t
no_signature(const br_ssl_server_policy_class **c, unsigned algorithm, unsigned char *data, size_t hash_len,
    size_t len)
{
	(void)c;
	(void)algorithm;
	(void)data;
	(void)hash_len;
	(void)len;
	return 0;
}

static const br_ssl_server_policy_class policy_class = {
	.context_size = sizeof(struct policy),
	.choose = choose,
	.do_keyx = no_key_exchange,
	.do_sign = no_signature,
};

/* ---- the client's certificate ---- */

static bool
ask_for_certificate(struct server *s, const struct tls_server_options *o, const char **why)
{
	size_t n = tls_anchors_count(o->anchors);

	*why = "out of memory";
	s->authorities = calloc(n, sizeof *s->authorities);
	if (s->authorities == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct der name = tls_anchors_name(o->anchors, i);

		s->authorities[i] = (br_x500_name){ .data = (unsigned char *)(uintptr_t)name.s, .len = name.len };
	}
	br_ssl_server_set_trust_anchor_names(&s->context, s->authorities, n);
	br_ssl_engine_set_x509(&s->context.eng, &s->verifier.vtable);
	if (!o->verify)
		br_ssl_engine_add_flags(&s->context.eng, BR_OPT_TOLERATE_NO_CLIENT_AUTH);
	return true;
}

/* ---- the session ---- */

static void
free_server(struct tls *t)
{
	struct server *s = (struct server *)t;

	tls_verifier_free(&s->verifier);
	free(s->authorities);
}

static bool
start(struct server *s, const struct tls_server_options *o, const char **why)
{
	bool has_anchors = o->anchors != NULL && tls_anchors_count(o->anchors) > 0;

	*why = "no authorities are known here";
	errno = EINVAL;
	if (o->verify && !has_anchors)
		return false;
	s->options = o;
	br_ssl_server_zero(&s->context);
	*why = "no random numbers are to be had";
	if (!tls_start_engine(&s->t, &s->context.eng, sizeof *s, o->fd, TLS_SUITES_AEAD))
		return false;
	br_ssl_engine_add_flags(&s->context.eng, BR_OPT_ENFORCE_SERVER_PREFERENCES);
	s->policy = (struct policy){ .vtable = &policy_class, .server = s };
	br_ssl_server_set_policy(&s->context, &s->policy.vtable);
	tls_verifier_start(&s->verifier, o->anchors, o->verify, false, "the client showed no certificate",
	    &s->certificate);
	s->t.certificate_reason = s->verifier.reason;
	if (has_anchors && !ask_for_certificate(s, o, why))
		return false;
	if (br_ssl_server_reset(&s->context))
		return true;
	errno = EINVAL;
	return false;
}

struct tls *
tls_server_new(const struct tls_server_options *o, const char **why)
{
	struct server *s = calloc(1, sizeof *s);
	int e;

	*why = "out of memory";
	if (s == NULL)
		return NULL;
	s->t.size = sizeof *s;
	s->t.free_parts = free_server;
	if (start(s, o, why))
		return &s->t;
	e = errno;
	tls_free(&s->t);
	errno = e;
	return NULL;
}

const char *
tls_server_name(const struct tls *t)
{
	return ((const struct server *)t)->name;
}

const struct tls_certificate *
tls_server_certificate(const struct tls *t)
{
	return &((const struct server *)t)->certificate;
}
