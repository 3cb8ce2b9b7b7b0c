/* tls_relay: see tls_relay.h.
 *
 * BearSSL's buffers are the only ones: what cannot be passed on is not taken in, so
 * that a side that does not read holds up the other and costs no memory. */
#include "lib/tls_relay.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/tls_internal.h"
#include "lib/wait.h"

struct relay {
	struct tls *t;
	int plain;
	bool is_plain_ended;	/* nothing more comes from there */
	bool is_closing;	/* close-notify is on its way */
	bool has_end;		/* the program behind plain has gone; what it has said may still be there */
	tain end;
	bool has_moved;		/* in this round */
};

static bool
fail(struct relay *r, int error, const char *words)
{
	snprintf(r->t->reason, sizeof r->t->reason, "%s", words);
	errno = error;
	return false;
}

/* What a read or write that gave n means for the round: false where the side is broken. */
static bool
note_result(struct relay *r, ssize_t n)
{
	if (n > 0)
		r->has_moved = true;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void
start_clock(struct relay *r)
{
	tain now;

	if (r->has_end)
		return;
	r->has_end = true;
	tain_now(&now);
	tain_addsec(&r->end, &now, TLS_RELAY_CLOSE_SECONDS);
}

/* From here on only what has come from plain is still to be sent. */
static void
end_plain(struct relay *r)
{
	if (r->is_plain_ended)
		return;
	r->is_plain_ended = r->has_moved = true;
	start_clock(r);
}

/* ---- the four ways ---- */

static bool
send_record(struct relay *r)
{
	size_t len;
	const unsigned char *s = br_ssl_engine_sendrec_buf(r->t->engine, &len);
	ssize_t n = send(r->t->fd, s, len, MSG_NOSIGNAL);

	if (!note_result(r, n))
		return fail(r, errno, strerror(errno));
	if (n > 0)
		br_ssl_engine_sendrec_ack(r->t->engine, (size_t)n);
	return true;
}

static bool
receive_record(struct relay *r)
{
	size_t len;
	unsigned char *s = br_ssl_engine_recvrec_buf(r->t->engine, &len);
	ssize_t n = recv(r->t->fd, s, len, 0);

	if (n == 0)
		return fail(r, ECONNRESET, "the connection was cut without close-notify");
	if (!note_result(r, n))
		return fail(r, errno, strerror(errno));
	if (n > 0)
		br_ssl_engine_recvrec_ack(r->t->engine, (size_t)n);
	return true;
}

/* A clear side that takes nothing more has ended: there is nobody to tell. */
static void
pass_on(struct relay *r)
{
	size_t len;
	const unsigned char *s = br_ssl_engine_recvapp_buf(r->t->engine, &len);
	ssize_t n = r->is_plain_ended ? (ssize_t)len : send(r->plain, s, len, MSG_NOSIGNAL);

	if (!note_result(r, n)) {
		end_plain(r);
		n = (ssize_t)len;
	}
	if (n > 0)
		br_ssl_engine_recvapp_ack(r->t->engine, (size_t)n);
}

static void
take_in(struct relay *r)
{
	size_t len;
	unsigned char *room = br_ssl_engine_sendapp_buf(r->t->engine, &len);
	ssize_t n = recv(r->plain, room, len, 0);

	if (n == 0 || !note_result(r, n)) {
		end_plain(r);
	} else if (n > 0) {
		br_ssl_engine_sendapp_ack(r->t->engine, (size_t)n);
		br_ssl_engine_flush(r->t->engine, 0);
	}
}

/* ---- rounds ---- */

/* Moves what can be moved without waiting, once in each direction. */
static bool
move(struct relay *r)
{
	unsigned state;

	r->has_moved = false;
	state = br_ssl_engine_current_state(r->t->engine);
	if ((state & BR_SSL_RECVAPP) != 0)
		pass_on(r);
	if ((state & BR_SSL_SENDAPP) != 0 && !r->is_plain_ended)
		take_in(r);
	if (r->is_plain_ended && !r->is_closing) {
		br_ssl_engine_close(r->t->engine);	/* behind all that was taken in */
		r->is_closing = true;
	}
	/* The state is asked again: what was done above has changed it. */
	if ((br_ssl_engine_current_state(r->t->engine) & BR_SSL_SENDREC) != 0 && !send_record(r))
		return false;
	return (br_ssl_engine_current_state(r->t->engine) & BR_SSL_RECVREC) == 0 || receive_record(r);
}

static bool
wait_for_more(struct relay *r)
{
	unsigned state = br_ssl_engine_current_state(r->t->engine);
	struct pollfd p[2] = { { .fd = r->t->fd }, { .fd = r->has_end ? -1 : r->plain } };
	int ms = r->has_end ? wait_milliseconds(&r->end) : -1;

	if (ms == 0)
		return fail(r, ETIMEDOUT, "the peer took no more");
	p[0].events = (short)(((state & BR_SSL_SENDREC) != 0 ? POLLOUT : 0) |
	    ((state & BR_SSL_RECVREC) != 0 ? POLLIN : 0));
	p[1].events = (short)(((state & BR_SSL_RECVAPP) != 0 ? POLLOUT : 0) |
	    ((state & BR_SSL_SENDAPP) != 0 ? POLLIN : 0));
	if (poll(p, 2, ms) == -1 && errno != EINTR)
		return fail(r, errno, strerror(errno));
	if ((p[1].revents & (POLLERR | POLLHUP)) != 0)
		start_clock(r);
	return true;
}

/* Whether it is over, and how. */
static bool
is_over(struct relay *r, bool *is_good)
{
	unsigned state = br_ssl_engine_current_state(r->t->engine);
	int e = br_ssl_engine_last_error(r->t->engine);

	if ((state & BR_SSL_CLOSED) != 0) {
		*is_good = e == BR_ERR_OK || tls_fail_engine(r->t);
		return true;
	}
	/* Our close-notify is out: the peer's need not be waited for. */
	*is_good = true;
	return r->is_closing && (state & (BR_SSL_SENDREC | BR_SSL_SENDAPP)) == 0;
}

bool
tls_relay(struct tls *t, int plain)
{
	struct relay r = { .t = t, .plain = plain };
	bool is_good;

	while (!is_over(&r, &is_good)) {
		if (!move(&r) || (!r.has_moved && !wait_for_more(&r)))
			return false;
	}
	return is_good;
}
