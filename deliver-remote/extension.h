/* extension: what a server offers in its reply to EHLO or LHLO. Pure. */
#ifndef PIPEPOST_DELIVER_REMOTE_EXTENSION_H
#define PIPEPOST_DELIVER_REMOTE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXTENSION_AUTH_MAX = 255 };	/* octets of the names of mechanisms that we look at */

struct extensions {
	bool pipelining, size, eightbitmime, smtputf8, dsn, starttls;
	uint64_t size_limit;			/* octets; 0: none announced */
	char auth[EXTENSION_AUTH_MAX + 1];	/* the mechanisms, "" without AUTH */
};

/* Reads the lines of the reply, joined by LF. The first is the greeting.
 * Unknown and malformed lines count for nothing. */
void extension_read(struct extensions *x, const char *s, size_t len);

#endif
