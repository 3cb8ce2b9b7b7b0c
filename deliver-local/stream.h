/* stream: reading and writing with a deadline, the descriptor's flags left alone
 * (fd 0 may be shared with whoever started us). */
#ifndef PIPEPOST_DELIVER_LOCAL_STREAM_H
#define PIPEPOST_DELIVER_LOCAL_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/tai.h>

enum { STREAM_BUFFER = 65536 };

struct stream {
	int fd;
	bool is_no_socket;		/* found out at the first read */
	size_t start, end;		/* unread octets: buffer[start..end) */
	char buffer[STREAM_BUFFER];
};

void stream_begin(struct stream *s, int fd);

/* Reads at least one octet more. Fails with errno ETIMEDOUT, EPIPE (end of
 * file), ENOBUFS (the buffer is full), or that of read. */
bool stream_fill(struct stream *s, const tain *deadline);

/* Whether there is something to read, or end of file, without waiting. */
bool stream_has_input(const struct stream *s);

/* Waits until fd can be read (or written). Fails with ETIMEDOUT or the errno of poll. */

/* Writes everything to a socket, whether it blocks or not, without a signal.
 * Fails with errno ETIMEDOUT or that of send. */
bool stream_send(int fd, const char *s, size_t len, const tain *deadline);

/* now + seconds, or limit (if not NULL) where that is earlier. */
void stream_deadline(tain *deadline, unsigned seconds, const tain *limit);

#endif
