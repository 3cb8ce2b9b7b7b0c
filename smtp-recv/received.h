/* received: the trace line (RFC 5321 4.4). */
#ifndef PIPEPOST_SMTP_RECV_RECEIVED_H
#define PIPEPOST_SMTP_RECV_RECEIVED_H

#include <stdbool.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

struct session;

/* Appends the Received field for the open transaction, with LF line ends.
 * Fails with errno ENOMEM. */
bool received_append(stralloc *to, const struct session *s, int64_t now);

#endif
