/* client: a session with an SMTP or LMTP server, from the greeting to QUIT. */
#ifndef PIPEPOST_DELIVER_REMOTE_CLIENT_H
#define PIPEPOST_DELIVER_REMOTE_CLIENT_H

#include <stdbool.h>

#include "deliver-remote/connection.h"
#include "deliver-remote/extension.h"
#include "deliver-remote/outcome.h"
#include "lib/secret.h"

enum client_tls {
	CLIENT_CLEAR,
	CLIENT_TLS_IF_OFFERED,
	CLIENT_TLS_REQUIRED,	/* by STARTTLS */
	CLIENT_TLS_AT_CONNECT,
};

/* How to begin. All by reference, for as long as client_greet() runs; anchors
 * and identity as long as the connection is open. */
struct client_options {
	bool is_lmtp;
	const char *helo;			/* our name */
	enum client_tls tls;
	struct tls_client_options tls_options;	/* without the descriptor */
	const struct secret *secret;		/* NULL: no AUTH. With one TLS is never left out */
};

struct client {
	struct connection c;
	struct extensions x;
	bool is_lmtp;
	bool needs_rset;		/* the last transaction left something behind */
	unsigned ntransactions;		/* MAIL commands that were answered */
	struct outcome why;		/* why there is no session, or it ended before a transaction. UNREACHABLE:
					 * no server's word, but the line, TLS, or AUTH */
};

/* Unless READY the connection is closed, and c->why tells. */
enum welcome {
	WELCOME_READY,
	WELCOME_NEXT,		/* not here; another server may do */
	WELCOME_CLEAR,		/* TLS failed and was not required: here, in clear text, it may do */
	WELCOME_NEVER,		/* not us: no server will do as things are */
};

/* On a connection just made: greeting, EHLO (HELO where it is refused; LHLO in
 * LMTP), TLS and EHLO again, AUTH. */
enum welcome client_greet(struct client *c, const struct client_options *o);

/* Whether a session that is open can take another transaction: RSET where it is needed,
 * and the server has not hung up meanwhile. If not, it is closed. */
bool client_is_ready(struct client *c);

/* QUIT, whose reply nobody waits for, where the server can still be spoken to. */
void client_quit(struct client *c);

/* ---- the steps: private to client.c, client_tls.c and client_auth.c ---- */

/* The connection is closed without QUIT; the words are for the log. */
void client_drop(struct client *c, const char *why);

/* The ends of a session that has hardly begun; all return what they are given
 * or NEXT, with c->why set and the connection closed. lose: the connection failed,
 * errno tells. turn_away: the reply says so. give_up: as c->why says. */
enum welcome client_lose(struct client *c, const char *step);
enum welcome client_turn_away(struct client *c, enum welcome w);
enum welcome client_give_up(struct client *c, enum welcome w);

/* STARTTLS where it is to be, and the handshake; client_secure is the latter alone. READY
 * with c->c.tls NULL: it is not offered, and not required. */
enum welcome client_start_tls(struct client *c, const struct client_options *o);
enum welcome client_secure(struct client *c, const struct client_options *o);

enum welcome client_authenticate(struct client *c, const struct secret *secret);

#endif
