/* deliver: one job, from its text to a verdict for each recipient. */
#ifndef PIPEPOST_DELIVER_LOCAL_DELIVER_H
#define PIPEPOST_DELIVER_LOCAL_DELIVER_H

#include <stdbool.h>

#include "deliver-local/maildir.h"
#include "deliver-local/outcome.h"
#include "deliver-local/text.h"

enum { DELIVER_SECONDS = 300 };		/* for a job that names no deadline */

/* Does the job and fills o[] in the order of its recipients. Its text is
 * consumed to the end; false where it broke off: nothing of it was delivered,
 * and o[] means nothing. With JOB_MAILDIR the outcomes are not final before
 * maildir_sync(). */
bool deliver_job(struct outcome *o, const struct job *j, struct maildir *m, struct text *t);

/* The action's name on the command line: "maildir". */
bool deliver_scan_action(enum job_action *action, const char *name);

#endif
