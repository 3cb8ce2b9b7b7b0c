/* destination: where the jobs of a process go and how: the relay of a param, and the
 * files that it names. */
#ifndef PIPEPOST_DELIVER_REMOTE_DESTINATION_H
#define PIPEPOST_DELIVER_REMOTE_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

#include "deliver-remote/outcome.h"
#include "lib/relay.h"
#include "lib/tls_anchor.h"
#include "lib/tls_identity.h"

struct destination {
	stralloc param;			/* with NUL; empty: none yet */
	struct relay relay;
	struct tls_anchors *anchors;	/* NULL: none were asked for */
	struct tls_identity *identity;	/* likewise */
	uint32_t turn;			/* which of the relay's sources is next */
};

void destination_init(struct destination *d);
void destination_free(struct destination *d);

/* Whether it is that of the param. */
bool destination_is(const struct destination *d, const char *param);

/* Makes it that of the param. False with the reason; it is then none. */
bool destination_take(struct destination *d, const char *param, struct outcome *why);

#endif
