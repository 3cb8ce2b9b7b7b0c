/* der: the little of a certificate's encoding (X.690, RFC 5280) that is read here:
 * its names. Everything else about certificates is BearSSL's. */
#ifndef PIPEPOST_DER_H
#define PIPEPOST_DER_H

#include <stdbool.h>
#include <stddef.h>

struct der {
	const unsigned char *s;
	size_t len;
};

bool der_is_equal(struct der a, struct der b);

/* Finds the distinguished names of the certificate, each a whole element that
 * points into it. False: it is not a certificate. Signatures are not looked at. */
bool der_find_names(struct der certificate, struct der *issuer, struct der *subject);

/* Whether the certificate is for the host, which has no closing dot: one of its alternative names of type
 * dNSName is that, or "*." and what is behind its first dot; where it has none, its common name. */
bool der_covers_host(struct der certificate, const char *host);

/* The common name in a distinguished name, printable and ended by NUL: the last one, the
 * most specific. "" if there is none. Returns to. */
char *der_common_name(char *to, size_t size, struct der name);

#endif
