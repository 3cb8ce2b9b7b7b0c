/* sasl: the client's side of SMTP AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN,
 * CRAM-MD5 (RFC 2195) and XOAUTH2, as pure functions: a challenge in, a response out,
 * both as base64 as they stand in the protocol's lines.
 *
 * Responses hold secrets: never log them. */
#ifndef PIPEPOST_SASL_H
#define PIPEPOST_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/secret.h"

enum {
	SASL_CHALLENGE_MAX = 3072,	/* octets of a challenge, before base64 is taken off */
	SASL_INITIAL_MAX = 490,		/* octets of an initial response: the AUTH line stays under 512,
					   RFC 4954 4; a longer one waits for the first 334 */
};

enum sasl_mechanism { SASL_PLAIN, SASL_LOGIN, SASL_CRAM_MD5, SASL_XOAUTH2 };

/* "PLAIN" ... */
const char *sasl_name(enum sasl_mechanism m);

/* Chooses from the words of the server's AUTH line s[0..len) ("PLAIN LOGIN
 * CRAM-MD5", any case) for that secret: a token goes by XOAUTH2 only; a password
 * by PLAIN, LOGIN, CRAM-MD5 in this order (the session is under TLS, where
 * CRAM-MD5 protects nothing more and fails where the server keeps only hashes). A
 * command's output that is not marked as a token is tried as one where the server knows
 * nothing else. False: the server offers nothing for it. */
bool sasl_choose(enum sasl_mechanism *m, const char *s, size_t len, const struct secret *secret);

struct sasl {
	enum sasl_mechanism mechanism;
	const struct secret *secret;	/* by reference */
	unsigned step;			/* begins at 0 */
	stralloc complaint;		/* XOAUTH2: what the server said instead of 235, decoded;
					   data of the peer. The caller frees it */
};

/* Appends to *command (no CRLF) the whole AUTH line, with an initial response where
 * the mechanism has one and it is short enough. Fails with errno ENOMEM. */
bool sasl_start(struct sasl *s, stralloc *command);

/* After a reply 334 with the text challenge[0..len): appends the response line (no
 * CRLF, may be empty) to *response. Fails with errno EPROTO (not base64, or one
 * challenge too many: send "*"), EMSGSIZE (over SASL_CHALLENGE_MAX), ENOMEM. */
bool sasl_answer(struct sasl *s, stralloc *response, const char *challenge, size_t len);

#endif
