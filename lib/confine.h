/* confine: a leaf program gives up what it will not need.
 *
 * Whoever takes over a program through what it parses has then only what is
 * left: no further program, no more privileges, no file outside the named places
 * (an error, EACCES), no system call outside the named groups (the process is
 * killed, SIGSYS: to its caller that is a program that died, which costs one
 * deferral). Only for programs that start no other program. */
#ifndef PIPEPOST_CONFINE_H
#define PIPEPOST_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/* Beside what every program may: its memory, descriptors and sockets it has, clocks,
 * random octets, the log (local sockets), its end. */
enum confine_calls {
	CONFINE_FILES = 1 << 0,		/* open, look at and lock files */
	CONFINE_CHANGES = 1 << 1,	/* make, link, sync, cut and remove files */
	CONFINE_NETWORK = 1 << 2,	/* new sockets of every kind */
	/* No filter of calls, which costs 0.05 ms: for what is started for each message or
	 * recipient, and has places. Sockets are then closed by Landlock, from Linux 6.7 on. */
	CONFINE_EVERY_CALL = 1 << 3,
};

/* In a place, for everything below it. */
enum confine_rights {
	CONFINE_READ = 1 << 0,		/* files and directories */
	CONFINE_WRITE = 1 << 1,		/* into files that are there */
	CONFINE_MAKE = 1 << 2,		/* make, link and remove files; includes CONFINE_WRITE */
};

struct confine_place {
	const char *path;	/* one that does not exist is left out */
	int fd;			/* where path is NULL: a directory or file that is open */
	unsigned rights;
};

/* Descriptors that are open stay as they are. Also switches off core files and
 * new processes.
 *
 * places  NULL: every file that the account may touch
 *
 * What the kernel does not offer (seccomp filters, Landlock with links between
 * directories: Linux 5.19) is left out, and so is all of it where a sanitizer
 * is at work, which needs calls of its own. Fails with the errno of
 * prctl(2), seccomp(2) or landlock_restrict_self(2). */
bool confine(unsigned calls, const struct confine_place *places, size_t nplaces);

#endif
