/* serve: see serve.h.
 *
 * Maildir jobs are reported in batches: while further jobs are waiting they
 * are done first, and one fsync of new/ makes all of them durable. Reports go
 * out in the order of the jobs. A job that breaks off is dropped, unreported. */
#include "deliver-local/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "deliver-local/deliver.h"
#include "lib/job.h"
#include "lib/log.h"
#include "lib/wait.h"

struct server {
	struct maildir maildir;
	struct text text;
	struct job job;
	stralloc frame;			/* the body of the current job's frame */
	stralloc report;		/* frames to be sent */
	size_t nbatch;
	struct outcome batch[SERVE_BATCH];
	struct stream in;
};

/* ---- reports ---- */

static bool
append_report(stralloc *to, const struct outcome *o, size_t n)
{
	genalloc list = GENALLOC_ZERO;
	bool is_done = genalloc_ready(struct job_verdict, &list, n);

	for (size_t i = 0; is_done && i < n; i++) {
		struct job_verdict v = { .verdict = o[i].verdict, .reason = o[i].reason };

		is_done = genalloc_append(struct job_verdict, &list, &v);
	}
	is_done = is_done && job_encode_verdicts(to, genalloc_s(struct job_verdict, &list), n);
	genalloc_free(struct job_verdict, &list);
	return is_done;
}

static bool
send_report(struct server *s)
{
	tain deadline;
	size_t len = s->report.len;

	s->report.len = 0;
	stream_deadline(&deadline, SERVE_FRAME_SECONDS, NULL);
	return stream_send(s->in.fd, s->report.s, len, &deadline);
}

/* Makes the batch durable and reports it. */
static bool
finish_batch(struct server *s)
{
	size_t n = s->nbatch;

	maildir_sync(&s->maildir);
	s->nbatch = 0;
	for (size_t i = 0; i < n; i++)
		if (!append_report(&s->report, &s->batch[i], 1))
			return false;
	return n == 0 || send_report(s);
}

/* ---- jobs ---- */

enum frame { FRAME_JOB, FRAME_NONE, FRAME_BROKEN };

/* Copies a frame of `size` octets behind its head from the stream. */
static bool
take_body(struct server *s, size_t size, const tain *deadline)
{
	s->in.start += JOB_HEAD;
	s->frame.len = 0;
	for (size_t left = size - JOB_HEAD; left > 0;) {
		size_t n = s->in.end - s->in.start;

		if (n == 0) {
			if (!stream_fill(&s->in, deadline))
				return false;
			continue;
		}
		if (n > left)
			n = left;
		if (!stralloc_catb(&s->frame, s->in.buffer + s->in.start, n))
			return false;
		s->in.start += n;
		left -= n;
	}
	return true;
}

/* Reads one job's frame, whose first octets are waiting. */
static enum frame
read_frame(struct server *s)
{
	enum job_frame type;
	size_t size;
	tain deadline;

	stream_deadline(&deadline, SERVE_FRAME_SECONDS, NULL);
	for (;;) {
		if (!job_scan_frame(&type, &size, s->in.buffer + s->in.start, s->in.end - s->in.start))
			return FRAME_BROKEN;
		if (size > 0)
			break;
		if (!stream_fill(&s->in, &deadline))
			return errno == EPIPE && s->in.start == s->in.end ? FRAME_NONE : FRAME_BROKEN;
	}
	if (type != JOB_FRAME_JOB) {
		errno = EPROTO;
		return FRAME_BROKEN;
	}
	if (!take_body(s, size, &deadline) || !job_decode(&s->job, s->frame.s, s->frame.len))
		return FRAME_BROKEN;
	return FRAME_JOB;
}

static void
begin_text(struct server *s)
{
	tain deadline;

	if (s->job.deadline_seconds == 0)
		s->job.deadline_seconds = DELIVER_SECONDS;
	stream_deadline(&deadline, s->job.deadline_seconds, NULL);
	text_begin(&s->text, &s->in, s->job.text_size, &deadline);
}

/* A job that is reported on its own. */
static bool
do_alone(struct server *s, size_t nrecipients)
{
	genalloc list = GENALLOC_ZERO;
	bool is_done = genalloc_ready(struct outcome, &list, nrecipients);
	struct outcome *o = genalloc_s(struct outcome, &list);

	if (is_done) {
		begin_text(s);
		is_done = deliver_job(o, &s->job, &s->maildir, &s->text);
		maildir_sync(&s->maildir);
		is_done = is_done && append_report(&s->report, o, nrecipients) && send_report(s);
	}
	genalloc_free(struct outcome, &list);
	return is_done;
}

/* Does the job whose frame has been read. False: errno tells, all is over. */
static bool
do_job(struct server *s)
{
	size_t nrecipients = genalloc_len(struct job_recipient, &s->job.recipients);

	if (s->job.action != JOB_MAILDIR || nrecipients > 1)
		return finish_batch(s) && do_alone(s, nrecipients);
	begin_text(s);
	if (!deliver_job(&s->batch[s->nbatch], &s->job, &s->maildir, &s->text)) {
		errno = s->text.error;
		return false;
	}
	s->nbatch++;
	return true;
}

/* Waits for the next job. Before waiting, what has been done is reported. */
static enum frame
next_job(struct server *s)
{
	tain deadline;

	if (s->nbatch < SERVE_BATCH && stream_has_input(&s->in))
		return read_frame(s);
	if (!finish_batch(s))
		return FRAME_BROKEN;
	if (stream_has_input(&s->in))
		return read_frame(s);
	maildir_sweep(&s->maildir);
	maildir_close(&s->maildir);	/* by the next job it may be another directory */
	stream_deadline(&deadline, SERVE_IDLE_SECONDS, NULL);
	if (wait_readable(s->in.fd, &deadline))
		return read_frame(s);
	if (errno != ETIMEDOUT)
		return FRAME_BROKEN;
	/* From here on the runner's writes fail, so it knows which jobs were
	 * never taken; one that came in this moment is still done. */
	shutdown(s->in.fd, SHUT_RD);
	return stream_has_input(&s->in) ? read_frame(s) : FRAME_NONE;
}

static void
free_server(struct server *s)
{
	maildir_close(&s->maildir);
	stralloc_free(&s->maildir.path);
	text_free(&s->text);
	genalloc_free(struct job_recipient, &s->job.recipients);
	stralloc_free(&s->frame);
	stralloc_free(&s->report);
}

bool
serve_jobs(int fd)
{
	struct server s = {
		.maildir = MAILDIR_ZERO, .text = TEXT_ZERO, .job = { .recipients = GENALLOC_ZERO },
		.frame = STRALLOC_ZERO, .report = STRALLOC_ZERO,
	};
	enum frame frame;
	int error;

	stream_begin(&s.in, fd);
	while ((frame = next_job(&s)) == FRAME_JOB)
		if (!do_job(&s))
			break;
	error = errno;
	if (!finish_batch(&s) && frame == FRAME_NONE) {
		error = errno;
		frame = FRAME_BROKEN;
	}
	free_server(&s);
	errno = error;
	return frame == FRAME_NONE;
}
