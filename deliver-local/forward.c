/* forward: see forward.h. */
#include "deliver-local/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/stralloc.h>

#include "deliver-local/file.h"
#include "lib/node.h"

/* O_NONBLOCK: a FIFO must not hold us up. */
enum { OPEN_FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

/* Reads at most max octets. False with the errno of read. */
static bool
read_octets(stralloc *to, int fd, size_t max)
{
	to->len = 0;
	while (to->len < max) {
		ssize_t r = fd_read(fd, to->s + to->len, max - to->len);

		if (r == -1)
			return false;
		if (r == 0)
			break;
		to->len += (size_t)r;
	}
	return true;
}

/* Reads the open regular file whole. False: *o tells. */
static bool
read_file(struct outcome *o, stralloc *to, int fd, const char *path, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		outcome_defer_errno(o, path);
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.1 %s: is not a regular file", path);
		return false;
	}
	if (!stralloc_ready(to, max)) {
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 out of memory");
		return false;
	}
	if (!read_octets(to, fd, max)) {
		outcome_defer_errno(o, path);
		return false;
	}
	if (to->len < max)
		return true;
	outcome_set(o, VERDICT_DEFERRED, "4.2.4 %s: holds %zu octets or more", path, max);
	return false;
}

/* Puts the nodes into the report, with LF for NUL. */
static void
report_nodes(struct outcome *o, const stralloc *nodes, const char *path)
{
	if (node_list_count(nodes) > JOB_NODES_MAX || nodes->len > JOB_NODES_SIZE_MAX) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.4 %s: more than %d addresses, or %d octets of them", path,
		    JOB_NODES_MAX, JOB_NODES_SIZE_MAX);
		return;
	}
	if (memchr(nodes->s, '\n', nodes->len) != NULL) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.4 %s: an address holds a line end", path);
		return;
	}
	o->verdict = VERDICT_EXPANDED;
	memcpy(o->reason, nodes->s, nodes->len);
	for (size_t i = 0; i + 1 < nodes->len; i++)
		if (o->reason[i] == '\0')
			o->reason[i] = '\n';
}

/* Splits the content. False: it holds no node. */
static bool
report_content(struct outcome *o, const stralloc *content, const char *path)
{
	stralloc nodes = STRALLOC_ZERO;
	const char *why = "is not understood";
	bool is_something = true;

	if (!node_list_append_file(&nodes, &why, content->s, content->len, false)) {
		if (errno == ENOMEM)
			outcome_set(o, VERDICT_DEFERRED, "4.3.0 out of memory");
		else
			outcome_set(o, VERDICT_DEFERRED, "4.2.4 %s: %s", path, why);
	} else if (nodes.len == 0) {
		is_something = false;
	} else {
		report_nodes(o, &nodes, path);
	}
	stralloc_free(&nodes);
	return is_something;
}

/* What makes a file or directory unfit to speak for the user; NULL: nothing. */
static const char *
find_flaw(const struct stat *st, uid_t user)
{
	if (st->st_uid != user && st->st_uid != 0)
		return "belongs to another user";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "may be written to by others";
	return NULL;
}

static void
defer_flaw(struct outcome *o, const char *path, const char *flaw)
{
	outcome_set(o, VERDICT_DEFERRED, "4.2.1 %s: %s, so its .forward is not believed", path, flaw);
}

/* Looks at the open .forward in a home that was found good or not (home_flaw). */
static bool
look_at_file(struct outcome *o, int fd, uid_t user, const char *home, const char *home_flaw)
{
	stralloc content = STRALLOC_ZERO;
	struct stat st;
	const char *flaw = NULL;
	bool is_something = true;

	if (fstat(fd, &st) == 0)
		flaw = find_flaw(&st, user);
	if (home_flaw != NULL)
		defer_flaw(o, home, home_flaw);
	else if (flaw != NULL)
		defer_flaw(o, "~/.forward", flaw);
	else if (read_file(o, &content, fd, "~/.forward", FORWARD_SIZE_MAX))
		is_something = report_content(o, &content, "~/.forward");
	stralloc_free(&content);
	return is_something;
}

/* Looks into the open home. */
static bool
look_in_home(struct outcome *o, int directory, const char *home, uid_t user)
{
	struct stat st;
	bool is_something;
	int fd;

	if (fstat(directory, &st) == -1) {
		outcome_defer_errno(o, home);
		return true;
	}
	if ((st.st_mode & S_ISVTX) != 0) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.1 %s: is sticky: its owner is editing .forward", home);
		return true;
	}
	fd = openat(directory, ".forward", OPEN_FILE);
	if (fd == -1) {
		if (errno == ENOENT)
			return false;
		outcome_defer_errno(o, "~/.forward");
		return true;
	}
	is_something = look_at_file(o, fd, user, home, find_flaw(&st, user));
	close(fd);
	return is_something;
}

bool
forward_look(struct outcome *o, const char *home, uid_t user, bool may_lack_home)
{
	bool is_something;
	int fd;

	/* Debian's word for accounts that have none. */
	if (home[0] == '\0' || strcmp(home, "/nonexistent") == 0)
		return false;
	fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 && errno == EACCES)	/* may be entered but not listed */
		fd = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOTDIR && file_is_regular(home))
			return false;
		if (errno == ENOENT && may_lack_home)
			return false;
		outcome_defer_errno(o, home);
		return true;
	}
	is_something = look_in_home(o, fd, home, user);
	close(fd);
	return is_something;
}

/* Whether the report names a command or a file: they would run as us, not as whoever wrote the list. */
static bool
has_command_or_file(const struct outcome *o)
{
	const char *line = o->reason;

	while (line != NULL && *line != '|' && *line != '/') {
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return line != NULL;
}

static void
include_file(struct outcome *o, int fd, const char *path)
{
	stralloc content = STRALLOC_ZERO;
	struct stat st;
	const char *flaw;

	if (!read_file(o, &content, fd, path, INCLUDE_SIZE_MAX)) {
		/* the outcome tells */
	} else if (fstat(fd, &st) == -1) {
		outcome_defer_errno(o, path);
	} else if (!report_content(o, &content, path)) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.4 %s: holds no address", path);
	} else if (o->verdict == VERDICT_EXPANDED && has_command_or_file(o) &&
	    (flaw = find_flaw(&st, geteuid())) != NULL) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.1 %s: %s, so it may list addresses only, no command or file",
		    path, flaw);
	}
	stralloc_free(&content);
}

void
forward_include(struct outcome *o, const char *path)
{
	int fd = path[0] == '/' ? open(path, OPEN_FILE) : -1;

	if (fd == -1) {
		if (path[0] != '/')
			errno = EINVAL;
		outcome_defer_errno(o, path);
		return;
	}
	include_file(o, fd, path);
	close(fd);
}
