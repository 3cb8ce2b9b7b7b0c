/* intake: see intake.h.
 *
 * Never reads beyond what it must: the octets of a descriptor that were read by
 * a plain recv() would lose it. */
#include "deliver-remote/intake.h"

#include <errno.h>
#include <sys/socket.h>

#include <skalibs/ancil.h>

#include "lib/wait.h"

/* Exactly len octets, appended. EPIPE: the end came first. */
static bool
take_octets(struct intake *in, size_t len, const tain *deadline)
{
	if (!stralloc_readyplus(&in->frame, len)) {
		errno = ENOMEM;
		return false;
	}
	while (len > 0) {
		ssize_t r = recv(in->socket, in->frame.s + in->frame.len, len, MSG_DONTWAIT);

		if (r == -1 && errno == EAGAIN) {
			if (!wait_readable(in->socket, deadline))
				return false;
			continue;
		}
		if (r == -1 && errno == EINTR)
			continue;
		if (r == 0)
			errno = EPIPE;
		if (r <= 0)
			return false;
		in->frame.len += (size_t)r;
		len -= (size_t)r;
	}
	return true;
}

static bool
take_descriptor(struct intake *in, const tain *deadline)
{
	if (!wait_readable(in->socket, deadline))
		return false;
	in->text = ancil_recv_fd(in->socket, JOB_TEXT_MARK);
	return in->text != -1;
}

enum intake_step
intake_take(struct intake *in, const tain *deadline)
{
	enum job_frame type;
	size_t size;

	in->frame.len = 0;
	if (!take_octets(in, JOB_HEAD, deadline))
		return errno == EPIPE && in->frame.len == 0 ? INTAKE_END : INTAKE_BROKEN;
	if (!job_scan_frame(&type, &size, in->frame.s, in->frame.len))
		return INTAKE_BROKEN;
	if (type != JOB_FRAME_JOB) {
		errno = EPROTO;
		return INTAKE_BROKEN;
	}
	if (!take_octets(in, size - JOB_HEAD, deadline) ||
	    !job_decode(&in->job, in->frame.s + JOB_HEAD, size - JOB_HEAD) || !take_descriptor(in, deadline))
		return INTAKE_BROKEN;
	return INTAKE_JOB;
}

void
intake_free(struct intake *in)
{
	stralloc_free(&in->frame);
	genalloc_free(struct job_recipient, &in->job.recipients);
}
