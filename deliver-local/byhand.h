/* byhand: one job from the command line, its text on fd 0, its verdict on fd 1. */
#ifndef PIPEPOST_DELIVER_LOCAL_BYHAND_H
#define PIPEPOST_DELIVER_LOCAL_BYHAND_H

#include <skalibs/stralloc.h>

#include "lib/job.h"

/* Fills what the options left open: user and home from the account we run as,
 * the recipient from the user. Strings go into memory. Fails with errno ENOENT
 * (no such account), ENOMEM. */
bool byhand_complete(struct job *j, stralloc *memory);

/* Does the job and prints a line for each recipient. Returns the exit status:
 * 0, EX_TEMPFAIL where anything was deferred, else EX_NOUSER, EX_NOHOST or
 * EX_DATAERR where anything failed. */
int byhand_deliver(const struct job *j);

#endif
