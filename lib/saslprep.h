/* saslprep: logins and passwords as they are compared: two ways to type the same characters are
 * the same, and what nobody can type is refused.
 *
 * By RFC 8265, the successor of SASLprep (RFC 4013), with today's Unicode and not that of 2002:
 * it leaves a password as it was typed but for the order of combining marks and the kind of
 * spaces, so that hashes which other programs made of the same password hold. Pure. */
#ifndef PIPEPOST_SASLPREP_H
#define PIPEPOST_SASLPREP_H

#include <stdbool.h>
#include <stddef.h>

enum { SASLPREP_MAX = 511 };	/* octets of what is prepared */

enum saslprep_profile {
	SASLPREP_PASSWORD,	/* OpaqueString */
	SASLPREP_LOGIN,		/* UsernameCaseMapped, for the keys of tables */
	SASLPREP_ACCOUNT,	/* UsernameCasePreserved, for the accounts of this system */
};

/* Writes s[0..len), UTF-8, as the profile has it to to[size], with NUL. A login may be an address:
 * the rules for the direction of writing are those of each part between '@' and '.'.
 * Fails with errno EPROTO (empty, not UTF-8, or a character that the profile does not permit, such
 * as a control or one that is not assigned), EMSGSIZE, ENOMEM. */
bool saslprep(char *to, size_t size, enum saslprep_profile profile, const char *s, size_t len);

#endif
