/* musl: what a libsqlite3.a that was built for glibc asks for and musl has not.
 *
 * Where both have 64-bit types the structures that SQLite hands to libc (stat,
 * flock, timeval, tm) are the kernel's, and the same in both. */
#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

static_assert(sizeof(long) == 8 && sizeof(off_t) == 8 && sizeof(time_t) == 8,
    "here SQLite needs the libc it was built for: make MUSL=");

int fcntl64(int fd, int command, ...);

/* Every command that SQLite uses takes an int or a pointer, or nothing. */
int
fcntl64(int fd, int command, ...)
{
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	return fcntl(fd, command, argument);
}
