/* authenticate: the command AUTH (RFC 4954), with PLAIN and LOGIN. */
#ifndef PIPEPOST_SMTP_RECV_AUTHENTICATE_H
#define PIPEPOST_SMTP_RECV_AUTHENTICATE_H

#include <stdbool.h>
#include <stddef.h>

struct session;

enum {
	AUTH_FAILURES_MAX = 3,		/* wrong passwords in one session, then 421 */
	AUTH_DELAY_SECONDS = 1,		/* before the answer to the first, twice that for the second ... */
};

/* Whether AUTH is offered in the present state of the session. */
bool authenticate_is_offered(const struct session *s);

/* The command. */
unsigned authenticate_do(struct session *s, const char *arg, size_t len);

#endif
