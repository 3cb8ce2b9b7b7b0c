/* command: MAIL and RCPT with the parameters that the server knows. */
#ifndef PIPEPOST_DELIVER_REMOTE_COMMAND_H
#define PIPEPOST_DELIVER_REMOTE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver-remote/connection.h"
#include "deliver-remote/extension.h"

struct command_mail {
	const char *reverse_path;	/* as it stands between the brackets */
	uint64_t size;			/* octets on the wire */
	bool needs_smtputf8;
	const char *ret, *envid;	/* "FULL" or "HDRS", xtext; "" without */
};

/* Append the line to c->out. BODY=8BITMIME stands there wherever the server
 * offers it; one that does not gets the octets as they are. Values that are no xtext of
 * RFC 3461 are left out. Fail with errno ENOMEM. */
bool command_put_mail(struct connection *c, const struct extensions *x, const struct command_mail *m);

/* notify is "", "never" or letters of s, f and d; orcpt "" or as received. */
bool command_put_rcpt(struct connection *c, const struct extensions *x, const char *address, const char *notify,
    const char *orcpt);

#endif
