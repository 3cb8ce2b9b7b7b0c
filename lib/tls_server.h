/* tls_server: the server's side of a TLS session (tls.h): shows the certificate that fits
 * the name the client asks for, and looks at the client's certificate where that is wanted.
 *
 * ECDHE with authenticated encryption only. No session is resumed. */
#ifndef PIPEPOST_TLS_SERVER_H
#define PIPEPOST_TLS_SERVER_H

#include <stdbool.h>

#include "lib/tls.h"
#include "lib/tls_anchor.h"
#include "lib/tls_certificate.h"
#include "lib/tls_identity.h"

enum { TLS_SERVER_NAME_MAX = 255 };

/* All by reference, for the life of the session. */
struct tls_server_options {
	int fd;					/* non-blocking, connected */
	/* The identity to show to a client that asks for name: lower case, only letters,
	 * digits and "-._"; "" where it asks for none, or for what is no name. NULL: none,
	 * the handshake fails. Called once. */
	const struct tls_identity *(*choose)(void *arg, const char *name);
	void *arg;
	const struct tls_anchors *anchors;	/* NULL: no client is asked for a certificate */
	bool verify;				/* one that is good is a condition */
};

/* Makes a session; nothing is read or sent before tls_handshake(). NULL with errno
 * EINVAL (*why: verify without anchors), ENOMEM, or that of getrandom. */
struct tls *tls_server_new(const struct tls_server_options *o, const char **why);

/* t must come from tls_server_new(). The name as choose() had it; the client's certificate. */
const char *tls_server_name(const struct tls *t);
const struct tls_certificate *tls_server_certificate(const struct tls *t);

#endif
