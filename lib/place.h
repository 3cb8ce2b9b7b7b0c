/* place: where the configuration, the spool and the other programs are, and which
 * identity to work as.
 *
 * The environment variables are for sandboxes and tests. A program that runs
 * set-user-id or set-group-id sees none of them (secure_getenv). */
#ifndef PIPEPOST_PLACE_H
#define PIPEPOST_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* $PIPEPOST_CONF, else SYSCONFDIR/mail/smtpd.conf. */
const char *place_conf(void);

/* $PIPEPOST_SPOOL, else /var/spool/pipepost. */
const char *place_spool(void);

/* The absolute path of one of our programs: in $PIPEPOST_BIN, else beside the
 * running program, else in LIBEXECDIR. Writes it with its NUL to path[size].
 * Fails with errno ENAMETOOLONG. It does not test whether the file exists. */
bool place_program(char *path, size_t size, const char *name);

/* $PIPEPOST_RESOLVER (address:port), or NULL. */
const char *place_resolver(void);

/* Whether the operator has set a flag: the file SPOOL/control/NAME is there
 * ("verbose", "pause-smtp" ...; see queue(5)). What cannot be looked at is not set. */
bool place_has_flag(const char *name);

/* Where a program of the queue runs as root, it takes the identity (uid, gid,
 * no other groups) of whoever owns the spool's new/: the spool itself stays
 * root's, so that nobody can put another directory in the place of one. A queue of
 * root's, as in a sandbox, changes nothing. Fails with the errno of stat or set*id. */
bool place_become_queue_owner(const char *spool);

#endif
