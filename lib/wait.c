/* wait: see wait.h. */
#include "lib/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

int
wait_milliseconds(const tain *deadline)
{
	tain now, left;
	int ms;

	if (!tain_now(&now) || !tain_less(&now, deadline))
		return 0;
	tain_sub(&left, deadline, &now);
	ms = tain_to_millisecs(&left);
	return ms < 0 || ms == INT_MAX ? INT_MAX : ms + 1;
}

static bool
wait_for(int fd, short events, const tain *deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int ms = wait_milliseconds(deadline), r;

		if (ms == 0) {
			errno = ETIMEDOUT;
			return false;
		}
		r = poll(&p, 1, ms);
		if (r > 0)
			return true;
		if (r == -1 && errno != EINTR)
			return false;
	}
}

bool
wait_readable(int fd, const tain *deadline)
{
	return wait_for(fd, POLLIN, deadline);
}

bool
wait_writable(int fd, const tain *deadline)
{
	return wait_for(fd, POLLOUT, deadline);
}
