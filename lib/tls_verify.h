/* tls_verify: what is made of the certificate that the other side shows, for clients and
 * servers. Part of lib/tls*.c; others use tls_client.h and tls_server.h. */
#ifndef PIPEPOST_TLS_VERIFY_H
#define PIPEPOST_TLS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearssl.h>
#include <skalibs/stralloc.h>

#include "lib/tls_anchor.h"
#include "lib/tls_certificate.h"
#include "lib/tls_internal.h"

enum {
	TLS_CHAIN_MAX = 16,		/* certificates */
	TLS_CHAIN_OCTETS_MAX = 131072,
	TLS_KNOWN_MAX = 32,		/* authorities with the names that a chain mentions */
};

/* What BearSSL sees as its X.509 engine. */
struct tls_verifier {
	const br_x509_class *vtable;	/* must be first */
	bool must_verify;
	bool needs_name;		/* without a name to look for, nothing is verified */
	const struct tls_anchors *anchors;	/* NULL: none */
	const char *name;
	uint32_t days, seconds;		/* now */

	stralloc octets;		/* of all certificates, one behind the other */
	size_t lens[TLS_CHAIN_MAX];
	size_t n;
	bool is_over;			/* over a limit */

	br_x509_minimal_context minimal;
	br_x509_decoder_context decoder;	/* holds the key of the first */
	br_x509_trust_anchor known[TLS_KNOWN_MAX];
	size_t nknown;
	char reason[TLS_REASON_MAX];
	struct tls_certificate *certificate;
};

/* Prepares v (all zero). reason: what is to be said while nothing has come.
 * certificate receives what is found out, and may point at v->reason. */
void tls_verifier_start(struct tls_verifier *v, const struct tls_anchors *anchors, bool must_verify,
    bool needs_name, const char *reason, struct tls_certificate *certificate);

void tls_verifier_free(struct tls_verifier *v);

#endif
