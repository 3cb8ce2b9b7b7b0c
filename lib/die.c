/* die: see die.h. */
#include "lib/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/printable.h"

static void __attribute__((format(printf, 1, 0)))
say(const char *format, va_list args, int error)
{
	char text[1024], clean[2048];
	int n = vsnprintf(text, sizeof text, format, args);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;

	if (error != 0)
		snprintf(text + len, sizeof text - len, ": %s", strerror(error));
	printable_copy(clean, sizeof clean, text, strlen(text));
	dprintf(2, "%s: %s\n", PROG, clean);
}

void
die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, 0);
	va_end(args);
	exit(status);
}

void
die_errno(int status, const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	say(format, args, error);
	va_end(args);
	exit(status);
}

void
complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, 0);
	va_end(args);
}
