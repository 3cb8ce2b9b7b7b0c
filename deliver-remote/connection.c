/* connection: see connection.h.
 *
 * The descriptor does not block; every wait is for what the step's deadline
 * leaves. After a failure the connection is good for nothing but closing. */
#include "deliver-remote/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/wait.h"

void
connection_init(struct connection *c)
{
	c->fd = -1;
	c->step_seconds = 0;
	tain_add_g(&c->limit, &tain_infinite_relative);
	c->peer[0] = '\0';
	c->id = "-";
	c->protocol = "SMTP";
	c->tls = NULL;
	c->has_secret = false;
	c->nreplies = 0;
	c->out = (stralloc)STRALLOC_ZERO;
	c->reply = (struct smtp_reply){ .text = STRALLOC_ZERO };
	c->in.fd = -1;
	c->in.source = NULL;
	c->in.start = c->in.end = 0;
}

void
connection_free(struct connection *c)
{
	connection_close(c);
	stralloc_free(&c->out);
	stralloc_free(&c->reply.text);
}

static void
set_deadline(tain *deadline, const struct connection *c, unsigned seconds)
{
	if (c->step_seconds != 0 && c->step_seconds < seconds)
		seconds = c->step_seconds;
	tain_now_g();
	tain_addsec_g(deadline, (int)seconds);
	if (tain_less(&c->limit, deadline))
		*deadline = c->limit;
}

/* ---- opening and closing ---- */

static bool
is_connected(int fd, const tain *deadline)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (!wait_writable(fd, deadline) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return false;
	errno = error;
	return error == 0;
}

bool
connection_open(struct connection *c, const struct sockaddr *to, socklen_t len, const struct sockaddr *source,
    socklen_t source_len)
{
	tain deadline;
	int error;

	c->nreplies = 0;
	set_deadline(&deadline, c, STEP_CONNECT_SECONDS);
	c->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return false;
	if (source != NULL && bind(c->fd, source, source_len) == -1)
		goto fail;
	if (connect(c->fd, to, len) == -1 && (errno != EINPROGRESS || !is_connected(c->fd, &deadline)))
		goto fail;
	c->in.fd = c->fd;
	c->in.start = c->in.end = 0;
	c->out.len = 0;
	return true;
fail:
	error = errno;
	close(c->fd);
	c->fd = -1;
	errno = error;
	return false;
}

bool
connection_is_open(const struct connection *c)
{
	return c->fd != -1;
}

/* Says good-bye, as far as that is possible at once. */
static void
close_tls(struct connection *c)
{
	tain now;

	if (c->tls == NULL)
		return;
	tain_now_g();
	tain_copynow(&now);
	(void)!tls_close(c->tls, &now);
	tls_free(c->tls);
	c->tls = NULL;
	c->in.source = NULL;
}

void
connection_close(struct connection *c)
{
	if (c->fd == -1)
		return;
	close_tls(c);
	close(c->fd);
	c->fd = c->in.fd = -1;
	c->in.start = c->in.end = 0;
	c->out.len = 0;
}

/* ---- talking ---- */

bool
connection_command(struct connection *c, const char *format, ...)
{
	size_t start = c->out.len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !stralloc_readyplus(&c->out, (size_t)n + 3)) {
		errno = ENOMEM;
		return false;
	}
	va_start(args, format);
	vsnprintf(c->out.s + start, (size_t)n + 1, format, args);
	va_end(args);
	log_verbose("%s: %s >>> %s", c->id, c->protocol, c->out.s + start);
	c->out.len += (size_t)n;
	return stralloc_catb(&c->out, "\r\n", 2);
}

bool
connection_secret(struct connection *c, const char *line, size_t len, const char *words)
{
	log_verbose("%s: %s >>> %s", c->id, c->protocol, words);
	c->has_secret = true;
	if (stralloc_readyplus(&c->out, len + 2) && stralloc_catb(&c->out, line, len) &&
	    stralloc_catb(&c->out, "\r\n", 2))
		return true;
	errno = ENOMEM;
	return false;
}

static bool
send_clear(int fd, const char *s, size_t len, const tain *deadline)
{
	while (len > 0) {
		ssize_t r = send(fd, s, len, MSG_NOSIGNAL);

		if (r > 0) {
			s += r;
			len -= (size_t)r;
		} else if (r == -1 && errno == EAGAIN) {
			if (!wait_writable(fd, deadline))
				return false;
		} else if (r == -1 && errno != EINTR) {
			return false;
		}
	}
	return true;
}

bool
connection_flush(struct connection *c, unsigned seconds)
{
	tain deadline;
	bool is_sent;

	if (c->out.len == 0)
		return true;
	set_deadline(&deadline, c, seconds);
	is_sent = c->tls != NULL ? tls_write(c->tls, c->out.s, c->out.len, &deadline) :
	    send_clear(c->fd, c->out.s, c->out.len, &deadline);
	if (c->has_secret)
		explicit_bzero(c->out.s, c->out.a);
	c->has_secret = false;
	c->out.len = 0;
	return is_sent;
}

static void
log_reply(const struct connection *c)
{
	const char *s = c->reply.text.len > 0 ? c->reply.text.s : "", *end = s + c->reply.text.len;

	if (!log_is_verbose())
		return;
	do {
		const char *lf = s < end ? memchr(s, '\n', (size_t)(end - s)) : NULL;
		int len = (int)((lf == NULL ? end : lf) - s);

		log_line("%s: %s <<< %u%c%.*s", c->id, c->protocol, c->reply.code, lf == NULL ? ' ' : '-', len,
		    len > 0 ? s : "");
		s = lf == NULL ? end : lf + 1;
	} while (s < end);
}

bool
connection_reply(struct connection *c, unsigned seconds)
{
	tain deadline;

	set_deadline(&deadline, c, seconds);
	if (!smtp_read_reply(&c->in, &c->reply, &deadline))
		return false;
	c->nreplies++;
	log_reply(c);
	return true;
}

bool
connection_ask(struct connection *c, unsigned seconds)
{
	return connection_flush(c, seconds) && connection_reply(c, seconds);
}

bool
connection_has_news(struct connection *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 || smtp_has_input(&c->in);
}

/* ---- TLS ---- */

bool
connection_start_tls(struct connection *c, const struct tls_client_options *o, const char **why)
{
	struct tls_client_options options = *o;
	size_t early;
	tain deadline;

	options.fd = c->fd;
	c->tls = tls_client_new(&options, why);
	if (c->tls == NULL)
		return false;
	early = tls_take_input(c->tls, &c->in);
	if (early > 0)
		log_line("%s: mta error relay=%s reason=\"%zu octets in front of the TLS handshake were thrown away\"",
		    c->id, c->peer, early);
	set_deadline(&deadline, c, STEP_TLS_SECONDS);
	if (tls_handshake(c->tls, &deadline))
		return true;
	*why = connection_why(c, errno);
	return false;
}

const char *
connection_why(const struct connection *c, int error)
{
	if (c->tls != NULL && (error == EPROTO || error == ECONNRESET) && *tls_reason(c->tls) != '\0')
		return tls_reason(c->tls);
	switch (error) {
	case EPIPE:
	case ECONNRESET:
		return "the server hung up";
	case ETIMEDOUT:
		return "no answer in time";
	case EPROTO:
		return "what came is not an SMTP reply";
	case EMSGSIZE:
		return "a reply without end";
	default:
		return strerror(error);
	}
}
