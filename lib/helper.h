/* helper: asking a program that answers for a table (sqlite-lookup's contract):
 * PROGRAM CONFIG SERVICE KEY…, the first hit's result lines on its fd 1, exit
 * 0 found, 1 not there (with the line "inactive" on its fd 1: there and switched
 * off), 111 later, 100 broken configuration; one line on its fd 2 for 111 and 100. */
#ifndef PIPEPOST_HELPER_H
#define PIPEPOST_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/table.h"

enum {
	HELPER_SECONDS = 30,		/* from its start to its end */
	HELPER_RESULT_MAX = 65536,	/* octets of its answer */
	HELPER_KEYS_MAX = 16,		/* keys of one question */
};

/* exit status of a helper */
enum helper_exit {
	HELPER_FOUND = 0,
	HELPER_ABSENT = 1,
	HELPER_BROKEN = 100,
	HELPER_LATER = 111,
};

/* Runs it once. Without keys it is asked for all source addresses, as service
 * "fetch_source". *value receives its lines without the last LF; *why one line
 * after LATER and BROKEN. Whatever is not in the contract (a signal, another
 * exit, too long an answer, too long a time) is LATER. */
enum lookup helper_ask(const char *program, const char *config, enum service service, const char *const keys[],
    size_t nkeys, stralloc *value, stralloc *why);

#endif
