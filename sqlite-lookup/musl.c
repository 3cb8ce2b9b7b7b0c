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

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__memset_chk(void *to, int octet, size_t n, size_t room);
int fcntl64(int fd, int command, ...);

/* glibc's fortified functions: room is what the compiler knows of the target. */
void *
__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	if (n > room)
		abort();
	return memcpy(to, from, n);
}

void *
__memset_chk(void *to, int octet, size_t n, size_t room)
{
	if (n > room)
		abort();
	return memset(to, octet, n);
}

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
