/* auth_caller: see auth_caller.h. */
#include "smtp-recv/auth_caller.h"

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "lib/passwd.h"

void
auth_caller_note(struct auth_caller *c)
{
	c->is_set_id = getauxval(AT_SECURE) != 0;
	c->uid = getuid();
	c->gid = getgid();
	if (c->is_set_id && c->uid != 0)
		clearenv();
}

bool
auth_caller_may(const struct auth_caller *c, bool is_relay)
{
	if (!c->is_set_id || c->uid == 0)
		return true;
	if (!is_relay)
		return passwd_is_account("ppsmtp", c->uid);
	return passwd_is_account("ppremote", c->uid) || passwd_is_account("ppqueue", c->uid);
}

/* Root's groups are not for whoever it becomes. Others cannot change theirs. */
static bool
drop_groups(gid_t gid)
{
	uid_t effective = geteuid();

	return seteuid(0) == 0 && setgroups(1, &gid) == 0 && setegid(gid) == 0 && seteuid(effective) == 0;
}

bool
auth_caller_become_owner(const struct auth_caller *c)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (!c->is_set_id)
		return true;
	if (c->uid == 0) {
		const struct passwd *pw = gid == c->gid ? getpwuid(uid) : NULL;

		if (pw != NULL)
			gid = pw->pw_gid;	/* the file has no set-group-id bit */
		if (!drop_groups(gid))
			return false;
	}
	return setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
}

bool
auth_caller_become_caller(const struct auth_caller *c)
{
	if (!c->is_set_id)
		return true;
	if (c->uid == 0 && seteuid(0) == -1)
		return false;
	return setresgid(c->gid, c->gid, c->gid) == 0 && setresuid(c->uid, c->uid, c->uid) == 0;
}
