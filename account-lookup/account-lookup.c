/* account-lookup: answers for accounts that NSS knows beside /etc/passwd (LDAP,
 * SSSD, NIS …), with sqlite-lookup's contract: account-lookup - userinfo NAME…
 *
 * It is a program of its own so that those which are started for every message
 * need no shared libc. It says "not there" only where every service answered.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/helper.h"

/* glibc passes on what the last service meant by "no such user"; some mean it
 * by these, as long as passwd itself can be read. */
static bool
is_no_such_user(int error)
{
	return error == 0 || ((error == ENOENT || error == ESRCH) && access("/etc/passwd", R_OK) == 0);
}

static const struct passwd *
find(const char *name)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL && !is_no_such_user(errno))
		die_errno(HELPER_LATER, "getpwnam %s", name);
	return pw;
}

int
main(int argc, const char *const *argv)
{
	PROG = "account-lookup";
	if (argc < 4 || strcmp(argv[2], "userinfo") != 0)
		die(HELPER_BROKEN, "usage: account-lookup - userinfo name ...");
	for (int i = 3; i < argc; i++) {
		const struct passwd *pw = find(argv[i]);

		if (pw == NULL)
			continue;
		if (printf("%lu:%lu:%s\n", (unsigned long)pw->pw_uid, (unsigned long)pw->pw_gid, pw->pw_dir) < 0 ||
		    fflush(stdout) == EOF)
			die_errno(HELPER_LATER, "standard output");
		return HELPER_FOUND;
	}
	return HELPER_ABSENT;
}
