/* tls: one TLS session over a non-blocking descriptor, spoken by BearSSL's
 * engine, as client (tls_client.h) or as server.
 *
 * TLS 1.2 only. Every wait has an absolute deadline. What goes wrong inside TLS
 * has the errno EPROTO, and a reason in words. */
#ifndef PIPEPOST_TLS_H
#define PIPEPOST_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/tai.h>

#include "lib/smtp.h"

struct tls;

/* Does the handshake, to where text can be sent. Fails with errno ETIMEDOUT,
 * EPROTO, ECONNRESET (cut off, or closed in the middle), or that of read and
 * write. After a failure of any function here (EAGAIN is none) the session is only
 * good for tls_reason(), tls_free() and, where a write has failed, tls_read(). */
bool tls_handshake(struct tls *t, const tain *deadline);

/* Reads at most len octets, waiting for the first until the deadline; with
 * deadline NULL not at all. Returns their number, 0 after the peer's
 * close-notify, -1 with errno ETIMEDOUT, EAGAIN (deadline NULL), ECONNRESET
 * (the connection ended without close-notify: what came may be cut off), EPROTO
 * or that of read. */
ssize_t tls_read(struct tls *t, char *s, size_t len, const tain *deadline);

/* Sends all of s[0..len), to the last octet. Fails with errno ETIMEDOUT, EPIPE (the
 * peer has closed the session), ECONNRESET, EPROTO or that of write. */
bool tls_write(struct tls *t, const char *s, size_t len, const tain *deadline);

/* Sends close-notify and does not wait for the peer's; the descriptor stays open.
 * Best effort: fails as tls_write does. */
bool tls_close(struct tls *t, const tain *deadline);

/* Wipes and frees everything. The descriptor is the caller's. */
void tls_free(struct tls *t);

/* Between the reply 220 and the handshake: throws away all that was read in clear
 * text, and makes the readers of smtp.h read from t from now on. Returns the
 * number of octets that were thrown away: more than 0 means that somebody has put
 * text in front of the handshake. t must live as long as the input is used; after it
 * in->source may be set to NULL by hand. */
size_t tls_take_input(struct tls *t, struct smtp_input *in);

/* Why the last call failed, in words for a log line or a report
 * ("the certificate expired on 2026-01-31"). Never NULL; no peer's text. */
const char *tls_reason(const struct tls *t);

/* After the handshake. */
const char *tls_protocol(const struct tls *t);	/* "TLSv1.2" */
const char *tls_cipher(const struct tls *t);	/* IANA's name, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" */
unsigned tls_cipher_bits(const struct tls *t);	/* 128 or 256 */

#endif
