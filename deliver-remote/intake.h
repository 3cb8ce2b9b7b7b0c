/* intake: a job off the runner's socket: a frame, and the descriptor of the message that
 * is passed right behind it. */
#ifndef PIPEPOST_DELIVER_REMOTE_INTAKE_H
#define PIPEPOST_DELIVER_REMOTE_INTAKE_H

#include <stdbool.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "lib/job.h"

struct intake {
	int socket;		/* does not block */
	stralloc frame;		/* which the job points into */
	struct job job;
	int text;		/* the message's descriptor, the caller's to close */
};

enum intake_step { INTAKE_JOB, INTAKE_END, INTAKE_BROKEN };

/* Takes one job. END: the runner closed the socket between two jobs. BROKEN with
 * errno EPROTO, EMSGSIZE, EPIPE (it broke off), ETIMEDOUT, ENOMEM or that of recv. */
enum intake_step intake_take(struct intake *in, const tain *deadline);
void intake_free(struct intake *in);

#endif
