/* smtpd_listen: from the listen lines of smtpd.conf to open sockets.
 *
 * A socket that is open already is kept over a change of the file; one that
 * cannot be opened is reported, and the others are opened all the same. */
#include "smtp-recv/smtpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/log.h"

/* One listen line, while its addresses are opened. */
struct opening {
	struct smtpd *s;
	const struct conf_listen *l;
	const char *name;	/* for smtp-recv -l, or "" */
	size_t nfound, nfailed;
};

static void
say(const struct opening *o, const char *where, const char *why)
{
	complain("%s:%u: listen on %s port %u: %s: %s", o->l->at.file, o->l->at.line, o->l->on,
	    (unsigned)o->l->port, where, why);
}

static socklen_t
size_of(const union socket_address *a)
{
	return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

static bool
is_same(const union socket_address *a, const union socket_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		    a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
	    memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

static int
open_socket(const union socket_address *a)
{
	int one = 1, e;
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	/* An IPv6 socket takes IPv6 only: IPv4 has its own. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    (a->any.sa_family == AF_INET ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
	    bind(fd, &a->any, size_of(a)) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

static void
describe(char *text, size_t size, const union socket_address *a)
{
	char address[INET6_ADDRSTRLEN] = "?";

	if (a->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->v4.sin_addr, address, sizeof address);
	else
		inet_ntop(AF_INET6, &a->v6.sin6_addr, address, sizeof address);
	snprintf(text, size, "%s", address);
}

static bool
keep_open(struct opening *o, const union socket_address *a)
{
	for (size_t i = 0; i < o->s->nlisteners; i++) {
		struct listener *other = &o->s->listeners[i];

		if (!is_same(&other->address, a))
			continue;
		if (!other->is_wanted)
			snprintf(other->name, sizeof other->name, "%s", o->name);
		return other->is_wanted = true;
	}
	return false;
}

/* The port is filled in here. */
static void
open_address(struct opening *o, const union socket_address *address)
{
	union socket_address a = *address;
	struct listener *n = &o->s->listeners[o->s->nlisteners];
	char where[INET6_ADDRSTRLEN];

	if ((o->l->inet4_only && a.any.sa_family != AF_INET) ||
	    (o->l->inet6_only && a.any.sa_family != AF_INET6))
		return;
	if (a.any.sa_family == AF_INET)
		a.v4.sin_port = htons(o->l->port);
	else
		a.v6.sin6_port = htons(o->l->port);
	o->nfound++;
	if (keep_open(o, &a))
		return;
	describe(where, sizeof where, &a);
	if (o->s->nlisteners == LISTENERS_MAX) {
		o->nfailed++;
		say(o, where, "too many sockets");
		return;
	}
	*n = (struct listener){ .fd = open_socket(&a), .address = a, .is_wanted = true };
	if (n->fd == -1) {
		o->nfailed++;
		say(o, where,
		    errno == EACCES ? "Permission denied; ports below 1024 need root" :
				      strerror(errno));
		return;
	}
	snprintf(n->name, sizeof n->name, "%s", o->name);
	o->s->nlisteners++;
}

static bool
has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	union socket_address a = { .v6 = { .sin6_family = AF_INET6 } };
	bool works = fd != -1 && bind(fd, &a.any, sizeof a.v6) == 0;

	if (fd != -1)
		close(fd);
	return works;
}

static void
open_all(struct opening *o)
{
	union socket_address v4 = { .v4 = { .sin_family = AF_INET } };
	union socket_address v6 = { .v6 = { .sin6_family = AF_INET6 } };

	open_address(o, &v4);
	if (o->l->inet6_only || has_ipv6())
		open_address(o, &v6);
}

static bool
open_literal(struct opening *o)
{
	const char *on = o->l->on;
	char text[INET6_ADDRSTRLEN];
	union socket_address a = { .room = { .ss_family = AF_INET } };
	size_t len;

	if (strncasecmp(on, "ipv6:", 5) == 0)
		on += 5;
	len = strlen(on);
	if (len > 1 && on[0] == '[' && on[len - 1] == ']') {
		on++;
		len -= 2;
	}
	if (len >= sizeof text)
		return false;
	memcpy(text, on, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) != 1) {
		a = (union socket_address){ .v6 = { .sin6_family = AF_INET6 } };
		if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) != 1)
			return false;
	}
	open_address(o, &a);
	return true;
}

static bool
open_interface(struct opening *o)
{
	struct ifaddrs *interfaces;

	if (if_nametoindex(o->l->on) == 0 || getifaddrs(&interfaces) == -1)
		return false;
	for (const struct ifaddrs *i = interfaces; i != NULL; i = i->ifa_next) {
		union socket_address a = { .room = { .ss_family = AF_UNSPEC } };

		if (i->ifa_addr == NULL || strcmp(i->ifa_name, o->l->on) != 0)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(&a.v4, i->ifa_addr, sizeof a.v4);
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(&a.v6, i->ifa_addr, sizeof a.v6);
		if (a.any.sa_family != AF_UNSPEC)
			open_address(o, &a);
	}
	freeifaddrs(interfaces);
	return true;
}

/* smtp-recv resolves no names: it is told which line it serves. */
static void
open_host(struct opening *o)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	char name[sizeof o->s->listeners[0].name];

	if (getaddrinfo(o->l->on, NULL, &hints, &found) != 0)
		return;
	snprintf(name, sizeof name, "%s:%u", o->l->on, (unsigned)o->l->port);
	o->name = name;
	for (const struct addrinfo *i = found; i != NULL; i = i->ai_next) {
		union socket_address a = { .room = { .ss_family = AF_UNSPEC } };

		if (i->ai_addrlen > sizeof a ||
		    (i->ai_family != AF_INET && i->ai_family != AF_INET6))
			continue;
		memcpy(&a, i->ai_addr, i->ai_addrlen);
		open_address(o, &a);
	}
	o->name = "";
	freeaddrinfo(found);
}

static size_t
open_line(struct smtpd *s, const struct conf_listen *l)
{
	struct opening o = { .s = s, .l = l, .name = "" };

	if (strcmp(l->on, "all") == 0)
		open_all(&o);
	else if (!open_literal(&o) && !open_interface(&o))
		open_host(&o);
	if (o.nfound == 0) {
		say(&o, "invalid virtual ip or interface",
		    "write an address, an interface, a host name or all");
		o.nfailed++;
	}
	return o.nfailed;
}

static void
close_unwanted(struct smtpd *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nlisteners; i++) {
		if (s->listeners[i].is_wanted)
			s->listeners[kept++] = s->listeners[i];
		else
			close(s->listeners[i].fd);
	}
	s->nlisteners = kept;
}

size_t
listen_apply(struct smtpd *s)
{
	size_t failed = 0;

	for (size_t i = 0; i < s->nlisteners; i++)
		s->listeners[i].is_wanted = false;
	for (size_t i = 0; i < s->conf->nlistens; i++)
		failed += open_line(s, &s->conf->listens[i]);
	close_unwanted(s);
	return failed;
}

void
listen_close(struct smtpd *s)
{
	for (size_t i = 0; i < s->nlisteners; i++)
		close(s->listeners[i].fd);
	s->nlisteners = 0;
}
