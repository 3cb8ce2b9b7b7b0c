/* account: see account.h. */
#include "lib/account.h"

#include <stddef.h>

static const struct passwd *
find_or_nobody(const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL && getpwnam("ppqueue") == NULL)
		pw = getpwnam("nobody");
	return pw;
}

const struct passwd *
account_of_aliases(void)
{
	return find_or_nobody("ppalias");
}

const struct passwd *
account_of_remote(void)
{
	return find_or_nobody("ppremote");
}

void
account_find_private(struct private_accounts *p)
{
	static const char *const names[ACCOUNT_PRIVATE_MAX] = {
		"ppsmtp", "pptls", "pptable", "ppauth", "ppqueue", "ppremote", "pplog",
	};

	p->n = 0;
	for (size_t i = 0; i < ACCOUNT_PRIVATE_MAX; i++) {
		const struct passwd *pw = getpwnam(names[i]);

		if (pw == NULL)
			continue;
		p->uid[p->n] = pw->pw_uid;
		p->gid[p->n++] = pw->pw_gid;
	}
}

bool
account_is_private(const struct private_accounts *p, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->uid[i] == uid || p->gid[i] == gid)
			return true;
	return false;
}
