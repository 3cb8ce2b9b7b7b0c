/* parameter: the ESMTP parameters of MAIL and RCPT (RFC 5321 4.1.2, RFC 3461). Pure. */
#ifndef PIPEPOST_SMTP_RECV_PARAMETER_H
#define PIPEPOST_SMTP_RECV_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct parameter {
	const char *key;
	size_t key_len;
	const char *value;	/* NULL without '=' */
	size_t value_len;
};

/* Steps through s[0..len), what follows the path. *at begins at 0. False at the
 * end, or with *is_broken set where it is none (no blank in front, bad key). */
bool parameter_next(struct parameter *p, size_t *at, bool *is_broken, const char *s, size_t len);

/* Whether it has this key (ASCII case ignored). */
bool parameter_is(const struct parameter *p, const char *key);

/* Whether no parameter between s, where they begin, and this one has its key. */
bool parameter_is_first(const struct parameter *p, const char *s);

/* Whether it has this value (ASCII case ignored). */
bool parameter_has_value(const struct parameter *p, const char *value);

/* The value as a number; false if it is none, or has more than 20 digits (RFC
 * 1870). Values beyond 64 bits become UINT64_MAX. */
bool parameter_scan_size(uint64_t *n, const struct parameter *p);

/* Whether s is xtext (RFC 3461 4) that stands for printable ASCII; with allow_utf8
 * (RFC 6533) UTF-8 may stand in it too. */
bool parameter_is_xtext(const char *s, size_t len, bool allow_utf8);

/* NOTIFY's value as the letters of envelope.h: "never", or of s, f and d in this order. */
bool parameter_scan_notify(char letters[sizeof "never"], const struct parameter *p);

#endif
