/* target: the addresses behind a destination, in the order in which they are tried. */
#ifndef PIPEPOST_DELIVER_REMOTE_TARGET_H
#define PIPEPOST_DELIVER_REMOTE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <skalibs/genalloc.h>

#include "deliver-remote/outcome.h"
#include "lib/conf.h"

/* One address. */
struct target {
	struct sockaddr_storage address;
	socklen_t len;
	const char *name;
};

/* Where a job goes. */
struct destination {
	bool is_lmtp, verify;
	enum conf_tls tls;
	const char *helo;	/* our name in EHLO */
	char host[256];
	char port[8];
};

/* False: it is none that is known. */
bool destination_read(struct destination *t, const char *param);
/* False with the reason. */
bool target_find(genalloc *targets, const struct destination *t, struct outcome *why);

#endif
