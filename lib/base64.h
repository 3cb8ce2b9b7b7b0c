/* base64: RFC 4648 section 4. */
#ifndef PIPEPOST_BASE64_H
#define PIPEPOST_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

/* Appends s[0..len) encoded. Fails with errno ENOMEM. */
bool base64_encode(stralloc *to, const char *s, size_t len);

/* Appends what s[0..len) stands for. Strict: padding whole, no blanks, no stray
 * bits. Fails with errno EPROTO, ENOMEM. */
bool base64_decode(stralloc *to, const char *s, size_t len);

#endif
