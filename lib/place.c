/* place: see place.h. */
#include "lib/place.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/local/libexec/pipepost"
#endif

static const char *
from_environment(const char *variable, const char *otherwise)
{
	const char *value = secure_getenv(variable);

	return value != NULL && *value != '\0' ? value : otherwise;
}

const char *
place_conf(void)
{
	return from_environment("PIPEPOST_CONF", SYSCONFDIR "/mail/smtpd.conf");
}

const char *
place_spool(void)
{
	return from_environment("PIPEPOST_SPOOL", "/var/spool/pipepost");
}

const char *
place_resolver(void)
{
	return from_environment("PIPEPOST_RESOLVER", NULL);
}

/* The directory of the running program. A set-id program does not ask: its
 * invoker may have linked it elsewhere. */
static bool
own_directory(char *directory, size_t size)
{
	ssize_t n;
	char *slash;

	if (getauxval(AT_SECURE) != 0)
		return false;
	n = readlink("/proc/self/exe", directory, size - 1);
	if (n <= 0 || (size_t)n >= size - 1)
		return false;
	directory[n] = '\0';
	slash = strrchr(directory, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

bool
place_program(char *path, size_t size, const char *name)
{
	char beside[PATH_MAX];
	const char *directory = from_environment("PIPEPOST_BIN", NULL);
	int n;

	if (directory == NULL)
		directory = own_directory(beside, sizeof beside) ? beside : LIBEXECDIR;
	n = snprintf(path, size, "%s/%s", directory, name);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return false;
	}
	return true;
}

bool
place_has_flag(const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/control/%s", place_spool(), name);

	return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

bool
place_become_queue_owner(const char *spool)
{
	char path[PATH_MAX];
	struct stat st;
	int n;

	if (geteuid() != 0)
		return true;
	n = snprintf(path, sizeof path, "%s/new", spool);
	if (n < 0 || (size_t)n >= sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (stat(path, &st) == -1)
		return false;
	if (st.st_uid == 0)
		return true;
	return setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0;
}
