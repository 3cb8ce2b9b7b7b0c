/* forward: what a user's .forward, or an include file of an alias, says.
 *
 * Both are data from somebody else: bounded, and only a file nobody but its
 * owner (or root) could have written is believed. Whatever is odd defers. */
#ifndef PIPEPOST_DELIVER_LOCAL_FORWARD_H
#define PIPEPOST_DELIVER_LOCAL_FORWARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "deliver-local/outcome.h"

enum {
	FORWARD_SIZE_MAX = 4096,	/* a .forward of that many octets or more defers */
	INCLUDE_SIZE_MAX = 64 * 1024,	/* octets of an include file, comments and all */
};

/* Looks for ~/.forward. False: there is none, or nothing in it: deliver.
 * True: *o is EXPANDED, with the nodes joined by LF, or DEFERRED.
 * may_lack_home: a home that is not there has no .forward; otherwise it defers. */
bool forward_look(struct outcome *o, const char *home, uid_t user, bool may_lack_home);

/* Reads the include file at the absolute path: EXPANDED or DEFERRED. */
void forward_include(struct outcome *o, const char *path);

#endif
