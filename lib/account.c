/* account: see account.h. */
#include "lib/account.h"

#include <stddef.h>

const struct passwd *
account_of_aliases(void)
{
	const struct passwd *pw = getpwnam("ppalias");

	if (pw == NULL && getpwnam("ppqueue") == NULL)
		pw = getpwnam("nobody");
	return pw;
}

bool
account_is_private(uid_t uid)
{
	static const char *const names[] = { "ppsmtp", "pptls", "pptable", "ppauth", "ppqueue", "ppremote" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct passwd *pw = getpwnam(names[i]);

		if (pw != NULL && pw->pw_uid == uid)
			return true;
	}
	return false;
}
