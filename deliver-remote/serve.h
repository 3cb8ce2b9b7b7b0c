/* serve: the runner's jobs, one after the other, over one socket (lib/job.h). */
#ifndef PIPEPOST_DELIVER_REMOTE_SERVE_H
#define PIPEPOST_DELIVER_REMOTE_SERVE_H

#include <stdbool.h>

#include "deliver-remote/session.h"

enum {
	SERVE_FRAME_SECONDS = 60,	/* for a frame, once it has begun, and for a report to be taken */
	SERVE_IDLE_SECONDS = 10,	/* without a job, where no session is open */
	SERVE_JOB_SECONDS = 3600,	/* for a job that names no deadline */
};

/* Serves until the runner closes the socket, is idle for SERVE_IDLE_SECONDS or as long as the
 * destination's sessions are kept, or the session is spent: then what has come is deferred, and nothing more is taken.
 * Fails with errno EPROTO and others when a job breaks off or is none. */
bool serve_jobs(int fd, struct session *s);

#endif
