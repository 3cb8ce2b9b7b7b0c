/* passwd: see passwd.h. */
#include "lib/passwd.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "lib/helper.h"
#include "lib/place.h"

/* Services that know no account beyond /etc/passwd which mail could be for:
 * "systemd" makes up users of running services. */
static const char *const local_services[] = { "files", "compat", "systemd" };

static bool
is_local_service(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof local_services / sizeof local_services[0]; i++)
		if (strlen(local_services[i]) == len && memcmp(local_services[i], s, len) == 0)
			return true;
	return false;
}

/* Whether every word of the line behind "passwd:" is a local service; "[NOTFOUND=return]" and the like are none. */
static bool
names_only_local_services(const char *s)
{
	static const char blank[] = " \t\r\n";

	for (;;) {
		size_t len;

		s += strspn(s, blank);
		if (*s == '\0' || *s == '#')
			return true;
		len = *s == '[' ? strcspn(s, "]\n") + 1 : strcspn(s, " \t\r\n#");
		if (*s != '[' && !is_local_service(s, len))
			return false;
		if (strnlen(s, len) < len)
			return true;
		s += len;
	}
}

bool
passwd_is_all(void)
{
	FILE *f = fopen("/etc/nsswitch.conf", "re");
	char line[512];
	bool is_all = true;

	if (f == NULL)
		return true;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "passwd:", 7) == 0)
			is_all = names_only_local_services(line + 7);
	fclose(f);
	return is_all;
}

static enum lookup
say(stralloc *why, int error)
{
	why->len = 0;
	if (!stralloc_cats(why, "/etc/passwd: ") || !stralloc_cats(why, strerror(error)))
		why->len = 0;
	return LOOKUP_LATER;
}

static enum lookup
find_in_file(stralloc *value, const char *name, stralloc *why)
{
	FILE *f = fopen("/etc/passwd", "re");
	enum lookup answer = LOOKUP_ABSENT;
	struct passwd *pw;
	char ids[64];

	if (f == NULL)
		return say(why, errno);
	do {
		errno = 0;
		pw = fgetpwent(f);
	} while (pw != NULL && strcmp(pw->pw_name, name) != 0);
	if (pw == NULL && errno != 0 && errno != ENOENT) {
		answer = say(why, errno);
	} else if (pw != NULL) {
		snprintf(ids, sizeof ids, "%lu:%lu:", (unsigned long)pw->pw_uid, (unsigned long)pw->pw_gid);
		answer = stralloc_cats(value, ids) && stralloc_cats(value, pw->pw_dir) ? LOOKUP_FOUND : say(why, ENOMEM);
	}
	fclose(f);
	return answer;
}

enum lookup
passwd_find(stralloc *value, const char *name, stralloc *why)
{
	enum lookup answer = find_in_file(value, name, why);
	stralloc line = STRALLOC_ZERO;
	char program[PATH_MAX];

	if (answer != LOOKUP_ABSENT || passwd_is_all())
		return answer;
	if (!place_program(program, sizeof program, "account-lookup"))
		return say(why, errno);
	answer = helper_ask(program, "-", SERVICE_USERINFO, &name, 1, &line, why);
	if (answer == LOOKUP_FOUND && !stralloc_cat(value, &line))
		answer = say(why, ENOMEM);
	stralloc_free(&line);
	return answer;
}
