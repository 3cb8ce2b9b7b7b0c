/* auth_login: see auth_login.h. */
#include "smtp-recv/auth_login.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/saslprep.h"
#include "lib/wipe.h"
#include "smtp-recv/auth_system.h"

/* ---- entries ---- */

struct sample {
	char hash[HASH_SIZE];
};

static bool
take_sample(void *arg, const char *key, const char *value)
{
	struct sample *s = arg;
	const char *hash = value == NULL ? NULL : hash_in_entry(value);

	(void)key;
	if (hash != NULL)
		snprintf(s->hash, sizeof s->hash, "%s", hash);
	return hash == NULL;
}

/* Nobody has that login: the time of one that somebody has, by the kind of the table's first
 * hash. Programs that answer for tables do not list them; there it is the usual kind. */
static void
spend_time(const struct auth_check *a, const struct conf_table *t, const char *password)
{
	struct sample sample = { "" };

	table_each(a->tables, t, take_sample, &sample, NULL);
	hash_spend(sample.hash, password);
	explicit_bzero(&sample, sizeof sample);
}

/* ---- tables ---- */

static enum checkpassword_exit
compare(const struct conf_table *t, const char *login, const char *value, const char *password, char *words)
{
	const char *hash = hash_in_entry(value);

	switch (hash == NULL ? HASH_UNKNOWN : hash_verify(hash, password)) {
	case HASH_MATCHES:
		return CHECKPASSWORD_RIGHT;
	case HASH_DIFFERS:
		return CHECKPASSWORD_WRONG;
	case HASH_FAILED:
		snprintf(words, AUTH_WORDS_MAX, "table <%s>: the hash of %s: %s", t->name, login, strerror(errno));
		return CHECKPASSWORD_LATER;
	case HASH_UNKNOWN:
		break;
	}
	snprintf(words, AUTH_WORDS_MAX,
	    "table <%s>: what it has for %s is no hash of crypt(3): make one with smtpctl encrypt", t->name, login);
	return CHECKPASSWORD_LATER;
}

static enum checkpassword_exit
check_table(const struct auth_check *a, const struct conf_table *t, const char *login, const char *password,
    char *words)
{
	stralloc value = STRALLOC_ZERO, why = STRALLOC_ZERO;
	enum checkpassword_exit result = CHECKPASSWORD_WRONG;
	enum lookup answer = table_lookup(a->tables, t, SERVICE_CREDENTIALS, &login, 1, &value, NULL, &why);

	table_set_end_recipient(a->tables);	/* no program waits while the hash is computed */
	if (answer == LOOKUP_FOUND && !stralloc_0(&value))
		answer = LOOKUP_LATER;
	if (answer == LOOKUP_FOUND) {
		result = compare(t, login, value.s, password, words);
	} else if (answer == LOOKUP_ABSENT || answer == LOOKUP_INACTIVE) {
		spend_time(a, t, password);
	} else {
		snprintf(words, AUTH_WORDS_MAX, "table <%s>: %.*s", t->name, (int)why.len, why.len > 0 ? why.s : "");
		result = CHECKPASSWORD_LATER;
	}
	wipe_and_free(&value);
	stralloc_free(&why);
	return result;
}

/* ---- both ---- */

/* WRONG where it cannot be anybody's. */
static enum checkpassword_exit
prepare(char *to, size_t size, enum saslprep_profile profile, const char *from, char *words)
{
	if (saslprep(to, size, profile, from, strlen(from)))
		return CHECKPASSWORD_RIGHT;
	if (errno != ENOMEM)
		return CHECKPASSWORD_WRONG;
	snprintf(words, AUTH_WORDS_MAX, "out of memory");
	return CHECKPASSWORD_LATER;
}

enum checkpassword_exit
auth_login_check(struct auth_check *a, char *login, size_t login_size, const char *password, char *words)
{
	char from[CHECKPASSWORD_MAX + 1], prepared[HASH_PASSWORD_MAX + 1];
	const struct conf_table *t = NULL;
	enum checkpassword_exit result;

	snprintf(from, sizeof from, "%s", login);
	result = prepare(login, login_size, a->is_system ? SASLPREP_ACCOUNT : SASLPREP_LOGIN, from, words);
	if (result == CHECKPASSWORD_RIGHT)
		result = prepare(prepared, sizeof prepared, SASLPREP_PASSWORD, password, words);
	if (result != CHECKPASSWORD_RIGHT)
		return result;
	if (!a->is_system && (t = auth_check_find_table(a, a->table, words)) == NULL)
		result = CHECKPASSWORD_LATER;
	else if (a->is_system)
		result = auth_system_check(login, prepared, words);
	else
		result = check_table(a, t, login, prepared, words);
	explicit_bzero(prepared, sizeof prepared);
	return result;
}
