/* saslprep_class: which characters a password or a login may hold (RFC 8264), by what libunistring
 * knows of each. Private to lib/saslprep*.c. Pure. */
#ifndef PIPEPOST_SASLPREP_CLASS_H
#define PIPEPOST_SASLPREP_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether s[0..n) is a string of the FreeformClass; with is_identifier, of the IdentifierClass, in which
 * blanks may separate (RFC 8265 3.1). */
bool saslprep_is_of_class(const uint32_t *s, size_t n, bool is_identifier);

/* Whether s[0..n) keeps the Bidi Rule (RFC 5893 2), which is for strings with a character that is
 * written from right to left. */
bool saslprep_keeps_bidi(const uint32_t *s, size_t n);

#endif
