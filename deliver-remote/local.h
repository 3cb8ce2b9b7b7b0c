/* local: our own side of a connection: the address it comes from, and the name that we
 * give in EHLO. Pure. */
#ifndef PIPEPOST_DELIVER_REMOTE_LOCAL_H
#define PIPEPOST_DELIVER_REMOTE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/relay.h"

enum local_source {
	LOCAL_ANY,		/* as the system chooses */
	LOCAL_SOURCE,		/* *source is set */
	LOCAL_NONE,		/* the relay has sources, but none of this family */
};

/* The turn-th of the relay's sources that are addresses of the family. */
enum local_source local_source(struct sockaddr_storage *source, socklen_t *len, const struct relay *r,
    sa_family_t family, uint32_t turn);

/* The name that goes with the local address: that of the relay's names, else its helo. */
const char *local_helo(const struct relay *r, const struct sockaddr_storage *address);

#endif
