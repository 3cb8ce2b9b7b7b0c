/* shadow-lookup: the password hashes of this system's accounts, for auth-check -s, with
 * sqlite-lookup's contract: shadow-lookup - credentials NAME…
 *
 * It is the only program with the group shadow, and answers nobody but auth-check
 * and root. An account that has expired has the hash "*", which nothing matches.
 */
#include <fcntl.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/helper.h"
#include "lib/passwd.h"

enum { SECONDS_PER_DAY = 86400 };

static void
require_permission(void)
{
	if (getauxval(AT_SECURE) == 0)
		return;		/* the file system decides */
	clearenv();
	if (getuid() != 0 && !passwd_is_account("ppauth", getuid()))
		die(HELPER_BROKEN, "password hashes are for auth-check only");
}

/* NSS has no sure word for "could not ask". */
static const struct spwd *
find(const char *name)
{
	const struct spwd *sp;

	sp = getspnam(name);
	if (sp == NULL && faccessat(AT_FDCWD, "/etc/shadow", R_OK, AT_EACCESS) == -1)
		die_errno(HELPER_LATER, "/etc/shadow");
	return sp;
}

/* As login(1) has it: the account's own end, or so long after the password's that it cannot be
 * changed any more. -1 stands for "never". */
static bool
has_expired(const struct spwd *sp)
{
	long today = (long)(time(NULL) / SECONDS_PER_DAY);

	if (sp->sp_expire > 0 && today >= sp->sp_expire)
		return true;
	return sp->sp_lstchg > 0 && sp->sp_max >= 0 && sp->sp_inact >= 0 &&
	    today > sp->sp_lstchg + sp->sp_max + sp->sp_inact;
}

int
main(int argc, const char *const *argv)
{
	PROG = "shadow-lookup";
	require_permission();
	if (argc < 4 || strcmp(argv[2], "credentials") != 0)
		die(HELPER_BROKEN, "usage: shadow-lookup - credentials name ...");
	for (int i = 3; i < argc; i++) {
		const struct spwd *sp = find(argv[i]);

		if (sp == NULL)
			continue;
		if (printf("%s:%s\n", argv[i], has_expired(sp) ? "*" : sp->sp_pwdp) < 0 || fflush(stdout) == EOF)
			die_errno(HELPER_LATER, "standard output");
		return HELPER_FOUND;
	}
	return HELPER_ABSENT;
}
