/* account: the accounts of the mail system. Asks NSS: not for static programs. */
#ifndef PIPEPOST_ACCOUNT_H
#define PIPEPOST_ACCOUNT_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who commands and files of alias tables belong to: ppalias; or nobody where the
 * mail system is not installed with accounts of its own (no ppqueue either).
 * NULL: neither is there. In getpwnam's memory. */
const struct passwd *account_of_aliases(void);

/* The same for deliver-remote: ppremote, or nobody. */
const struct passwd *account_of_remote(void);

enum { ACCOUNT_PRIVATE_MAX = 7 };

/* The accounts that hold the mail system's own secrets and queue: nobody's mail is
 * delivered as one of them, or with the group of one. */
struct private_accounts {
	size_t n;
	uid_t uid[ACCOUNT_PRIVATE_MAX];
	gid_t gid[ACCOUNT_PRIVATE_MAX];
};

/* To be called once, at start: NSS does not tell "there is none" from "there is
 * no descriptor left". */
void account_find_private(struct private_accounts *p);
bool account_is_private(const struct private_accounts *p, uid_t uid, gid_t gid);

#endif
