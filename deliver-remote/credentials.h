/* credentials: who we are for a relay with AUTH, from a pipe that auth-check writes.
 *
 *	K kind user NUL secret NUL	kind: p (a password), t (a token), e (either)
 *	Z reason NUL			it has none; the reason begins with an enhanced status code
 *
 * They are read once in the life of a process. */
#ifndef PIPEPOST_DELIVER_REMOTE_CREDENTIALS_H
#define PIPEPOST_DELIVER_REMOTE_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/tai.h>

#include "deliver-remote/outcome.h"
#include "lib/relay.h"
#include "lib/secret.h"

enum {
	CREDENTIALS_FD = 3,		/* where the caller has the pipe */
	CREDENTIALS_SECONDS = 45,	/* until they have come: a command may make them */
	CREDENTIALS_MAX = 2 + SECRET_USER_MAX + 1 + SECRET_MAX + 1,	/* octets of an answer */
};

struct credentials {
	int fd;				/* -1: nobody gives any, or they were read */
	bool has_secret;
	struct secret secret;
	struct outcome why;		/* where there is none */
	stralloc whose;			/* label and table that they were read for */
};

/* Takes over CREDENTIALS_FD where it is open; before anything else opens a descriptor. */
void credentials_open(struct credentials *c);
void credentials_free(struct credentials *c);

/* The relay's secret, read the first time. NULL with the reason; then this process gets none. */
const struct secret *credentials_get(struct credentials *c, const struct relay *r, const tain *limit,
    struct outcome *why);

/* Takes an answer apart. False: it is none, or says Z: then *reason points to its words, else
 * it is NULL. Pure; what was set of *secret is the caller's to free. */
bool credentials_parse(struct secret *secret, const char **reason, const char *s, size_t len);

#endif
