/* file: see file.h. */
#include "deliver-local/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver-local/format.h"

enum { DIRECTORY = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* The length of a path without slashes at its end. */
static size_t
trimmed_length(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

bool
file_is_below(const char *path, const char *home)
{
	size_t len = trimmed_length(home);

	if (home[0] != '/' || strncmp(path, home, len) != 0)
		return false;
	return len == 1 ? path[1] != '\0' : path[len] == '/' && path[len + strspn(path + len, "/")] != '\0';
}

/* The length of the path's parent, 1 for "/". */
static size_t
parent_length(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

/* Makes the last component of path in its open parent. */
static int
make_in(int parent, const char *name)
{
	if (mkdirat(parent, name, 0700) == -1 && errno != EEXIST)
		return -1;
	if (fsync(parent) == -1)
		return -1;
	return openat(parent, name, DIRECTORY | O_NOFOLLOW);
}

/* path[0..len), which need not end there. At most `floor` octets are taken as given. */
static int
make_directory(const char *path, size_t len, size_t floor)
{
	char name[FORMAT_MAX + 1];
	size_t up = parent_length(path, len), base = up == 1 && path[0] == '/' ? 1 : up + strspn(path + up, "/");
	int parent, fd, error;

	if (len > FORMAT_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(name, sizeof name, "%.*s", (int)len, path);
	fd = open(name, DIRECTORY);
	if (fd != -1 || errno != ENOENT || len <= floor || up == 0)
		return fd;
	parent = make_directory(path, up, floor);
	if (parent == -1)
		return -1;
	fd = make_in(parent, name + base);
	error = errno;
	close(parent);
	errno = error;
	return fd;
}

/* How much of path is home and what is above it. */
static size_t
floor_length(const char *path, const char *home)
{
	size_t len = trimmed_length(home);

	if (home[0] != '/')
		return 0;
	if (file_is_below(path, home))
		return len;
	return trimmed_length(path) == len && strncmp(path, home, len) == 0 ? len : 0;
}

int
file_make_directory(const char *path, const char *home)
{
	if (path[0] != '/') {
		errno = EINVAL;
		return -1;
	}
	return make_directory(path, trimmed_length(path), floor_length(path, home));
}

bool
file_is_regular(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int
file_open_parent(const char *path)
{
	char name[FORMAT_MAX + 1];
	size_t len = parent_length(path, strlen(path));

	if (len == 0 || len > FORMAT_MAX) {
		errno = len == 0 ? EINVAL : ENAMETOOLONG;
		return -1;
	}
	snprintf(name, sizeof name, "%.*s", (int)len, path);
	return open(name, DIRECTORY);
}
