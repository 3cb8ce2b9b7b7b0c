/* report: what became of a message, in the form of qmail-remote. */
#ifndef PIPEPOST_DELIVER_REMOTE_REPORT_H
#define PIPEPOST_DELIVER_REMOTE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "deliver-remote/outcome.h"

/* Appends a report for each recipient in order ('r' accepted, 'h' refused, 's' refused for
 * now, and words), then the one for the message: 'K' (the server has it for all
 * that were accepted), 'Z' or 'D'. Each ends with NUL. Where nobody is accepted the message's report
 * is 'Z' if anybody may be tried again, else 'D'. Fails with errno ENOMEM. */
bool report_append(stralloc *to, const struct outcome *o, size_t n);

/* "Z" or "D" alone: the message itself could not be sent at all. */
bool report_append_alone(stralloc *to, char letter, const char *words);

#endif
