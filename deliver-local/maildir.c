/* maildir: see maildir.h.
 *
 * Order: write in tmp/; then, for a whole batch, fsync, link into new/, unlink
 * the name in tmp/, fsync new/. Others read new/ at once, so the file is whole
 * and on disk before it has a name there. */
#include "deliver-local/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "deliver-local/file.h"

enum { DIRECTORY = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* ---- opening ---- */

/* Opens name in the directory `top`, made 0700 if it is missing. */
static int
open_part(int top, const char *name, bool *is_made)
{
	int fd = openat(top, name, DIRECTORY | O_NOFOLLOW);

	if (fd != -1 || errno != ENOENT)
		return fd;
	if (mkdirat(top, name, 0700) == -1 && errno != EEXIST)
		return -1;
	*is_made = true;
	return openat(top, name, DIRECTORY | O_NOFOLLOW);
}

/* Opens tmp/, new/ and cur/; what was made of them is made durable. */
static bool
open_parts(struct maildir *m, int top)
{
	bool is_made = false;
	int cur = open_part(top, "cur", &is_made);

	if (cur == -1)
		return false;
	close(cur);
	m->tmp = open_part(top, "tmp", &is_made);
	m->new = m->tmp == -1 ? -1 : open_part(top, "new", &is_made);
	return m->new != -1 && (!is_made || fsync(top) == 0);
}

/* A tag that may be a folder's name: no way out of the Maildir, no hidden name. */
static bool
is_folder_name(const char *tag, size_t len)
{
	if (len == 0 || len >= MAILDIR_NAME_MAX || tag[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (tag[i] == '/' || (unsigned char)tag[i] < 0x20 || tag[i] == 0x7f)
			return false;
	return true;
}

/* Replaces *top by the folder where there is one. */
static bool
enter_folder(int *top, const char *tag, size_t len)
{
	char name[MAILDIR_NAME_MAX + 1];
	int fd;

	if (!is_folder_name(tag, len))
		return true;
	snprintf(name, sizeof name, ".%.*s", (int)len, tag);
	fd = openat(*top, name, DIRECTORY | O_NOFOLLOW);
	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
	close(*top);
	*top = fd;
	return true;
}

static bool
set_path(stralloc *to, const char *path, const char *tag, size_t tag_len)
{
	to->len = 0;
	if (stralloc_cats(to, path) && stralloc_cats(to, "/.") && stralloc_catb(to, tag, tag_len) && stralloc_0(to))
		return true;
	to->len = 0;
	errno = ENOMEM;
	return false;
}

static bool
is_open_path(const struct maildir *m, const char *path, const char *tag, size_t tag_len)
{
	size_t len = strlen(path);

	return m->path.len == len + 2 + tag_len + 1 && memcmp(m->path.s, path, len) == 0 &&
	    memcmp(m->path.s + len + 2, tag, tag_len) == 0;
}

bool
maildir_open(struct maildir *m, struct outcome *o, const char *path, const char *home, const char *tag,
    size_t tag_len)
{
	int top, error;

	if (is_open_path(m, path, tag, tag_len))
		return true;
	maildir_close(m);
	m->is_swept = false;
	top = file_make_directory(path, home);
	if (top != -1 && enter_folder(&top, tag, tag_len) && open_parts(m, top) &&
	    set_path(&m->path, path, tag, tag_len)) {
		close(top);
		return true;
	}
	error = errno;
	if (top != -1)
		close(top);
	maildir_close(m);
	errno = error;
	outcome_defer_errno(o, path);
	return false;
}

void
maildir_close(struct maildir *m)
{
	maildir_sync(m);
	if (m->tmp != -1)
		close(m->tmp);
	if (m->new != -1)
		close(m->new);
	m->tmp = m->new = -1;
	m->path.len = 0;
}

/* ---- delivering ---- */

/* The host's name as part of a file name: '/' and ':' as octal, as the convention has it. */
static void
host_name(char *to, size_t size)
{
	char host[HOST_NAME_MAX + 1] = "";
	size_t n = 0;

	if (gethostname(host, sizeof host) == -1 || host[0] == '\0')
		snprintf(host, sizeof host, "localhost");
	host[HOST_NAME_MAX] = '\0';
	for (const char *s = host; *s != '\0' && n + 5 < size; s++) {
		if (*s == '/' || *s == ':' || (unsigned char)*s < 0x20)
			n += (size_t)snprintf(to + n, size - n, "\\%03o", (unsigned char)*s);
		else
			to[n++] = *s;
	}
	to[n] = '\0';
}

static bool
make_name(struct maildir *m, char name[MAILDIR_NAME_MAX + 1])
{
	char host[160];
	uint64_t random;
	struct timespec now;

	if (getrandom(&random, sizeof random, 0) != sizeof random || clock_gettime(CLOCK_REALTIME, &now) == -1)
		return false;
	host_name(host, sizeof host);
	snprintf(name, MAILDIR_NAME_MAX + 1, "%lld.M%06ldP%ldQ%lu_%016" PRIx64 ".%s", (long long)now.tv_sec,
	    now.tv_nsec / 1000, (long)getpid(), ++m->counter, random, host);
	return true;
}

/* Writes the text to fd. False: errno tells, or the text is broken. */
static bool
write_text(int fd, struct text *t)
{
	const char *s;
	size_t len;
	enum text_step step;

	while ((step = text_next(t, &s, &len)) == TEXT_PIECE)
		if (allwrite(fd, s, len) < len)
			return false;
	if (step == TEXT_BROKEN)
		errno = t->error;
	return step == TEXT_END;
}

/* Drops a file that will not be delivered. */
static void
discard(const struct maildir *m, struct maildir_message *w)
{
	int error = errno;

	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
	unlinkat(m->tmp, w->name, 0);
	errno = error;
}

/* Makes the file in tmp/, whole. On failure there is none. */
static bool
write_file(const struct maildir *m, struct maildir_message *w, struct text *t)
{
	w->fd = openat(m->tmp, w->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd == -1)
		return false;
	if (write_text(w->fd, t))
		return true;
	discard(m, w);
	return false;
}

void
maildir_deliver(struct maildir *m, struct outcome *o, struct text *t)
{
	struct maildir_message *w;

	if (m->nwritten == MAILDIR_BATCH)
		maildir_sync(m);
	w = &m->written[m->nwritten];
	if (!make_name(m, w->name) || !write_file(m, w, t)) {
		outcome_defer_errno(o, "Maildir");
		return;
	}
	outcome_set(o, VERDICT_DEFERRED, "4.3.0 Maildir: not synced yet");
	w->outcome = o;
	m->nwritten++;
}

/* Puts a file on disk and into new/. */
static bool
publish(const struct maildir *m, struct maildir_message *w)
{
	int fd = w->fd;

	if (fsync(fd) == -1)
		return false;
	w->fd = -1;
	if (close(fd) == -1)	/* a quota over NFS may tell only here */
		return false;
	return linkat(m->tmp, w->name, m->new, w->name, 0) == 0;
}

/* They will be tried again: take them back, or they arrive twice. */
static void
take_back(const struct maildir *m)
{
	int error = errno;

	for (size_t i = 0; i < m->nwritten; i++) {
		if (m->written[i].outcome->verdict != VERDICT_DELIVERED)
			continue;
		unlinkat(m->new, m->written[i].name, 0);
		errno = error;
		outcome_defer_errno(m->written[i].outcome, "Maildir");
	}
}

/* The octets of path without the "/." of a Maildir that is no folder. */
static int
shown_length(const struct maildir *m)
{
	size_t len = m->path.len > 0 ? m->path.len - 1 : 0;

	return (int)(len > 2 && memcmp(m->path.s + len - 2, "/.", 2) == 0 ? len - 2 : len);
}

void
maildir_sync(struct maildir *m)
{
	bool is_linked = false;

	for (size_t i = 0; i < m->nwritten; i++) {
		struct maildir_message *w = &m->written[i];

		if (publish(m, w)) {
			outcome_set(w->outcome, VERDICT_DELIVERED, "2.0.0 Delivered to Maildir %.*s", shown_length(m),
			    m->path.len > 0 ? m->path.s : "");
			is_linked = true;
		} else {
			outcome_defer_errno(w->outcome, "Maildir");
		}
		discard(m, w);
	}
	if (is_linked && fsync(m->new) == -1)
		take_back(m);
	m->nwritten = 0;
}

/* ---- sweeping ---- */

static bool
is_stale(int directory, const char *name, time_t now)
{
	struct stat st;

	return name[0] != '.' && fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_mtime < now - MAILDIR_STALE_SECONDS;
}

void
maildir_sweep(struct maildir *m)
{
	int fd;
	DIR *directory;
	const struct dirent *entry;
	time_t now = time(NULL);

	if (m->tmp == -1 || m->is_swept)
		return;
	m->is_swept = true;
	fd = openat(m->tmp, ".", DIRECTORY);
	directory = fd == -1 ? NULL : fdopendir(fd);
	if (directory == NULL) {
		if (fd != -1)
			close(fd);
		return;	/* the next process will sweep */
	}
	for (int n = 0; n < MAILDIR_SWEEP_MAX && (entry = readdir(directory)) != NULL; n++)
		if (is_stale(m->tmp, entry->d_name, now))
			unlinkat(m->tmp, entry->d_name, 0);
	closedir(directory);
}
