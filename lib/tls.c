/* tls: see tls.h. BearSSL's engine knows no descriptors: it is asked what it wants
 * to send or receive, and gets it here. Text that has arrived stays readable after
 * a failed write, so that a server's last words are heard. */
#include "lib/tls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/tls_internal.h"
#include "lib/wait.h"

enum { SEED_SIZE = 48 };

/* ---- failures ---- */

static void
set_reason(struct tls *t, const char *words)
{
	snprintf(t->reason, sizeof t->reason, "%s", words);
}

static bool
fail(struct tls *t, int error, const char *words)
{
	if (words != NULL)
		set_reason(t, words);
	errno = error;
	return false;
}

const char *
tls_reason(const struct tls *t)
{
	return t->reason;
}

static const struct alert {
	int number;
	const char *name;	/* RFC 5246 7.2 */
} alerts[] = {
	{ 10, "unexpected_message" },
	{ 20, "bad_record_mac" },
	{ 22, "record_overflow" },
	{ 40, "handshake_failure" },
	{ 42, "bad_certificate" },
	{ 43, "unsupported_certificate" },
	{ 44, "certificate_revoked" },
	{ 45, "certificate_expired" },
	{ 46, "certificate_unknown" },
	{ 47, "illegal_parameter" },
	{ 48, "unknown_ca" },
	{ 49, "access_denied" },
	{ 50, "decode_error" },
	{ 51, "decrypt_error" },
	{ 70, "protocol_version" },
	{ 71, "insufficient_security" },
	{ 80, "internal_error" },
	{ 90, "user_canceled" },
	{ 112, "unrecognized_name" },
	{ 116, "certificate_required" },
};

static const char *
alert_name(int number)
{
	for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
		if (alerts[i].number == number)
			return alerts[i].name;
	return "unknown";
}

static const struct error {
	int number;
	const char *words;
} errors[] = {
	{ BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS, or not version 1.2" },
	{ BR_ERR_BAD_VERSION, "the peer does not speak TLS" },
	{ BR_ERR_UNKNOWN_TYPE, "the peer does not speak TLS" },
	{ BR_ERR_BAD_LENGTH, "the peer does not speak TLS" },
	{ BR_ERR_TOO_LARGE, "the peer sent a record that is too large" },
	{ BR_ERR_BAD_MAC, "what came was changed on its way (bad MAC)" },
	{ BR_ERR_NO_RANDOM, "no random numbers are to be had" },
	{ BR_ERR_UNEXPECTED, "the peer sent a message out of order" },
	{ BR_ERR_BAD_CIPHER_SUITE, "the peer chose a cipher suite that was not offered" },
	{ BR_ERR_BAD_SECRENEG, "the peer's secure renegotiation data is wrong" },
	{ BR_ERR_BAD_FINISHED, "the handshake was changed on its way (bad Finished)" },
	{ BR_ERR_INVALID_ALGORITHM, "the peer chose an algorithm or curve that is not supported" },
	{ BR_ERR_BAD_SIGNATURE, "the peer's signature of the handshake is wrong" },
	{ BR_ERR_WRONG_KEY_USAGE, "the certificate's key is not for this cipher suite" },
	{ BR_ERR_NO_CLIENT_AUTH, "the peer sent no certificate" },
	{ BR_ERR_X509_EMPTY_CHAIN, "the peer sent no certificate" },
	{ BR_ERR_X509_UNSUPPORTED, "the certificate uses an algorithm that is not supported, or no longer" },
	{ BR_ERR_X509_LIMIT_EXCEEDED, "the certificate, its key or its chain is too large" },
	{ BR_ERR_X509_WRONG_KEY_TYPE, "the certificate's key is of the wrong type" },
	{ BR_ERR_X509_BAD_SIGNATURE, "a certificate's signature is wrong" },
	{ BR_ERR_X509_EXPIRED, "the certificate is expired or not yet valid" },
	{ BR_ERR_X509_DN_MISMATCH, "the certificates of the chain do not belong together" },
	{ BR_ERR_X509_BAD_SERVER_NAME, "the certificate is for another name" },
	{ BR_ERR_X509_CRITICAL_EXTENSION, "the certificate has a critical extension that is not supported" },
	{ BR_ERR_X509_NOT_CA, "the certificate was signed by one that is no authority" },
	{ BR_ERR_X509_FORBIDDEN_KEY_USAGE, "the certificate was signed by one that may not sign certificates" },
	{ BR_ERR_X509_WEAK_PUBLIC_KEY, "a key in the certificate chain is weak (RSA under 2048 bits)" },
	{ BR_ERR_X509_NOT_TRUSTED, "the certificate is self-signed, or its issuer is unknown" },
};

const char *
tls_error_words(int error)
{
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (errors[i].number == error)
			return errors[i].words;
	return NULL;
}

bool
tls_fail_engine(struct tls *t)
{
	int e = br_ssl_engine_last_error(t->engine);
	const char *words = tls_error_words(e);

	if (e == BR_ERR_OK)
		return fail(t, EPIPE, "the peer has closed the session");
	if (e >= BR_ERR_X509_OK && e <= BR_ERR_X509_NOT_TRUSTED && t->certificate_reason != NULL &&
	    t->certificate_reason[0] != '\0')
		words = t->certificate_reason;
	if (e >= BR_ERR_SEND_FATAL_ALERT)
		snprintf(t->reason, sizeof t->reason, "the handshake failed (alert %s sent)",
		    alert_name(e - BR_ERR_SEND_FATAL_ALERT));
	else if (e >= BR_ERR_RECV_FATAL_ALERT)
		snprintf(t->reason, sizeof t->reason, "the peer refused (alert %s)",
		    alert_name(e - BR_ERR_RECV_FATAL_ALERT));
	else if (words != NULL)
		set_reason(t, words);
	else
		snprintf(t->reason, sizeof t->reason, "%s (BearSSL error %d)",
		    e > BR_ERR_X509_OK ? "the certificate is malformed" : "the peer broke the protocol", e);
	return fail(t, EPROTO, NULL);
}

/* ---- records ---- */

/* Sends of the engine's record what the descriptor takes: false with EAGAIN if nothing. */
static bool
send_record(struct tls *t)
{
	size_t len;
	const unsigned char *s = br_ssl_engine_sendrec_buf(t->engine, &len);
	ssize_t n;

	do
		n = send(t->fd, s, len, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return fail(t, errno, errno == EAGAIN ? NULL : strerror(errno));
	br_ssl_engine_sendrec_ack(t->engine, (size_t)n);
	return true;
}

static bool
receive_record(struct tls *t)
{
	size_t len;
	unsigned char *s = br_ssl_engine_recvrec_buf(t->engine, &len);
	ssize_t n;

	do
		n = recv(t->fd, s, len, 0);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		return fail(t, ECONNRESET, "the connection was cut without close-notify");
	if (n == -1)
		return fail(t, errno, errno == EAGAIN ? NULL : strerror(errno));
	br_ssl_engine_recvrec_ack(t->engine, (size_t)n);
	return true;
}

enum goal {
	GOAL_OPEN,	/* the handshake is done and sent */
	GOAL_INPUT,	/* text can be read */
	GOAL_ROOM,	/* text can be written */
	GOAL_SENT,	/* all records have gone out */
};

static bool
is_reached(enum goal goal, unsigned state)
{
	switch (goal) {
	case GOAL_OPEN:
		return (state & BR_SSL_SENDAPP) != 0 && (state & BR_SSL_SENDREC) == 0;
	case GOAL_INPUT:
		return (state & BR_SSL_RECVAPP) != 0;
	case GOAL_ROOM:
		return (state & BR_SSL_SENDAPP) != 0;
	case GOAL_SENT:
		return (state & BR_SSL_SENDREC) == 0;
	}
	return false;
}

static bool
wait_for_either(struct tls *t, short events, const tain *deadline)
{
	struct pollfd p = { .fd = t->fd, .events = events };
	int ms, r;

	if (deadline == NULL)
		return fail(t, EAGAIN, NULL);
	do {
		ms = wait_milliseconds(deadline);
		if (ms == 0)
			return fail(t, ETIMEDOUT, "no answer within the time limit");
		r = poll(&p, 1, ms);
	} while (r == 0 || (r == -1 && errno == EINTR));
	return r > 0 || fail(t, errno, strerror(errno));
}

/* Moves records until the goal is reached. While a write waits for the peer, what
 * the peer sends is taken in (a record of it), as far as there is room. */
static bool
advance(struct tls *t, enum goal goal, const tain *deadline)
{
	for (;;) {
		unsigned state = br_ssl_engine_current_state(t->engine);
		short events = 0;

		if (is_reached(goal, state))
			return true;
		if ((state & BR_SSL_CLOSED) != 0)
			return tls_fail_engine(t);
		if ((state & BR_SSL_SENDREC) != 0) {
			if (send_record(t))
				continue;
			if (errno != EAGAIN)
				return false;
			events |= POLLOUT;
		}
		if ((state & BR_SSL_RECVREC) != 0) {
			if (receive_record(t))
				continue;
			if (errno != EAGAIN)
				return false;
			events |= POLLIN;
		}
		if (events == 0)
			return fail(t, EPROTO, "the session is stuck");
		if (!wait_for_either(t, events, deadline))
			return false;
	}
}

/* ---- the interface ---- */

bool
tls_handshake(struct tls *t, const tain *deadline)
{
	if (advance(t, GOAL_OPEN, deadline))
		return true;
	if (errno == EPIPE)
		return fail(t, ECONNRESET, "the peer closed the connection in the middle of the handshake");
	return errno != ECONNRESET ? false :
	    fail(t, ECONNRESET, "the connection was cut in the middle of the handshake");
}

ssize_t
tls_read(struct tls *t, char *s, size_t len, const tain *deadline)
{
	const unsigned char *text;
	size_t n;

	if (!advance(t, GOAL_INPUT, deadline))
		return errno == EPIPE && br_ssl_engine_last_error(t->engine) == BR_ERR_OK ? 0 : -1;
	text = br_ssl_engine_recvapp_buf(t->engine, &n);
	if (n > len)
		n = len;
	memcpy(s, text, n);
	br_ssl_engine_recvapp_ack(t->engine, n);
	return (ssize_t)n;
}

bool
tls_write(struct tls *t, const char *s, size_t len, const tain *deadline)
{
	while (len > 0) {
		unsigned char *room;
		size_t n;

		if (!advance(t, GOAL_ROOM, deadline))
			return false;
		room = br_ssl_engine_sendapp_buf(t->engine, &n);
		if (n > len)
			n = len;
		memcpy(room, s, n);
		br_ssl_engine_sendapp_ack(t->engine, n);
		s += n;
		len -= n;
	}
	br_ssl_engine_flush(t->engine, 0);
	return advance(t, GOAL_SENT, deadline);
}

bool
tls_close(struct tls *t, const tain *deadline)
{
	br_ssl_engine_close(t->engine);
	return advance(t, GOAL_SENT, deadline);
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	t->free_parts(t);
	explicit_bzero(t, t->size);
	free(t);
}

static ssize_t
read_as_source(struct smtp_source *source, char *s, size_t len, const tain *deadline)
{
	return tls_read((struct tls *)source, s, len, deadline);
}

size_t
tls_take_input(struct tls *t, struct smtp_input *in)
{
	in->source = &t->source;
	return smtp_discard_input(in);
}

/* ---- beginning ---- */

static const struct suite {
	uint16_t id;
	enum tls_suites strictest;	/* where it still belongs */
	unsigned bits;
	const char *name;
} suites[] = {
#define SUITE(name, strictest, bits) { BR_TLS_##name, TLS_SUITES_##strictest, bits, "TLS_" #name }
	SUITE(ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, AEAD, 128),
	SUITE(ECDHE_RSA_WITH_AES_128_GCM_SHA256, AEAD, 128),
	SUITE(ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, AEAD, 256),
	SUITE(ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, AEAD, 256),
	SUITE(ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, AEAD, 256),
	SUITE(ECDHE_RSA_WITH_AES_256_GCM_SHA384, AEAD, 256),
	SUITE(ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, FORWARD_SECRET, 128),
	SUITE(ECDHE_RSA_WITH_AES_128_CBC_SHA256, FORWARD_SECRET, 128),
	SUITE(ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, FORWARD_SECRET, 256),
	SUITE(ECDHE_RSA_WITH_AES_256_CBC_SHA384, FORWARD_SECRET, 256),
	SUITE(RSA_WITH_AES_128_GCM_SHA256, ALL, 128),
	SUITE(RSA_WITH_AES_256_GCM_SHA384, ALL, 256),
};

static const struct suite *
find_suite(const struct tls *t)
{
	br_ssl_session_parameters session;

	br_ssl_engine_get_session_parameters(t->engine, &session);
	for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
		if (suites[i].id == session.cipher_suite)
			return &suites[i];
	return NULL;
}

const char *
tls_protocol(const struct tls *t)
{
	return br_ssl_engine_get_version(t->engine) == BR_TLS12 ? "TLSv1.2" : "none";
}

const char *
tls_cipher(const struct tls *t)
{
	const struct suite *s = find_suite(t);

	return s == NULL ? "none" : s->name;
}

unsigned
tls_cipher_bits(const struct tls *t)
{
	const struct suite *s = find_suite(t);

	return s == NULL ? 0 : s->bits;
}

static void
set_algorithms(br_ssl_engine_context *e, enum tls_suites wanted)
{
	uint16_t ids[sizeof suites / sizeof suites[0]];
	size_t n = 0;

	for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
		if (suites[i].strictest >= wanted)
			ids[n++] = suites[i].id;
	br_ssl_engine_set_suites(e, ids, n);
	br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_default_rsavrfy(e);
	br_ssl_engine_set_default_ecdsa(e);	/* and the curves */
	br_ssl_engine_set_default_aes_gcm(e);
	br_ssl_engine_set_default_aes_cbc(e);
	br_ssl_engine_set_default_chapol(e);
	br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(e, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(e, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(e, &br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(e, &br_tls12_sha384_prf);
	br_ssl_engine_add_flags(e, BR_OPT_NO_RENEGOTIATION);
}

static bool
seed(br_ssl_engine_context *e)
{
	unsigned char octets[SEED_SIZE];
	ssize_t n;

	do
		n = getrandom(octets, sizeof octets, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return false;
	br_ssl_engine_inject_entropy(e, octets, (size_t)n);
	explicit_bzero(octets, sizeof octets);
	return true;
}

bool
tls_start_engine(struct tls *t, br_ssl_engine_context *engine, size_t size, int fd, enum tls_suites wanted)
{
	t->source.read = read_as_source;
	t->size = size;
	t->fd = fd;
	t->engine = engine;
	set_reason(t, "nothing is wrong");
	set_algorithms(engine, wanted);
	br_ssl_engine_set_buffer(engine, t->buffer, sizeof t->buffer, 1);
	return seed(engine);
}
