/* queue: the spool's directories, and the names in them.
 *
 * Nothing here touches a message. See queue.h. */
#include "lib/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

enum { DIRECTORY_MODE = 0700, STATS_MODE = 0755, FILE_MODE = 0600, CONTROL_MODE = 0755, TOP_MODE = 0755 };

const char *const queue_place_names[QUEUE_PLACES] = {
	[QUEUE_TMP] = "tmp", [QUEUE_NEW] = "new", [QUEUE_CUR] = "cur", [QUEUE_WAIT] = "wait",
	[QUEUE_LATER] = "later", [QUEUE_HOLD] = "hold", [QUEUE_CORRUPT] = "corrupt", [QUEUE_CONTROL] = "control",
};

static void
keep_missing(const char **missing, const char *name)
{
	if (missing != NULL)
		*missing = name;
}

bool
queue_open(struct queue *q, const char *path, unsigned which, const char **missing)
{
	q->path = path;
	for (size_t i = 0; i < QUEUE_PLACES; i++)
		q->place[i] = -1;
	q->top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q->top == -1) {
		keep_missing(missing, "");
		return false;
	}
	for (size_t i = 0; i < QUEUE_PLACES; i++) {
		if ((which & (1U << i)) == 0)
			continue;
		q->place[i] = openat(q->top, queue_place_names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (q->place[i] == -1) {
			int e = errno;

			keep_missing(missing, queue_place_names[i]);
			queue_close(q);
			errno = e;
			return false;
		}
	}
	return true;
}

void
queue_close(struct queue *q)
{
	for (size_t i = 0; i < QUEUE_PLACES; i++)
		if (q->place[i] != -1)
			fd_close(q->place[i]);
	fd_close(q->top);
}

/* Gives a new object its owner and mode, whatever the umask was. */
static bool
dress(int top, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	return fchmodat(top, name, mode, 0) == 0 &&
	    ((uid == (uid_t)-1 && gid == (gid_t)-1) || fchownat(top, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0);
}

static bool
make_directory(int top, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdirat(top, name, mode) == -1)
		return errno == EEXIST;
	return dress(top, name, mode, uid, gid);
}

static bool
make_lock(int top, uid_t uid, gid_t gid)
{
	int fd = openat(top, "lock", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

	if (fd == -1)
		return errno == EEXIST;
	fd_close(fd);
	return dress(top, "lock", FILE_MODE, uid, gid);
}

static bool
make_trigger(int top, uid_t uid, gid_t gid)
{
	if (mkfifoat(top, "trigger", FILE_MODE) == -1)
		return errno == EEXIST;
	return dress(top, "trigger", FILE_MODE, uid, gid);
}

bool
queue_make(const char *path, uid_t uid, gid_t gid, const char **what)
{
	bool is_made = true;
	int top;

	*what = path;
	if (mkdir(path, TOP_MODE) == -1 && errno != EEXIST)
		return false;
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top == -1)
		return false;
	for (size_t i = 0; is_made && i < QUEUE_PLACES; i++) {
		*what = queue_place_names[i];
		is_made = make_directory(top, *what, i == QUEUE_CONTROL ? CONTROL_MODE : DIRECTORY_MODE, uid, gid);
	}
	if (is_made) {
		*what = "stats";
		is_made = make_directory(top, *what, STATS_MODE, uid, gid);
	}
	if (is_made) {
		*what = "lock";
		is_made = make_lock(top, uid, gid);
	}
	if (is_made) {
		*what = "trigger";
		is_made = make_trigger(top, uid, gid);
	}
	if (is_made) {
		*what = path;
		is_made = fsync(top) == 0;
	}
	fd_close(top);
	return is_made;
}

const char *
queue_weak_file_system(long type)
{
	static const struct weak {
		long type;
		const char *name;
	} kinds[] = {
		{ 0x01021994, "tmpfs" }, { 0x858458f6, "ramfs" }, { 0x6969, "NFS" }, { 0x65735546, "FUSE" },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].type == type)
			return kinds[i].name;
	return NULL;
}

static bool
is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Reads decimal digits at s: at least one, no overflow. Returns how many, 0 on failure. */
static size_t
scan_number(uint64_t *n, const char *s)
{
	size_t i = 0;

	*n = 0;
	for (; s[i] >= '0' && s[i] <= '9'; i++) {
		if (*n > (UINT64_MAX - 9) / 10)
			return 0;
		*n = *n * 10 + (uint64_t)(s[i] - '0');
	}
	return i;
}

bool
queue_name_parse(const char *name, uint64_t *size, size_t *id_len)
{
	uint64_t epoch;
	size_t n = scan_number(&epoch, name), digits;

	if (n == 0 || epoch > INT64_MAX || name[n] != '.')
		return false;
	n++;
	for (size_t i = 0; i < 16; i++)
		if (!is_alphanumeric(name[n + i]))
			return false;
	n += 16;
	*id_len = n;
	if (strncmp(name + n, ",S=", 3) != 0)
		return false;
	n += 3;
	digits = scan_number(size, name + n);
	return digits > 0 && *size <= INT64_MAX && name[n + digits] == '\0';
}

void
queue_pull_trigger(const struct queue *q)
{
	int fd = openat(q->top, "trigger", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return;		/* nobody reads it: a cron pass will look by itself */
	if (write(fd, "", 1) == -1) {
		/* full: the runner has been called often enough */
	}
	fd_close(fd);
}
