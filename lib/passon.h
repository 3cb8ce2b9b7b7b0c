/* passon: what of our environment our own programs see when we start them. */
#ifndef PIPEPOST_PASSON_H
#define PIPEPOST_PASSON_H

#include <stdbool.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

/* Appends "NAME=value" strings, each with its NUL: PATH, TZ and the PIPEPOST_* of a
 * sandbox; of a set-id program's environment none. Fails with errno ENOMEM. */
bool passon_append(stralloc *to);

/* Appends pointers (const char *) to the strings, and NULL. Fails with errno ENOMEM. */
bool passon_point(genalloc *pointers, const stralloc *strings);

#endif
