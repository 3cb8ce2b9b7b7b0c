/* tls_client: the client's side of a TLS session (tls.h), and what it thinks of the
 * server's certificate. */
#ifndef PIPEPOST_TLS_CLIENT_H
#define PIPEPOST_TLS_CLIENT_H

#include <stdbool.h>

#include "lib/tls.h"
#include "lib/tls_anchor.h"
#include "lib/tls_certificate.h"
#include "lib/tls_identity.h"

/* All by reference, for the life of the session. */
struct tls_client_options {
	int fd;					/* non-blocking, connected */
	const char *name;			/* of the server: sent as SNI, and looked for in the
						   certificate. A closing dot does not count. An address
						   (no brackets) is not sent, and no certificate can
						   have it: BearSSL reads only names there */
	bool verify;				/* else any certificate will do that can be read at all */
	const struct tls_anchors *anchors;	/* NULL: none is known */
	const struct tls_identity *identity;	/* NULL: no certificate of ours */
};

/* Makes a session; nothing is sent before tls_handshake(). NULL with errno
 * EINVAL (*why: verify without anchors, or with a name that cannot be verified or is
 * too long for TLS), ENOMEM, or that of getrandom. */
struct tls *tls_client_new(const struct tls_client_options *o, const char **why);

/* The server's certificate. t must come from tls_client_new(). */
const struct tls_certificate *tls_client_certificate(const struct tls *t);

#endif
