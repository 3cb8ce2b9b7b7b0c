/* dns: see dns.h.
 *
 * One datagram at a time, from a socket of its own (so the kernel picks the port and
 * drops what others send), with an id of its own; over TCP where the answer does
 * not fit. Servers are asked in turn until one can tell; every wait ends at a deadline. */
#include "lib/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/random.h>

#include "lib/dns_message.h"
#include "lib/wait.h"

/* One question on its way. */
struct asking {
	struct dns *d;
	struct dns_answer *a;
	struct dns_question q;
	const struct dns_server *server;
	tain limit;		/* for all of it */
	tain deadline;		/* for this try */
};

static enum dns_reading
failed(struct asking *g, const char *why)
{
	snprintf(g->a->why, sizeof g->a->why, "%s", why);
	return DNS_READ_FAILED;
}

static enum dns_reading
failed_errno(struct asking *g)
{
	if (errno == ETIMEDOUT)
		return failed(g, "no answer from the name server in time");
	snprintf(g->a->why, sizeof g->a->why, "no answer from the name server: %s", strerror(errno));
	return DNS_READ_FAILED;
}

/* A socket that is, or is about to be, connected to the server. */
static int
open_socket(const struct asking *g, int type)
{
	const struct sockaddr *to = (const struct sockaddr *)&g->server->address;
	int error, fd = socket(to->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (connect(fd, to, g->server->len) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* ---- one datagram ---- */

/* Waits for the answer; what is none is dropped. */
static enum dns_reading
read_datagrams(struct asking *g, int fd)
{
	unsigned char s[DNS_MESSAGE_MAX];

	for (;;) {
		enum dns_reading reading;
		ssize_t n = recv(fd, s, sizeof s, 0);

		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return failed_errno(g);
		if (n == -1) {
			if (!wait_readable(fd, &g->deadline))
				return failed_errno(g);
			continue;
		}
		reading = dns_read_answer(g->a, &g->q, s, (size_t)n);
		if (reading != DNS_READ_ALIEN)
			return reading;
		tain_now_g();
		if (!tain_future(&g->deadline))
			return failed(g, "no answer from the name server in time");
	}
}

static enum dns_reading
ask_by_datagram(struct asking *g)
{
	unsigned char s[DNS_QUESTION_MAX];
	size_t len = dns_write_question(s, &g->q);
	enum dns_reading reading;
	int fd = open_socket(g, SOCK_DGRAM);

	if (fd == -1)
		return failed_errno(g);
	reading = send(fd, s, len, MSG_NOSIGNAL) == (ssize_t)len ? read_datagrams(g, fd) : failed_errno(g);
	close(fd);
	return reading;
}

/* ---- over TCP ---- */

static bool
send_all(int fd, const unsigned char *s, size_t len, const tain *deadline)
{
	while (len > 0) {
		ssize_t n = send(fd, s, len, MSG_NOSIGNAL);

		if (n == -1 && (errno == EAGAIN || errno == ENOTCONN)) {
			if (!wait_writable(fd, deadline))
				return false;
		} else if (n == -1 && errno != EINTR) {
			return false;
		} else if (n > 0) {
			s += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool
receive_all(int fd, unsigned char *s, size_t len, const tain *deadline)
{
	while (len > 0) {
		ssize_t n = recv(fd, s, len, 0);

		if (n == 0) {
			errno = ECONNRESET;
			return false;
		}
		if (n == -1 && errno == EAGAIN) {
			if (!wait_readable(fd, deadline))
				return false;
		} else if (n == -1 && errno != EINTR) {
			return false;
		} else if (n > 0) {
			s += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Octets behind their number, both ways. */
static enum dns_reading
talk(struct asking *g, int fd)
{
	unsigned char question[2 + DNS_QUESTION_MAX], s[DNS_MESSAGE_MAX], size[2];
	size_t len = dns_write_question(question + 2, &g->q);
	enum dns_reading reading;

	question[0] = (unsigned char)(len >> 8);
	question[1] = (unsigned char)len;
	if (!wait_writable(fd, &g->deadline) || !send_all(fd, question, len + 2, &g->deadline) ||
	    !receive_all(fd, size, 2, &g->deadline))
		return failed_errno(g);
	len = (size_t)size[0] << 8 | size[1];
	if (!receive_all(fd, s, len, &g->deadline))
		return failed_errno(g);
	reading = dns_read_answer(g->a, &g->q, s, len);
	return reading == DNS_READ_ALIEN || reading == DNS_READ_CUT || reading == DNS_READ_PLAIN ?
	    failed(g, "the name server's answer over TCP is malformed") : reading;
}

static enum dns_reading
ask_by_stream(struct asking *g)
{
	enum dns_reading reading;
	int fd = open_socket(g, SOCK_STREAM);

	if (fd == -1)
		return failed_errno(g);
	reading = talk(g, fd);
	close(fd);
	return reading;
}

/* ---- servers in turn ---- */

static void
set_deadline(struct asking *g)
{
	tain_now_g();
	tain_addsec_g(&g->deadline, (int)g->d->try_seconds);
	if (tain_less(&g->limit, &g->deadline))
		g->deadline = g->limit;
}

static enum dns_reading
ask_once(struct asking *g)
{
	random_buf((char *)&g->q.id, sizeof g->q.id);
	set_deadline(g);
	return ask_by_datagram(g);
}

static enum dns_reading
ask_server(struct asking *g)
{
	enum dns_reading reading;

	g->q.is_plain = false;
	reading = ask_once(g);
	if (reading == DNS_READ_PLAIN) {
		g->q.is_plain = true;
		reading = ask_once(g);
	}
	if (reading == DNS_READ_CUT) {
		set_deadline(g);
		reading = ask_by_stream(g);
	}
	return reading;
}

/* Says which question it was that failed, and whom it was put to. */
static void
complete_why(struct asking *g)
{
	static const char *const types[] = {
		[DNS_A] = "A", [DNS_PTR] = "PTR", [DNS_MX] = "MX", [DNS_TXT] = "TXT", [DNS_AAAA] = "AAAA",
	};
	const struct sockaddr_storage *to = &g->server->address;
	char why[DNS_WHY_MAX], address[INET6_ADDRSTRLEN] = "?";

	if (to->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, address, sizeof address);
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, address, sizeof address);
	memcpy(why, g->a->why, sizeof why);
	snprintf(g->a->why, sizeof g->a->why, "%s of %s: %.90s [%s]", types[g->q.type], g->q.name, why, address);
}

/* Asks for g->q.name, whose aliases are not followed beyond the answer. */
static enum dns_reading
ask_servers(struct asking *g)
{
	enum dns_reading reading = DNS_READ_FAILED;

	for (unsigned round = 0; round < g->d->rounds; round++)
		for (size_t i = 0; i < g->d->nservers; i++) {
			g->server = &g->d->servers[i];
			reading = ask_server(g);
			if (reading != DNS_READ_FAILED)
				return reading;
			complete_why(g);
			tain_now_g();
			if (!tain_future(&g->limit))
				return reading;
		}
	return reading;
}

static enum dns_status
ask_along_aliases(struct asking *g)
{
	char name[DNS_NAME_MAX + 1];

	memcpy(name, g->a->name, sizeof name);
	g->q.name = name;
	for (;;) {
		switch (ask_servers(g)) {
		case DNS_READ_FOUND:
			return DNS_FOUND;
		case DNS_READ_NO_NAME:
			return DNS_NO_NAME;
		case DNS_READ_NO_DATA:
			return DNS_NO_DATA;
		case DNS_READ_ALIAS:	/* no more than DNS_ALIASES_MAX times, then it is RING */
			memcpy(name, g->a->name, sizeof name);
			break;
		case DNS_READ_RING:
			return DNS_BROKEN;
		default:
			return DNS_LATER;
		}
	}
}

/* Copies the name without its closing dot. */
static bool
take_name(char to[DNS_NAME_MAX + 1], const char *name)
{
	size_t len = strnlen(name, DNS_NAME_MAX + 2);

	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len > DNS_NAME_MAX)
		return false;
	memcpy(to, name, len);
	to[len] = '\0';
	return dns_is_name(to);
}

enum dns_status
dns_ask(struct dns *d, struct dns_answer *a, const char *name, enum dns_type type)
{
	struct asking g = { .d = d, .a = a, .q = { .type = type } };

	a->n = 0;
	a->is_cut = false;
	a->naliases = 0;
	a->why[0] = a->name[0] = '\0';
	if (d->why != NULL) {
		snprintf(a->why, sizeof a->why, "%s", d->why);
		return DNS_BROKEN;
	}
	if (!take_name(a->name, name))
		return DNS_NO_NAME;
	tain_now_g();
	tain_addsec_g(&g.limit, DNS_SECONDS);
	if (tain_less(&d->limit, &g.limit))
		g.limit = d->limit;
	return ask_along_aliases(&g);
}
