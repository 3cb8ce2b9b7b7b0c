/* login: see login.h. A login goes into an environment and into log lines: nothing that is
 * not text gets through here. */
#include "smtp-recv/login.h"

#include <errno.h>
#include <string.h>

static bool
fail(int error)
{
	errno = error;
	return false;
}

static bool
prepare(char *to, size_t size, enum saslprep_profile profile, const char *s, size_t len)
{
	return saslprep(to, size, profile, s, len) || fail(errno == ENOMEM ? ENOMEM : EACCES);
}

bool
login_set_name(struct login *l, enum saslprep_profile profile, const char *s, size_t len)
{
	if (len > 0 && s[0] == '(')
		return fail(EACCES);	/* old shells ran such a variable */
	return prepare(l->name, sizeof l->name, profile, s, len);
}

bool
login_set_password(struct login *l, const char *s, size_t len)
{
	return prepare(l->password, sizeof l->password, SASLPREP_PASSWORD, s, len);
}

/* [authzid] NUL authcid NUL passwd */
bool
login_set_plain(struct login *l, enum saslprep_profile profile, const char *s, size_t len)
{
	const char *name = memchr(s, '\0', len), *password, *end = s + len;
	size_t act_len, name_len;

	if (name == NULL)
		return fail(EPROTO);
	act_len = (size_t)(name++ - s);
	password = memchr(name, '\0', (size_t)(end - name));
	if (password == NULL)
		return fail(EPROTO);
	name_len = (size_t)(password++ - name);
	if (memchr(password, '\0', (size_t)(end - password)) != NULL)
		return fail(EPROTO);
	if (act_len > 0 && (act_len != name_len || memcmp(s, name, name_len) != 0))
		return fail(EACCES);
	return login_set_name(l, profile, name, name_len) && login_set_password(l, password, (size_t)(end - password));
}

void
login_wipe(struct login *l)
{
	explicit_bzero(l, sizeof *l);
}
