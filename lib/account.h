/* account: the accounts of the mail system. Asks NSS: not for static programs. */
#ifndef PIPEPOST_ACCOUNT_H
#define PIPEPOST_ACCOUNT_H

#include <pwd.h>
#include <stdbool.h>
#include <sys/types.h>

/* Who commands and files of alias tables belong to: ppalias; or nobody where the
 * mail system is not installed with accounts of its own (no ppqueue either).
 * NULL: neither is there. In getpwnam's memory. */
const struct passwd *account_of_aliases(void);

/* Whether uid is one of the accounts that hold the mail system's own secrets
 * and queue: nobody's mail is delivered as one of them. */
bool account_is_private(uid_t uid);

#endif
