/* passwd: the accounts of this system, without NSS.
 *
 * NSS needs the shared libc, and that costs every program that is started for
 * every message. So /etc/passwd is read here, and only where nsswitch.conf names
 * further services is the small program account-lookup asked for them. */
#ifndef PIPEPOST_PASSWD_H
#define PIPEPOST_PASSWD_H

#include <stdbool.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

#include "lib/table.h"

/* Appends "uid:gid:home" of the account to *value. LATER with one line in
 * *why where passwd or account-lookup could not be asked. */
enum lookup passwd_find(stralloc *value, const char *name, stralloc *why);

/* Whether uid is that of the account, by /etc/passwd alone: for the accounts of
 * the mail system itself. A file that cannot be read says no. */
bool passwd_is_account(const char *name, uid_t uid);

/* Whether /etc/passwd is all there is: an answer never waits for anything. */
bool passwd_is_all(void);

#endif
