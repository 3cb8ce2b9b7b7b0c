/* way: one job's way to a session: the servers of its destination, and how far each of
 * them has let us come. */
#ifndef PIPEPOST_DELIVER_REMOTE_WAY_H
#define PIPEPOST_DELIVER_REMOTE_WAY_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/genalloc.h>

#include "deliver-remote/client.h"
#include "deliver-remote/credentials.h"
#include "deliver-remote/destination.h"
#include "lib/dns.h"

struct way {
	struct destination *destination;
	struct credentials *credentials;
	struct dns *dns;
	genalloc targets;		/* struct mx_target; empty until looked up */
	size_t next;
	bool is_looked_up;
	bool is_turned_away;		/* some server has spoken: the destination is not dead */
	bool is_hopeless;		/* no server would do with the credentials that there are */
	unsigned nreplies;		/* of the attempt that best is about */
	struct outcome best;		/* the reason that tells most */
};
#define WAY_ZERO(d, c, n) { .destination = (d), .credentials = (c), .dns = (n), .targets = GENALLOC_ZERO, \
	.best = { .is_settled = false } }
void way_free(struct way *w);

/* A session with the next server that lets us in. False: with none, and c->why tells: FAILED is
 * what DNS has proven, DEFERRED what a server has said, UNREACHABLE all else. */
bool way_open_next(struct way *w, struct client *c);

/* A session has ended before MAIL was answered: c->why counts like that of a server that did not let us in. */
void way_note_failure(struct way *w, const struct client *c);

#endif
