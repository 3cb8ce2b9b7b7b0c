/* wait: for a descriptor, until a deadline. */
#ifndef PIPEPOST_WAIT_H
#define PIPEPOST_WAIT_H

#include <stdbool.h>

#include <skalibs/tai.h>

/* Milliseconds until the deadline, rounded up, at most INT_MAX; 0 when it is there. */
int wait_milliseconds(const tain *deadline);

/* Waits until fd can be read or written, has an error or has ended: what it is
 * shows at the next read or write. Fails with errno ETIMEDOUT, or that of poll. */
bool wait_readable(int fd, const tain *deadline);
bool wait_writable(int fd, const tain *deadline);

#endif
