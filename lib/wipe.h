/* wipe: memory that has held a secret. */
#ifndef PIPEPOST_WIPE_H
#define PIPEPOST_WIPE_H

#include <skalibs/stralloc.h>

/* Overwrites all that s has room for, and empties it; the second frees it, too. */
void wipe_text(stralloc *s);
void wipe_and_free(stralloc *s);

#endif
