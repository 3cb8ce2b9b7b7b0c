/* smtpd_check_auth: what is in the tables of credentials, as auth-check will find it. */
#include "smtp-recv/smtpd_check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/hash.h"

/* Entries that hold no hash, and the key of the first. */
struct strays {
	size_t n;
	char key[128];
};

static bool
note_stray(void *arg, const char *key, const char *value)
{
	struct strays *s = arg;
	const char *hash = value == NULL ? NULL : hash_in_entry(value);

	if (hash != NULL && hash_is_known(hash))
		return true;
	if (s->n++ == 0)
		snprintf(s->key, sizeof s->key, "%s", key);
	return true;
}

/* Whoever has stored passwords as they are cannot log in, and should hear it before. */
static void
check_hashes(struct check *k, const struct conf_listen *l)
{
	struct strays strays = { .n = 0 };
	char others[64] = "";

	table_each(k->tables, l->auth_table, note_stray, &strays, NULL);
	if (strays.n > 1)
		snprintf(others, sizeof others, " and %zu more", strays.n - 1);
	if (strays.n > 0)
		check_report(k, &l->at, SAY_WARNING,
		    "auth <%s>: what it has for %s%s is no hash of crypt(3): make one with smtpctl encrypt",
		    l->auth_table->name, strays.key, others);
}

static void
check_mode(struct check *k, const struct conf_place *at, const struct conf_table *t)
{
	struct stat st;

	if ((t->kind == TABLE_FILE || t->kind == TABLE_DB) && stat(t->path, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		check_report(k, at, SAY_WARNING, "auth <%s>: everybody can read %s: chmod 640 %s", t->name, t->path,
		    t->path);
}

void
check_credentials(struct check *k)
{
	for (size_t i = 0; i < k->c->nlistens; i++)
		if (k->c->listens[i].auth_table != NULL) {
			check_mode(k, &k->c->listens[i].at, k->c->listens[i].auth_table);
			check_hashes(k, &k->c->listens[i]);
		}
	for (size_t i = 0; i < k->c->nrules; i++)
		if (k->c->rules[i].relay.auth != NULL)
			check_mode(k, &k->c->rules[i].at, k->c->rules[i].relay.auth);
}
