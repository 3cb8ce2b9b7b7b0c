/* client: a session with an SMTP or LMTP server, from the greeting to QUIT. */
#ifndef PIPEPOST_DELIVER_REMOTE_CLIENT_H
#define PIPEPOST_DELIVER_REMOTE_CLIENT_H

#include <stdbool.h>

#include "deliver-remote/connection.h"
#include "deliver-remote/extension.h"
#include "deliver-remote/outcome.h"

struct client {
	struct connection c;
	struct extensions x;
	bool is_lmtp;
	bool needs_rset;		/* the last transaction left something behind */
	unsigned ntransactions;		/* MAIL commands that were answered */
	struct outcome why;		/* why there is no session, or it ended before a transaction */
};

enum welcome {
	WELCOME_READY,
	WELCOME_NEXT,		/* not here; another server may do: c->why */
};

/* On a connection just made: the greeting, EHLO (or HELO where it is refused, LHLO in LMTP)
 * with the name helo. Unless READY the connection is closed. */
enum welcome client_greet(struct client *c, const char *helo);

/* Whether a session that is open can take another transaction: RSET where it is needed,
 * and the server has not hung up meanwhile. If not, it is closed. */
bool client_is_ready(struct client *c);

/* QUIT, whose reply nobody waits for, where the server can still be spoken to. */
void client_quit(struct client *c);

/* Closes the connection, without QUIT; the words are for the log. */
void client_drop(struct client *c, const char *why);

/* Words for errno after a failure of the connection. */
const char *client_why(const struct client *c, int error);

#endif
