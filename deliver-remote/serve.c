/* serve: see serve.h.
 *
 * Each job is done and reported before the next is taken. One that breaks off
 * is dropped, unreported: the runner defers it. */
#include "deliver-remote/serve.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver-remote/delivery.h"
#include "deliver-remote/intake.h"
#include "lib/wait.h"

struct server {
	struct intake in;
	struct session *session;
	struct delivery delivery;
	struct text text;
	stralloc report;
	genalloc verdicts;	/* struct job_verdict */
};

static void
set_deadline(tain *deadline, unsigned seconds)
{
	tain_now_g();
	tain_addsec_g(deadline, (int)seconds);
}

/* ---- reports ---- */

static bool
send_all(int fd, const char *s, size_t len, const tain *deadline)
{
	while (len > 0) {
		ssize_t r = send(fd, s, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (r == -1 && errno == EAGAIN) {
			if (!wait_writable(fd, deadline))
				return false;
			continue;
		}
		if (r == -1 && errno != EINTR)
			return false;
		if (r > 0) {
			s += r;
			len -= (size_t)r;
		}
	}
	return true;
}

static bool
report(struct server *s)
{
	tain deadline;

	genalloc_setlen(struct job_verdict, &s->verdicts, 0);
	for (size_t i = 0; i < s->delivery.n; i++) {
		const struct outcome *o = &s->delivery.o[i];
		struct job_verdict v = {
			.verdict = o->is_passed_on ? VERDICT_PASSED_ON : o->verdict, .reason = o->reason,
		};

		if (!genalloc_append(struct job_verdict, &s->verdicts, &v))
			return false;
	}
	s->report.len = 0;
	if (!job_encode_verdicts(&s->report, genalloc_s(struct job_verdict, &s->verdicts), s->delivery.n))
		return false;
	set_deadline(&deadline, SERVE_FRAME_SECONDS);
	return send_all(s->in.socket, s->report.s, s->report.len, &deadline);
}

/* ---- jobs ---- */

static void
deliver(struct server *s)
{
	const struct job *j = &s->in.job;
	struct outcome o;

	set_deadline(&s->delivery.deadline, j->deadline_seconds != 0 ? j->deadline_seconds : SERVE_JOB_SECONDS);
	if (!text_begin(&s->text, s->in.text, 0, j->text_size)) {
		outcome_set(&o, VERDICT_DEFERRED, "4.3.0 The message cannot be read");
		delivery_settle(&s->delivery, &o);
		return;
	}
	session_deliver(s->session, &s->delivery);
}

/* Does the job that has been taken, and reports it. */
static bool
do_job(struct server *s)
{
	bool is_done;

	is_done = delivery_begin(&s->delivery, &s->in.job, &s->text);
	if (is_done)
		deliver(s);
	close(s->in.text);
	return is_done && report(s);
}

/* Waits for the next job. A session that the server ends meanwhile is closed. */
static bool
wait_for_job(struct server *s, const tain *deadline)
{
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = s->in.socket, .events = POLLIN },
			{ .fd = session_descriptor(s->session), .events = POLLIN },	/* -1 is ignored */
		};
		int r, ms = wait_milliseconds(deadline);

		r = poll(p, 2, ms);
		if (r > 0 && p[0].revents != 0)
			return true;
		if (r > 0)
			session_close(s->session);
		else if (r == 0 && ms == 0) {
			errno = ETIMEDOUT;
			return false;
		} else if (r == -1 && errno != EINTR)
			return false;
	}
}

static enum intake_step
next_job(struct server *s)
{
	tain deadline;

	if (session_keepalive_seconds(s->session) == 0)
		session_close(s->session);
	set_deadline(&deadline, session_descriptor(s->session) == -1 ? SERVE_IDLE_SECONDS :
	    session_keepalive_seconds(s->session));
	if (s->session->is_spent || !wait_for_job(s, &deadline)) {
		if (!s->session->is_spent && errno != ETIMEDOUT)
			return INTAKE_BROKEN;
		/* From here on the runner's writes fail, so it knows which jobs
		 * were never taken; one that came in this moment is still done. */
		shutdown(s->in.socket, SHUT_RD);
	}
	set_deadline(&deadline, SERVE_FRAME_SECONDS);
	return intake_take(&s->in, &deadline);
}

bool
serve_jobs(int fd, struct session *session)
{
	struct server s = {
		.in = { .socket = fd, .frame = STRALLOC_ZERO, .job = { .recipients = GENALLOC_ZERO }, .text = -1 },
		.session = session, .delivery = DELIVERY_ZERO, .report = STRALLOC_ZERO, .verdicts = GENALLOC_ZERO,
	};
	enum intake_step step;
	int error = 0;

	while ((step = next_job(&s)) == INTAKE_JOB)
		if (!do_job(&s))
			break;
	if (step != INTAKE_END)
		error = errno;
	session_close(session);
	intake_free(&s.in);
	delivery_free(&s.delivery);
	stralloc_free(&s.report);
	genalloc_free(struct job_verdict, &s.verdicts);
	errno = error;
	return step == INTAKE_END;
}
