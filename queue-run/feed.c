/* feed: octets to a process without waiting for it.
 *
 * The text of a message goes from the page cache to the socket with sendfile,
 * so that the runner never holds it in memory; or the process is given a descriptor of
 * its own. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/ancil.h>
#include <skalibs/djbunix.h>

enum { TEXT_PIECE = 1024 * 1024 };

static enum feed_state
failed(void)
{
	return errno == EAGAIN || errno == EINTR ? FEED_MORE : FEED_BROKEN;
}

static void
close_passed(struct feed *f)
{
	if (f->passed_fd != -1)
		fd_close(f->passed_fd);
	f->passed_fd = -1;
}

enum feed_state
feed_send(struct feed *f, int fd)
{
	while (f->head_sent < f->head.len) {
		ssize_t n = write(fd, f->head.s + f->head_sent, f->head.len - f->head_sent);

		if (n == -1)
			return failed();
		f->head_sent += (size_t)n;
	}
	if (f->passed_fd != -1) {
		if (ancil_send_fd(fd, f->passed_fd, JOB_TEXT_MARK) <= 0)
			return failed();
		close_passed(f);
	}
	while (f->text_left > 0) {
		size_t piece = f->text_left < TEXT_PIECE ? (size_t)f->text_left : TEXT_PIECE;
		ssize_t n = sendfile(fd, f->text_fd, &f->text_at, piece);

		if (n == -1)
			return failed();
		if (n == 0) {
			errno = EIO;	/* the queue file is shorter than its name says */
			return FEED_BROKEN;
		}
		f->text_left -= (uint64_t)n;
	}
	return FEED_DONE;
}

void
feed_rewind(struct feed *f)
{
	close_passed(f);
	f->head_sent = 0;
	f->text_left += (uint64_t)f->text_at;
	f->text_at = 0;
}

void
feed_free(struct feed *f)
{
	close_passed(f);
	stralloc_free(&f->head);
}
