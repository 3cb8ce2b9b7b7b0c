/* stream: see stream.h. */
#include "deliver-local/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skalibs/iopause.h>

#include "lib/wait.h"

void
stream_begin(struct stream *s, int fd)
{
	s->fd = fd;
	s->is_no_socket = false;
	s->start = s->end = 0;
}

/* One read. A socket is asked first and waited for only if nothing is there;
 * for anything else the order is the other way round. */
static ssize_t
read_some(struct stream *s, char *to, size_t len, const tain *deadline)
{
	ssize_t r;

	for (;;) {
		if (!s->is_no_socket) {
			r = recv(s->fd, to, len, MSG_DONTWAIT);
			if (r != -1 || (errno != EAGAIN && errno != EINTR && errno != ENOTSOCK))
				return r;
			s->is_no_socket = errno == ENOTSOCK;
		}
		if (!wait_readable(s->fd, deadline))
			return -1;
		if (!s->is_no_socket)
			continue;
		r = read(s->fd, to, len);
		if (r != -1 || (errno != EAGAIN && errno != EINTR))
			return r;
	}
}

bool
stream_fill(struct stream *s, const tain *deadline)
{
	ssize_t r;

	if (s->start == s->end)
		s->start = s->end = 0;
	if (s->end == sizeof s->buffer && s->start > 0) {
		memmove(s->buffer, s->buffer + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	if (s->end == sizeof s->buffer) {
		errno = ENOBUFS;
		return false;
	}
	r = read_some(s, s->buffer + s->end, sizeof s->buffer - s->end, deadline);
	if (r == 0)
		errno = EPIPE;
	if (r <= 0)
		return false;
	s->end += (size_t)r;
	return true;
}

bool
stream_has_input(const struct stream *s)
{
	iopause_fd x = { .fd = s->fd, .events = IOPAUSE_READ };
	tain now;

	if (s->start < s->end)
		return true;
	tain_now_g();
	tain_copynow(&now);
	return iopause_g(&x, 1, &now) > 0;
}

bool
stream_send(int fd, const char *s, size_t len, const tain *deadline)
{
	while (len > 0) {
		ssize_t r = send(fd, s, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (r > 0) {
			s += r;
			len -= (size_t)r;
		} else if (r == -1 && errno == EAGAIN) {
			if (!wait_writable(fd, deadline))
				return false;
		} else if (r == -1 && errno != EINTR) {
			return false;
		}
	}
	return true;
}

void
stream_deadline(tain *deadline, unsigned seconds, const tain *limit)
{
	tain_now_g();
	tain_addsec_g(deadline, (int)seconds);
	if (limit != NULL && tain_less(limit, deadline))
		*deadline = *limit;
}
