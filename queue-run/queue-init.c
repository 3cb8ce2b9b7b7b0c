/* queue-init: makes a spool, or completes one.
 *
 * Directories, modes and owners as queue(5) lists them, and the counter files
 * of stats/. An existing spool keeps everything it holds, so that the cure "rm
 * -rf on its contents, then queue-init" is as harmless as it can be. As root
 * the spool belongs to ppqueue where that account exists, and the Maildir for
 * mail that would end at uid 0 is made for ppalias.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/account.h"
#include "lib/die.h"
#include "lib/place.h"
#include "lib/queue.h"
#include "lib/stats.h"

static void
warn_of_weak_disk(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) == 0 && queue_weak_file_system((long)fs.f_type) != NULL)
		complain("warning: %s is on %s: an accepted message may not survive a power cut there", path,
		    queue_weak_file_system((long)fs.f_type));
}

/* The account's ids as root; (uid_t)-1 (leave as it is) otherwise. */
static void
find_account(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(name) : NULL;

	*uid = pw != NULL ? pw->pw_uid : (uid_t)-1;
	*gid = pw != NULL ? pw->pw_gid : (gid_t)-1;
}

/* A counter file of full size, owned by the one account that counts in it. */
static void
make_counters(const char *directory, const char *name, const char *account)
{
	uint64_t slots[STATS_SLOTS] = { [STATS_SINCE] = htole64((uint64_t)time(NULL)) };
	uid_t uid;
	gid_t gid;
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir == -1)
		die_errno(EX_CANTCREAT, "%s", directory);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	fd_close(dir);
	if (fd == -1 && errno == EEXIST)
		return;
	if (fd == -1 || write(fd, slots, sizeof slots) != sizeof slots || fchmod(fd, 0644) == -1)
		die_errno(EX_CANTCREAT, "%s/%s", directory, name);
	find_account(account, &uid, &gid);
	if (fchown(fd, uid, gid) == -1)
		die_errno(EX_CANTCREAT, "%s/%s", directory, name);
	fd_close(fd);
}

static void
make_all_counters(const char *spool)
{
	char directory[4096];

	if ((size_t)snprintf(directory, sizeof directory, "%s/stats", spool) >= sizeof directory)
		die(EX_USAGE, "%s: the path is too long", spool);
	make_counters(directory, "smtp", "ppsmtp");
	make_counters(directory, "queue", "ppqueue");
	make_counters(directory, "remote", "ppremote");
}

/* SPOOL-alias: where mail goes that would end at uid 0, and where commands of
 * alias tables find themselves. */
static void
make_alias_home(const char *spool)
{
	char path[4096];
	const struct passwd *pw = geteuid() == 0 ? account_of_aliases() : NULL;

	if (pw == NULL && geteuid() == 0)
		return;		/* nobody whose it could be */
	if ((size_t)snprintf(path, sizeof path, "%s-alias", spool) >= sizeof path)
		die(EX_USAGE, "%s: the path is too long", spool);
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		die_errno(EX_CANTCREAT, "%s", path);
	if (pw != NULL && lchown(path, pw->pw_uid, pw->pw_gid) == -1)
		die_errno(EX_CANTCREAT, "%s", path);
}

int
main(int argc, const char *const *argv)
{
	const char *spool = argc == 2 && argv[1][0] != '-' ? argv[1] : place_spool(), *what;
	uid_t uid;
	gid_t gid;

	PROG = "queue-init";
	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		die(EX_USAGE, "usage: queue-init [spool]");
	find_account("ppqueue", &uid, &gid);
	if (!queue_make(spool, uid, gid, &what))
		die_errno(EX_CANTCREAT, "%s: cannot make %s", spool, what);
	make_all_counters(spool);
	make_alias_home(spool);
	warn_of_weak_disk(spool);
	return 0;
}
