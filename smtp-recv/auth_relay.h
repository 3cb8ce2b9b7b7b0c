/* auth_relay: the credentials of this host for a relay, for deliver-remote -a. */
#ifndef SMTP_RECV_AUTH_RELAY_H
#define SMTP_RECV_AUTH_RELAY_H

#include "smtp-recv/auth_check.h"

/* Looks a->label up in a->table, runs the command if it is one (secret.h), and writes the answer:
 *	K kind user NUL secret NUL	kind: p a password, t a token, e either
 *	Z reason NUL			one line that begins with an enhanced status code
 * Returns whether it was K, and whole. */
bool auth_relay_answer(struct auth_check *a, int fd);

#endif
