/* serve: the job protocol on a stream socket (job.h). */
#ifndef PIPEPOST_DELIVER_LOCAL_SERVE_H
#define PIPEPOST_DELIVER_LOCAL_SERVE_H

#include <stdbool.h>

enum {
	SERVE_IDLE_SECONDS = 5,		/* without a job: the end */
	SERVE_FRAME_SECONDS = 60,	/* from the first octet of a frame to its last, and for a report */
	SERVE_BATCH = 16,		/* Maildir jobs done before their directory is synced and they are reported */
};

/* Serves jobs on fd until it has been idle, or the other side has gone. True
 * where that was between two jobs; else errno tells, and what had been done
 * before has been reported as far as possible. */
bool serve_jobs(int fd);

#endif
