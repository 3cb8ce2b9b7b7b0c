/* build: see build.h.
 *
 * The map is written under a temporary name beside its place, with the owner
 * and mode of its source from the first octet, synced and renamed. */
#include "cdb-tools/build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cdb-tools/progress.h"
#include "cdb-tools/source.h"
#include "lib/die.h"
#include "lib/table_cdb.h"

enum { INTERRUPT_STEP = 4096 };	/* entries between two looks for a signal */

/* A map that has no name of its own yet. */
struct draft {
	char name[PATH_MAX];
	char directory[PATH_MAX];
	int fd;
};

/* ---- signals ---- */

/* They wait while the draft has a name, and are looked for: dying in between
 * would leave it lying there. */
static void
hold_signals(sigset_t *before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, before);
}

static bool
is_interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	    (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) || sigismember(&pending, SIGHUP));
}

/* ---- the draft ---- */

/* Whether the map would be written over its own source. */
static bool
is_own_source(const struct map *m, const struct source *s)
{
	struct stat st;

	return s->is_file && stat(m->output, &st) == 0 && st.st_dev == s->stat.st_dev &&
	    st.st_ino == s->stat.st_ino;
}

/* Whose the map is to be: as its source, or as the map before it, or ours alone. */
static struct stat
wanted_owner(const struct map *m, const struct source *s)
{
	struct stat st;

	if (s->is_file)
		return s->stat;
	if (stat(m->output, &st) == 0 && S_ISREG(st.st_mode))
		return st;
	return (struct stat){ .st_mode = 0600, .st_uid = geteuid(), .st_gid = getegid() };
}

/* Who may not give files away gives the group at most; a group that it cannot
 * give gets no more than everybody. The map is never more open than its source. */
static bool
give_draft(const struct draft *d, const struct stat *wanted)
{
	mode_t mode = wanted->st_mode & 0666;

	if (fchown(d->fd, wanted->st_uid, wanted->st_gid) == -1 && fchown(d->fd, (uid_t)-1, wanted->st_gid) == -1)
		mode = (mode & (mode_t)~070) | ((mode & 07) << 3);
	return fchmod(d->fd, mode) == 0;
}

static bool
create_draft(struct draft *d, const struct map *m, const struct source *s)
{
	struct stat wanted = wanted_owner(m, s);
	const char *slash = strrchr(m->output, '/');
	int n = snprintf(d->name, sizeof d->name, "%s.XXXXXX", m->output);

	d->fd = -1;
	if (n < 0 || (size_t)n >= sizeof d->name) {
		complain("%s: %s", m->output, strerror(ENAMETOOLONG));
		return false;
	}
	snprintf(d->directory, sizeof d->directory, "%.*s", slash == NULL ? 1 : (int)(slash - m->output) + 1,
	    slash == NULL ? "." : m->output);
	d->fd = mkostemp(d->name, O_CLOEXEC);
	if (d->fd == -1) {
		complain("%s: %s", m->output, strerror(errno));
		return false;
	}
	if (give_draft(d, &wanted))
		return true;
	complain("%s: %s", m->output, strerror(errno));
	return false;
}

static bool
sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd != -1 && fsync(fd) == 0;
	int error = errno;

	if (fd != -1)
		close(fd);
	errno = error;
	return ok;
}

static bool
commit_draft(struct draft *d, const struct map *m)
{
	if (fsync(d->fd) == 0 && rename(d->name, m->output) == 0) {
		if (sync_directory(d->directory))
			return true;
		complain("%s: in place, but not yet durable: %s", m->output, strerror(errno));
		return false;
	}
	complain("%s: %s", m->output, strerror(errno));
	unlink(d->name);
	return false;
}

/* ---- writing ---- */

/* False with errno; EINTR where a signal waits. */
static bool
add_entries(struct table_cdb_writer *w, const struct map *m, const struct source *s)
{
	struct progress progress = { .what = "written" };
	bool ok = true;

	for (size_t i = 0; i < s->index.n && ok; i++) {
		const struct table_entry *e = &s->index.entries[i];

		if (i % INTERRUPT_STEP == 0 && is_interrupted()) {
			errno = EINTR;
			ok = false;
			break;
		}
		ok = table_cdb_add(w, e->key, source_value(m, e));
		progress_count(&progress, i + 1);
	}
	progress_end(&progress);
	return ok;
}

static bool
write_entries(int fd, const struct map *m, const struct source *s)
{
	struct table_cdb_writer *w = table_cdb_begin(fd);
	int error;

	if (w == NULL)
		return false;
	if (add_entries(w, m, s))
		return table_cdb_finish(w);
	error = errno;
	table_cdb_abandon(w);
	errno = error;
	return false;
}

static bool
write_map(const struct map *m, const struct source *s)
{
	struct draft d;
	bool ok = create_draft(&d, m, s);

	if (ok && !write_entries(d.fd, m, s)) {
		if (errno == EFBIG)
			complain("%s: the map would be over 4 GiB", m->output);
		else
			complain("%s: %s", m->output, strerror(errno));
		ok = false;
	}
	if (ok)
		ok = commit_draft(&d, m);
	else if (d.fd != -1)
		unlink(d.name);
	if (d.fd != -1)
		close(d.fd);
	return ok;
}

bool
map_build(struct map *m)
{
	struct source s = { .text = TABLE_TEXT_ZERO, .index = TABLE_INDEX_ZERO };
	sigset_t before;
	bool ok;

	ok = source_read(&s, m);
	if (ok && is_own_source(m, &s)) {
		complain("%s: the map would take the place of its own source", m->output);
		ok = false;
	}
	if (ok) {
		hold_signals(&before);
		ok = write_map(m, &s);
		sigprocmask(SIG_SETMASK, &before, NULL);	/* a signal that waited ends us here */
	}
	m->entries = s.index.n;
	if (ok && m->entries == 0)
		complain("warning: empty map created: %s", m->output);
	source_free(&s);
	return ok;
}
