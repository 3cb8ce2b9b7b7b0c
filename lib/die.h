/* die: how a program ends when it cannot go on.
 *
 * Only main() and its static helpers die; library functions return false with
 * errno set and leave the words to their caller. */
#ifndef PIPEPOST_DIE_H
#define PIPEPOST_DIE_H

#include <sysexits.h>

#include <skalibs/strerr.h>	/* PROG: the program's name, set first thing in main() */

/* Writes "PROG: text" as one line to fd 2 and exits with status. Control
 * octets in the text are escaped. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with ": " and the words for errno behind the text. */
_Noreturn void die_errno(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes "PROG: text" to fd 2 and goes on. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
