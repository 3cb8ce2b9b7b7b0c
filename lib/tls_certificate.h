/* tls_certificate: what is known of the certificate that the other side has shown. */
#ifndef PIPEPOST_TLS_CERTIFICATE_H
#define PIPEPOST_TLS_CERTIFICATE_H

#include <stdbool.h>

enum {
	TLS_SUBJECT_MAX = 256,		/* octets of the name that is kept */
	TLS_FINGERPRINT_SIZE = 65,	/* SHA-256 in hexadecimal, and NUL */
};

/* From the handshake on (also after one that failed for it). */
struct tls_certificate {
	bool is_verified;			/* the chain, and a server's name */
	const char *reason;			/* why it is not (as tls_reason); "" where it is */
	char subject[TLS_SUBJECT_MAX];		/* its common name, printable; "" without */
	char fingerprint[TLS_FINGERPRINT_SIZE];	/* of the whole certificate; "" before it came */
};

#endif
