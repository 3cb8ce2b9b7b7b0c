/* passwd: the accounts of this system, without NSS.
 *
 * NSS needs the shared libc, and that costs every program that is started for
 * every message. So /etc/passwd is read here, and only where nsswitch.conf names
 * further services is the small program account-lookup asked for them. */
#ifndef PIPEPOST_PASSWD_H
#define PIPEPOST_PASSWD_H

#include <stdbool.h>

#include <skalibs/stralloc.h>

#include "lib/table.h"

/* Appends "uid:gid:home" of the account to *value. LATER with one line in
 * *why where passwd or account-lookup could not be asked. */
enum lookup passwd_find(stralloc *value, const char *name, stralloc *why);

/* Whether /etc/passwd is all there is: an answer never waits for anything. */
bool passwd_is_all(void);

#endif
