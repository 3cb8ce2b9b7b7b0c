/* passwd_entry: an account that was made at installation. See passwd.h; apart from
 * passwd.c, because it needs nothing but the file. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "lib/passwd.h"

bool
passwd_is_account(const char *name, uid_t uid)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;
	bool is_it = false;

	if (f == NULL)
		return false;
	while (!is_it && (pw = fgetpwent(f)) != NULL)
		is_it = pw->pw_uid == uid && strcmp(pw->pw_name, name) == 0;
	fclose(f);
	return is_it;
}
