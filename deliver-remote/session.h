/* session: one destination, one connection at a time, many messages. */
#ifndef PIPEPOST_DELIVER_REMOTE_SESSION_H
#define PIPEPOST_DELIVER_REMOTE_SESSION_H

#include <stdbool.h>

#include <skalibs/stralloc.h>

#include "deliver-remote/client.h"
#include "deliver-remote/delivery.h"

enum {
	SESSION_TRANSACTIONS_MAX = 100,		/* over one connection, as limit mta session-mail-max has it */
};

struct session {
	stralloc param;			/* of the destination that the connection leads to */
	struct client client;
};

void session_init(struct session *s);
void session_free(struct session *s);

/* Delivers to everybody in d who is not settled, over the open connection
 * where it leads to where the job wants to go, else over a new one. Afterwards all are
 * settled. The connection stays open where it can be used again. */
void session_deliver(struct session *s, struct delivery *d);

/* QUIT. */
void session_close(struct session *s);

/* The open connection's descriptor, to see whether the server hangs up; -1: none. */
int session_descriptor(const struct session *s);

#endif
