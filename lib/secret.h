/* secret: who we are for a relay that asks for AUTH: what a value of a table of
 * secrets ("user:password", "user:!command") stands for. */
#ifndef PIPEPOST_SECRET_H
#define PIPEPOST_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

enum {
	SECRET_COMMAND_SECONDS = 30,	/* from the command's start to its end */
	SECRET_MAX = 8192,		/* octets of a password or token */
	SECRET_USER_MAX = 255,		/* octets of a user name */
};

enum secret_kind {
	SECRET_PASSWORD,
	SECRET_TOKEN,		/* an access token (OAuth 2.0): the command printed "Bearer TOKEN" */
	SECRET_EITHER,		/* from a command and not marked: a password, or a token where the
				   server takes nothing else */
};

struct secret {
	enum secret_kind kind;
	stralloc user, text;	/* no NUL in them, none added */
};
#define SECRET_ZERO { .kind = SECRET_PASSWORD, .user = STRALLOC_ZERO, .text = STRALLOC_ZERO }

/* Reads the value[0..len) that the table has for label: "user:password", or only
 * "password" (then the user is the label). A password that begins with "!" is a
 * command: it is run by /bin/sh -c with a PATH and nothing else in its environment,
 * fd 0 /dev/null, fd 2 the caller's, and its first line of output is taken; it must exit 0 within
 * SECRET_COMMAND_SECONDS. It runs here and now, as whoever calls this: once per
 * session. Fails with errno EPROTO (the value, the command or its output is not
 * usable: *why says why), ETIMEDOUT (the same), ENOMEM, or that of spawn_program(). */
bool secret_read(struct secret *s, const char *label, const char *value, size_t len, const char **why);

/* Wipes the text and frees both. */
void secret_free(struct secret *s);

#endif
