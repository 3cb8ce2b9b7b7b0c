/* permission: see permission.h.
 *
 * Not run set-id, the file system decides and everything is allowed here. */
#include "sqlite-lookup/permission.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/confine.h"
#include "lib/passwd.h"
#include "lib/place.h"

bool
permission_take(struct permission *p)
{
	p->is_set_id = getauxval(AT_SECURE) != 0;
	p->caller = getuid();
	if (!p->is_set_id)
		return true;
	clearenv();
	return setresgid(getegid(), getegid(), getegid()) == 0 &&
	    setresuid(geteuid(), geteuid(), geteuid()) == 0;
}

static bool
names_table(const struct conf *c, const char *path)
{
	for (size_t i = 0; i < c->ntables; i++)
		if (c->tables[i].kind == TABLE_SQLITE && strcmp(c->tables[i].path, path) == 0)
			return true;
	return false;
}

/* The configuration's first error, "file:line: text". */
static const char *
first_error(const struct conf *c)
{
	const struct conf_message *m = conf_first_error(c);
	char *words;

	if (m != NULL && asprintf(&words, "%s:%u: %s", m->at.file, m->at.line, m->text) >= 0)
		return words;
	return "smtpd.conf does not parse";
}

bool
permission_allows_config(const struct permission *p, const char *path, const char **why, bool *is_later)
{
	struct conf *c;

	*is_later = true;
	if (!p->is_set_id)
		return true;
	c = conf_read(place_conf(), NULL, 0);
	if (c == NULL || c->nerrors > 0) {
		*why = c == NULL ? "out of memory" : first_error(c);
		return false;
	}
	*is_later = false;
	*why = "no sqlite table of the installed smtpd.conf has this path";
	return names_table(c, path);
}

bool
permission_has(const struct permission *p, enum query q)
{
	return q != QUERY_CREDENTIALS || !p->is_set_id || p->caller == 0 || passwd_is_account("ppauth", p->caller);
}

bool
permission_keep_only(const char *dbpath)
{
	char path[PATH_MAX], *slash;
	const struct confine_place places[] = {
		{ .path = path, .rights = CONFINE_READ | CONFINE_MAKE },
		{ .path = "/etc/passwd", .rights = CONFINE_READ },		/* who is ppauth */
		{ .path = "/var/tmp", .rights = CONFINE_READ | CONFINE_MAKE },	/* large sorts */
	};

	/* Behind links; a database that is not there may come, under its name. */
	if (realpath(dbpath, path) == NULL)
		snprintf(path, sizeof path, "%s", dbpath);
	slash = strrchr(path, '/');
	if (slash == NULL)
		snprintf(path, sizeof path, ".");
	else
		slash[slash == path] = '\0';
	return confine(CONFINE_EVERY_CALL, places, sizeof places / sizeof places[0]);
}
