/* table_user: the accounts of this system, and rows of userinfo tables.
 *
 * ABSENT is said only where the name service answered. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/passwd.h"
#include "lib/table_kind.h"

enum { USER_NAME_MAX = 255 };

/* ---- accounts ---- */

static bool
is_account_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > USER_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] == '/' || (unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

static enum lookup
ask_system(struct open_table *o, enum service service, const char *const keys[], size_t nkeys, stralloc *value,
    size_t *which, stralloc *why)
{
	(void)o;
	if (service != SERVICE_USERINFO)
		return table_say(why, LOOKUP_BROKEN, "<getpwnam> knows users only");
	for (*which = 0; *which < nkeys; ++*which) {
		enum lookup answer = LOOKUP_ABSENT;

		if (is_account_name(keys[*which]))
			answer = passwd_find(value, keys[*which], why);
		if (answer != LOOKUP_ABSENT)
			return answer;
	}
	return LOOKUP_ABSENT;
}

const struct table_kind table_kind_system = { .ask = ask_system };

/* ---- rows ---- */

void
userinfo_free(struct userinfo *u)
{
	free((void *)u->name);	/* home is in the same memory */
	*u = (struct userinfo){ .name = NULL };
}

/* Reads a decimal number, or -1, up to the colon. */
static bool
scan_id(uint32_t *id, const char **s)
{
	size_t n = strspn(*s, "0123456789");
	unsigned long long v;

	if (strncmp(*s, "-1:", 3) == 0) {
		*id = UINT32_MAX;
		*s += 3;
		return true;
	}
	if (n == 0 || n > 10 || (*s)[n] != ':')
		return false;
	v = strtoull(*s, NULL, 10);
	if (v > UINT32_MAX)
		return false;
	*id = (uint32_t)v;
	*s += n + 1;
	return true;
}

static bool
fill(struct userinfo *u, const char *name, const char *home)
{
	size_t len = strlen(name) + 1;
	char *memory = malloc(len + strlen(home) + 1);

	if (memory == NULL)
		return false;
	memcpy(memory, name, len);
	memcpy(memory + len, home, strlen(home) + 1);
	u->name = memory;
	u->home = memory + len;
	return true;
}

/* Whether a row may name this id at all: 0 and -1 mean that there is nobody. */
static bool
is_nobody(uint32_t id)
{
	return id == 0 || id == UINT32_MAX;
}

/* value holds "uid:gid:home", NUL-ended. */
static enum lookup
scan_row(const struct conf *c, const struct conf_table *t, const char *name, const char *value,
    struct userinfo *u, stralloc *why)
{
	char label[TABLE_LABEL_MAX];
	const char *s = value;
	uint32_t uid, gid;

	table_label(label, sizeof label, t);
	u->is_system = t->kind == TABLE_SYSTEM;
	if (!scan_id(&uid, &s) || !scan_id(&gid, &s))
		return table_say(why, LOOKUP_BROKEN, "%s: the row of %s is not uid:gid:home", label, name);
	if (!u->is_system && (is_nobody(uid) || is_nobody(gid)))
		return LOOKUP_ABSENT;
	if (!u->is_system && uid < c->min_uid)
		return table_say(why, LOOKUP_BROKEN, "%s: the uid %lu of %s is below %lu", label,
		    (unsigned long)uid, name, (unsigned long)c->min_uid);
	if (*s != '/' && !(u->is_system && *s == '\0'))
		return table_say(why, LOOKUP_BROKEN, "%s: the home of %s is not an absolute path", label, name);
	u->uid = uid;
	u->gid = gid;
	if (!fill(u, name, *s == '\0' ? "/" : s))
		return table_say(why, LOOKUP_LATER, "%s: out of memory", label);
	return LOOKUP_FOUND;
}

enum lookup
table_userinfo(struct table_set *set, const struct conf_table *t, const char *name, const char *domain,
    struct userinfo *u, stralloc *why)
{
	char address[TABLE_KEY_MAX + 2] = "";	/* too long a key is not there */
	const char *keys[] = { address, name };
	bool has_address = domain != NULL && t->kind != TABLE_SYSTEM;
	stralloc value = STRALLOC_ZERO;
	enum lookup answer;

	*u = (struct userinfo){ .name = NULL };
	if (!is_account_name(name))
		return LOOKUP_ABSENT;
	if (has_address)
		snprintf(address, sizeof address, "%s@%s", name, domain);
	answer = table_lookup(set, t, SERVICE_USERINFO, has_address ? keys : keys + 1, has_address ? 2 : 1, &value,
	    NULL, why);
	if (answer == LOOKUP_FOUND && !stralloc_0(&value))
		answer = table_say(why, LOOKUP_LATER, "%s: out of memory", t->name);
	if (answer == LOOKUP_FOUND)
		answer = scan_row(table_set_conf(set), t, name, value.s, u, why);
	stralloc_free(&value);
	return answer;
}
