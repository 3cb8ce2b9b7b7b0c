/* tls_internal: what the parts of lib/tls*.c share. Others use tls.h. */
#ifndef PIPEPOST_TLS_INTERNAL_H
#define PIPEPOST_TLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearssl.h>

#include "lib/der.h"
#include "lib/smtp.h"
#include "lib/tls.h"
#include "lib/tls_anchor.h"
#include "lib/tls_identity.h"

enum {
	TLS_REASON_MAX = 160,
	TLS_EPOCH_DAYS = 719528,	/* BearSSL counts days from the year 0 */
	TLS_SECONDS_OF_DAY = 86400,
};

/* The head of what tls_client_new() (or a server's like) makes. */
struct tls {
	struct smtp_source source;	/* must be first */
	size_t size;			/* of the whole object: to wipe it */
	void (*free_parts)(struct tls *t);	/* what it holds memory for beside itself */
	int fd;
	br_ssl_engine_context *engine;
	const char *certificate_reason;	/* what to say for an error about the peer's certificate; may be NULL */
	char reason[TLS_REASON_MAX];
	unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

enum tls_suites {
	TLS_SUITES_ALL,			/* also without forward secrecy: better than clear text */
	TLS_SUITES_FORWARD_SECRET,
	TLS_SUITES_AEAD,		/* of those the ones with authenticated encryption */
};

/* Prepares t (all zero) and its engine: versions, algorithms, buffers, seed. Fails
 * with the errno of getrandom. */
bool tls_start_engine(struct tls *t, br_ssl_engine_context *engine, size_t size, int fd, enum tls_suites suites);

/* The engine has stopped by itself: puts the reason into words. Always false, with errno
 * EPIPE (closed by the peer) or EPROTO. */
bool tls_fail_engine(struct tls *t);

/* BearSSL's error (of the engine, or about a certificate) in words. */
const char *tls_error_words(int error);

/* Appends to list[0..*n) those that bear the name, up to max. Each has memory of its
 * own in dn.data: tls_anchors_release() frees it. Fails with errno ENOMEM. */
bool tls_anchors_find(const struct tls_anchors *a, struct der name, br_x509_trust_anchor *list, size_t *n,
    size_t max);
void tls_anchors_release(br_x509_trust_anchor *list, size_t n);

/* The distinguished name of the i-th, in the memory of a. */
struct der tls_anchors_name(const struct tls_anchors *a, size_t i);

/* A certificate chain and its key, as BearSSL's contexts want them. */
struct tls_identity {
	br_x509_certificate chain[TLS_IDENTITY_CHAIN_MAX];
	size_t nchain;
	unsigned signer_key_type;	/* of who signed chain[0]: BR_KEYTYPE_RSA or _EC */
	int64_t not_before, not_after;	/* of chain[0], Unix seconds */
	int key_type;			/* BR_KEYTYPE_RSA or _EC */
	br_skey_decoder_context key;	/* holds the key itself */
};

#endif
