/* byhand: one message of the command line, as qmail-remote takes it. */
#ifndef PIPEPOST_DELIVER_REMOTE_BYHAND_H
#define PIPEPOST_DELIVER_REMOTE_BYHAND_H

#include <stddef.h>

#include "deliver-remote/session.h"
#include "lib/job.h"

/* Adds the recipients to the job, delivers the message on fd 0 (its rest, LF line ends)
 * and reports on fd 1 as qmail-remote does. Returns the exit status: 0 where the report was
 * written, EX_TEMPFAIL where not. */
int byhand_deliver(struct session *s, struct job *j, const char *const *recipients, size_t n);

#endif
