/* connection: the line to a server, in clear or under TLS, with a deadline for
 * each step.
 *
 * What is to be sent is collected in `out`; nothing is read that was there
 * before a TLS handshake. */
#ifndef PIPEPOST_DELIVER_REMOTE_CONNECTION_H
#define PIPEPOST_DELIVER_REMOTE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "lib/smtp.h"
#include "lib/tls_client.h"

/* Seconds for each step: RFC 5321 4.5.3.2 where it names one. */
enum {
	STEP_CONNECT_SECONDS = 30,	/* for each address */
	STEP_GREETING_SECONDS = 300,	/* 4.5.3.2.1 */
	STEP_HELLO_SECONDS = 300,
	STEP_TLS_SECONDS = 120,		/* the handshake */
	STEP_AUTH_SECONDS = 300,	/* each reply of the exchange */
	STEP_MAIL_SECONDS = 300,	/* 4.5.3.2.2 */
	STEP_RCPT_SECONDS = 300,	/* 4.5.3.2.3 */
	STEP_DATA_SECONDS = 120,	/* 4.5.3.2.4 */
	STEP_BLOCK_SECONDS = 180,	/* each piece of text, 4.5.3.2.5 */
	STEP_END_SECONDS = 600,		/* 4.5.3.2.6; LMTP: for each recipient */
	STEP_RSET_SECONDS = 20,
	STEP_LAST_WORDS_SECONDS = 5,	/* for a reply that a server gave in the middle of the text */
};

enum { CONNECTION_PEER_MAX = 320 };	/* octets of "name[address]" with NUL */

struct connection {
	int fd;					/* -1: closed */
	unsigned step_seconds;			/* no step is longer; 0: as above */
	tain limit;				/* nor is anything waited for beyond this */
	char peer[CONNECTION_PEER_MAX];		/* for words: "mx.example.net[192.0.2.1]", printable */
	const char *id;				/* for the log: the message's */
	const char *protocol;			/* for the log: "SMTP", "LMTP" */
	struct tls *tls;			/* NULL: clear text */
	stralloc out;
	bool has_secret;			/* in out: wiped when it has been sent */
	unsigned nreplies;			/* read since it was opened */
	struct smtp_reply reply;
	struct smtp_input in;
};

/* Makes a closed connection of it, once. */
void connection_init(struct connection *c);
void connection_free(struct connection *c);

/* Connects, from the local address source unless it is NULL. Fails with errno
 * ETIMEDOUT or that of socket, bind or connect. */
bool connection_open(struct connection *c, const struct sockaddr *to, socklen_t len, const struct sockaddr *source,
    socklen_t source_len);
bool connection_is_open(const struct connection *c);

/* Closes it; under TLS the server is told. Says nothing else. */
void connection_close(struct connection *c);

/* Appends a command line to `out`, CRLF added, and logs it where conversations
 * are logged. Fails with errno ENOMEM. */
bool connection_command(struct connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends a line that nobody may see: the log has the words instead. Fails with errno ENOMEM. */
bool connection_secret(struct connection *c, const char *line, size_t len, const char *words);

/* Sends what is in `out`. Fails with errno ETIMEDOUT, EPIPE or that of send. */
bool connection_flush(struct connection *c, unsigned seconds);

/* Reads one reply. Fails as smtp_read_reply does. */
bool connection_reply(struct connection *c, unsigned seconds);

/* Sends, and reads one reply. */
bool connection_ask(struct connection *c, unsigned seconds);

/* Whether the server has said something unasked, or hung up. */
bool connection_has_news(struct connection *c);

/* Goes over to TLS, whose session it then owns: all that was read in clear text is thrown
 * away, with a line in the log, before the handshake. o->fd is filled in. Fails with errno from tls_client_new()
 * (*why in words) or tls_handshake() (*why likewise); the connection is then only good for closing. */
bool connection_start_tls(struct connection *c, const struct tls_client_options *o, const char **why);

/* The words for errno as the functions above set it. */
const char *connection_why(const struct connection *c, int error);

#endif
