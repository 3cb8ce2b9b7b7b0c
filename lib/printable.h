/* printable: the one way for somebody else's text into a log line, a reply or a report. */
#ifndef PIPEPOST_PRINTABLE_H
#define PIPEPOST_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

/* Appends s[0..len) to *to, control octets (0-31, 127) as \ooo and octets that
 * are not part of valid UTF-8, or are C1 controls, as \ooo too. A backslash
 * stays as it is: the text is for reading, not for decoding. No NUL is added.
 * Fails with errno ENOMEM. */
bool printable_append(stralloc *to, const char *s, size_t len);

/* The same into a fixed buffer of size octets, cut off where it is full and
 * always ended by NUL. Returns to. */
char *printable_copy(char *to, size_t size, const char *s, size_t len);

/* The same as a value between double quotes, both written too, for a log line of
 * key="value" pairs: `"` and `\` inside get a backslash, so that nobody's text ends
 * the value early. size is at least 3. Returns to. */
char *printable_quote(char *to, size_t size, const char *s, size_t len);

/* The length of the character at s[0..len), len > 0: a printable ASCII octet or
 * a well-formed, printable UTF-8 sequence (RFC 3629). 0 if there is none. */
size_t printable_character(const char *s, size_t len);

#endif
