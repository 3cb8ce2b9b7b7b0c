/* file: see file.h. */
#include "sqlite-lookup/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	FRESH_MS = 50,			/* above the coarsest tick of a file system's clock */
	HEADER_VERSIONS = 18,		/* offset of the write and read version in a database file */
	VERSION_WAL = 2,
};

bool
file_is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool
file_is_fresh(const struct stat *st)
{
	struct timespec now;
	long long ms;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = (now.tv_sec - st->st_mtim.tv_sec) * 1000LL + (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
	return ms >= -FRESH_MS && ms < FRESH_MS;	/* far in the future: a clock was set back */
}

/* Whether there is no such file; *size of the one that is there, 1 where that cannot be told. */
static bool
is_absent(const char *path, const char *suffix, off_t *size)
{
	char name[PATH_MAX];
	struct stat st;
	int n = snprintf(name, sizeof name, "%s%s", path, suffix);

	*size = 1;
	if (n < 0 || (size_t)n >= sizeof name)
		return false;
	if (stat(name, &st) == 0) {
		*size = st.st_size;
		return false;
	}
	return errno == ENOENT;
}

bool
file_has_companion(const char *path, const char *suffix)
{
	off_t size;

	return !is_absent(path, suffix, &size) && size != 0;
}

static bool
is_wal(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char versions[2] = { 0, 0 };
	bool is = fd != -1 && pread(fd, versions, sizeof versions, HEADER_VERSIONS) == sizeof versions &&
	    versions[0] == VERSION_WAL && versions[1] == VERSION_WAL;

	if (fd != -1)
		close(fd);
	return is;
}

bool
file_is_wal_at_rest(const char *path)
{
	off_t size;

	return is_wal(path) && is_absent(path, "-wal", &size) && is_absent(path, "-journal", &size);
}

bool
file_append_immutable_uri(stralloc *to, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
	static const char hex[] = "0123456789ABCDEF";

	if (!stralloc_cats(to, "file://"))
		return false;
	for (const char *s = path; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
		bool is_plain = strchr(plain, *s) != NULL;

		if (!stralloc_catb(to, is_plain ? s : escaped, is_plain ? 1 : sizeof escaped))
			return false;
	}
	return stralloc_cats(to, "?immutable=1") && stralloc_0(to);
}
