/* session: one destination, one connection at a time, many messages. */
#ifndef PIPEPOST_DELIVER_REMOTE_SESSION_H
#define PIPEPOST_DELIVER_REMOTE_SESSION_H

#include <stdbool.h>

#include <skalibs/tai.h>

#include "deliver-remote/client.h"
#include "deliver-remote/credentials.h"
#include "deliver-remote/delivery.h"
#include "deliver-remote/destination.h"
#include "lib/dns.h"

struct session {
	struct destination destination;		/* that the connection leads to */
	struct credentials credentials;
	struct dns dns;
	struct client client;
	unsigned nfailures;			/* of the connection: recipients not delivered to */
	tain last_end;				/* of its last transaction */
	bool is_spent;				/* its credentials do not do: client.why tells */
};

/* First thing in main(): it takes over a descriptor. */
void session_init(struct session *s);
void session_free(struct session *s);

/* Delivers to everybody in d who is not settled, over the open connection
 * where it leads to where the job wants to go, else over a new one. Afterwards all are
 * settled. The connection stays open where it can be used again. A spent session only defers. */
void session_deliver(struct session *s, struct delivery *d);

/* QUIT. */
void session_close(struct session *s);

/* The open connection's descriptor, to see whether the server hangs up; -1: none. */
int session_descriptor(const struct session *s);

/* How long an open connection is kept without a job. */
unsigned session_keepalive_seconds(const struct session *s);

#endif
