/* mbox: see mbox.h.
 *
 * Only a regular file with one name that belongs to us is written to, under an
 * fcntl lock and a flock. When anything fails the file is cut back to its old
 * length before the locks go; TERM and its like wait until then. */
#include "deliver-local/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "deliver-local/file.h"

/* ---- quoting ---- */

static const char from_[] = "From ";
enum { FROM_LEN = sizeof from_ - 1 };

/* Gives out what was held back at the start of a line. */
static bool
release(stralloc *to, struct mbox_quoter *q)
{
	for (; q->held_marks > 0; q->held_marks--)
		if (!stralloc_catb(to, ">", 1))
			return false;
	if (!stralloc_catb(to, from_, q->held_from))
		return false;
	q->held_from = 0;
	q->in_line = true;
	return true;
}

/* One octet at a place where quoting is not decided yet. *is_used: it was held back. */
static bool
decide(stralloc *to, struct mbox_quoter *q, char c, bool *is_used)
{
	*is_used = true;
	if (c == '>' && q->held_from == 0) {
		q->held_marks++;
		return true;
	}
	if (c != from_[q->held_from]) {
		*is_used = false;
		return release(to, q);
	}
	if (++q->held_from < FROM_LEN)
		return true;
	return stralloc_catb(to, ">", 1) && release(to, q);
}

bool
mbox_quote(stralloc *to, struct mbox_quoter *q, const char *s, size_t len)
{
	const char *end = s + len, *lf;
	bool is_used;

	if (len > 0)
		q->is_open = end[-1] != '\n';
	while (s < end) {
		if (!q->in_line) {
			if (!decide(to, q, *s, &is_used))
				return false;
			if (is_used)
				s++;
			continue;
		}
		lf = memchr(s, '\n', (size_t)(end - s));
		if (!stralloc_catb(to, s, (size_t)((lf == NULL ? end : lf + 1) - s)))
			return false;
		s = lf == NULL ? end : lf + 1;
		q->in_line = lf == NULL;
	}
	return true;
}

bool
mbox_quote_end(stralloc *to, struct mbox_quoter *q)
{
	return release(to, q) && (!q->is_open || stralloc_catb(to, "\n", 1)) && stralloc_catb(to, "\n", 1);
}

bool
mbox_from_line(stralloc *to, const char *reverse_path, int64_t seconds)
{
	char date[32];
	time_t when = (time_t)seconds;
	struct tm tm;
	size_t start = to->len + 5;

	if (gmtime_r(&when, &tm) == NULL || strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm) == 0)
		return false;
	if (!stralloc_cats(to, "From ") ||
	    !stralloc_cats(to, reverse_path[0] == '\0' ? "MAILER-DAEMON" : reverse_path))
		return false;
	for (size_t i = start; i < to->len; i++)
		if ((unsigned char)to->s[i] <= ' ' || to->s[i] == 0x7f)
			to->s[i] = '-';	/* a blank would end the address for every reader */
	return stralloc_catb(to, " ", 1) && stralloc_cats(to, date) && stralloc_catb(to, "\n", 1);
}

/* ---- the file ---- */

static void
sync_parent(const char *path)
{
	int fd = file_open_parent(path);

	if (fd == -1)
		return;	/* a directory that may be written but not read: nothing more can be done */
	(void)!fsync(fd);
	close(fd);
}

/* Opens the mailbox. O_NONBLOCK: a FIFO in its place must not hold us up. */
static int
open_mailbox(const char *path)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, flags);

	if (fd != -1 || errno != ENOENT)
		return fd;
	fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	if (fd != -1)
		sync_parent(path);
	else if (errno == EEXIST)
		fd = open(path, flags);	/* somebody was faster */
	return fd;
}

/* Whether it is a file that we may append to; *why says what is wrong. */
static bool
is_mailbox(int fd, const char **why)
{
	struct stat st;

	*why = "cannot be looked at";
	if (fstat(fd, &st) == -1)
		return false;
	*why = "is not a regular file";
	if (!S_ISREG(st.st_mode))
		return false;
	*why = "has more than one link";
	if (st.st_nlink > 1)
		return false;
	*why = "was removed meanwhile";
	if (st.st_nlink == 0)
		return false;
	*why = "belongs to another user";
	return st.st_uid == geteuid();
}

/* Whether path still names what fd is: a rival may have replaced it while we waited for its lock. */
static bool
is_still_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Takes both locks, always in the same order. */
static bool
lock_mailbox(int fd)
{
	const struct timespec nap = { .tv_nsec = MBOX_LOCK_NAP_MS * 1000000L };
	tain deadline;

	stream_deadline(&deadline, MBOX_LOCK_SECONDS, NULL);
	for (;;) {
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(fd, F_SETLK, &whole) == 0) {
			if (flock(fd, LOCK_EX | LOCK_NB) == 0)
				return true;
			if (errno != EWOULDBLOCK)
				return false;
			whole.l_type = F_UNLCK;	/* never hold the one while waiting for the other */
			fcntl(fd, F_SETLK, &whole);
		} else if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
			return false;
		}
		tain_now_g();
		if (tain_future(&deadline)) {
			nanosleep(&nap, NULL);
			continue;
		}
		errno = ETIMEDOUT;
		return false;
	}
}

/* What must stand before our From_ line so that it begins a message: nothing
 * in an empty file or behind an empty line. NULL: errno tells. */
static const char *
separator(int fd, off_t length)
{
	char last[2] = { '\n', '\n' };

	if (length == 0)
		return "";
	if (length == 1) {
		if (pread(fd, last + 1, 1, 0) != 1)
			return NULL;
	} else if (pread(fd, last, 2, length - 2) != 2) {
		return NULL;
	}
	if (last[1] != '\n')
		return "\n\n";
	return last[0] == '\n' ? "" : "\n";
}

/* ---- appending ---- */

static bool
write_out(int fd, stralloc *out)
{
	size_t len = out->len;

	out->len = 0;
	return allwrite(fd, out->s, len) == len;
}

static bool
append_text(int fd, stralloc *out, struct text *t)
{
	struct mbox_quoter quoter = { .in_line = false };
	const char *s;
	size_t len;
	enum text_step step;

	while ((step = text_next(t, &s, &len)) == TEXT_PIECE) {
		if (!mbox_quote(out, &quoter, s, len)) {
			errno = ENOMEM;
			return false;
		}
		if (out->len >= STREAM_BUFFER && !write_out(fd, out))
			return false;
	}
	if (step == TEXT_BROKEN) {
		errno = t->error;
		return false;
	}
	if (!mbox_quote_end(out, &quoter)) {
		errno = ENOMEM;
		return false;
	}
	return write_out(fd, out);
}

/* Appends and syncs. False: errno tells; something may have been written. */
static bool
append(int fd, off_t length, const char *reverse_path, struct text *t)
{
	stralloc out = STRALLOC_ZERO;
	const char *before = separator(fd, length);
	bool is_done;
	int error;

	if (before == NULL)
		return false;
	errno = ENOMEM;
	is_done = stralloc_cats(&out, before) && mbox_from_line(&out, reverse_path, time(NULL)) &&
	    append_text(fd, &out, t) && fsync(fd) == 0;
	error = errno;
	stralloc_free(&out);
	errno = error;
	return is_done;
}

/* Takes back what was appended. If even that fails, an administrator must know. */
static void
cut_back(int fd, off_t length, const char *path, struct outcome *o)
{
	if (ftruncate(fd, length) == 0 && fsync(fd) == 0)
		return;
	outcome_set(o, VERDICT_DEFERRED, "4.3.0 %s: a failed delivery could not be taken back: %s", path,
	    strerror(errno));
}

static void
append_or_cut_back(struct outcome *o, int fd, const char *path, const char *reverse_path, struct text *t)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		outcome_defer_errno(o, path);
	} else if (append(fd, st.st_size, reverse_path, t)) {
		outcome_set(o, VERDICT_DELIVERED, "2.0.0 Delivered to mailbox %s", path);
	} else {
		outcome_defer_errno(o, path);
		cut_back(fd, st.st_size, path, o);
	}
}

/* Signals that end a process, held up while the mailbox may be half written. */
static void
hold_signals(sigset_t *old)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, old);
}

void
mbox_deliver(struct outcome *o, const char *path, const char *reverse_path, struct text *t)
{
	int fd = open_mailbox(path);
	sigset_t old;
	const char *why;

	if (fd == -1) {
		outcome_defer_errno(o, path);
		return;
	}
	if (!is_mailbox(fd, &why)) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.1 %s: %s", path, why);
	} else if (!lock_mailbox(fd)) {
		if (errno == ETIMEDOUT)
			outcome_set(o, VERDICT_DEFERRED, "4.2.0 %s: locked by another program", path);
		else
			outcome_defer_errno(o, path);
	} else if (!is_mailbox(fd, &why) || !is_still_there(fd, path)) {
		outcome_set(o, VERDICT_DEFERRED, "4.2.0 %s: replaced by another program", path);
	} else {
		hold_signals(&old);
		append_or_cut_back(o, fd, path, reverse_path, t);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	close(fd);
}
