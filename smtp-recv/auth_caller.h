/* auth_caller: who runs an auth-check that is installed set-user-id, and so reads secrets
 * that its caller may not. */
#ifndef SMTP_RECV_AUTH_CALLER_H
#define SMTP_RECV_AUTH_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

struct auth_caller {
	bool is_set_id;
	uid_t uid;		/* of who runs us */
	gid_t gid;
};

/* To be called before anything else. Run set-id: forgets the environment, but for that of root. */
void auth_caller_note(struct auth_caller *c);

/* Run set-id, secrets are for deliver-remote and those who start it, the check of a password for
 * smtp-recv; and both for root. Else the file system decides. */
bool auth_caller_may(const struct auth_caller *c, bool is_relay);

/* Takes the identity that the installed file has for good, or the caller's own. What had been
 * granted by root's groups is given up. Fails with errno of set*id. */
bool auth_caller_become_owner(const struct auth_caller *c);
bool auth_caller_become_caller(const struct auth_caller *c);

#endif
