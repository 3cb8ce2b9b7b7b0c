/* peer: see peer.h.
 *
 * A socket tells its own addresses; only where there is none the environment
 * of a super-server or TLS wrapper is asked. What should be an address and is
 * none makes it fail: a stranger never becomes a local user by mistake. */
#include "smtp-recv/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"

enum { SYSTEMD_FD = 3 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

/* Writes the text of an address of either family; v4-mapped as v4. */
static bool
write_address(char text[INET6_ADDRSTRLEN], const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return inet_ntop(AF_INET, &a->v4.sin_addr, text, INET6_ADDRSTRLEN) != NULL;
	if (a->any.sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN) != NULL;
	return inet_ntop(AF_INET6, &a->v6.sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
}

/* The same from text, which so gets its one canonical form. */
static bool
canonical_address(char text[INET6_ADDRSTRLEN], const char *s)
{
	union address a = { .room = { .ss_family = AF_INET } };

	if (inet_pton(AF_INET, s, &a.v4.sin_addr) == 1)
		return write_address(text, &a);
	a.any.sa_family = AF_INET6;
	return inet_pton(AF_INET6, s, &a.v6.sin6_addr) == 1 && write_address(text, &a);
}

/* systemd without StandardInput=socket passes the connection as descriptor 3. */
static void
choose_descriptors(struct peer *p)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	char own[24];

	p->in = 0;
	p->out = 1;
	if (count == NULL || pid == NULL || strcmp(count, "1") != 0)
		return;
	snprintf(own, sizeof own, "%ld", (long)getpid());
	if (strcmp(pid, own) == 0)
		p->in = p->out = SYSTEMD_FD;
}

enum found { FOUND, NOT_THERE, UNUSABLE };

static enum found
ask_socket(struct peer *p, const char **why)
{
	union address a = { .room = { .ss_family = AF_UNSPEC } };
	socklen_t len = sizeof a;

	if (getpeername(p->in, &a.any, &len) == -1) {
		if (errno == ENOTSOCK)
			return NOT_THERE;
		*why = errno == ENOTCONN ? "the client has gone" : "getpeername failed";
		return UNUSABLE;
	}
	if (!write_address(p->address, &a))
		return NOT_THERE;	/* a Unix socket: somebody on this host, or a wrapper */
	len = sizeof a;
	if (getsockname(p->in, &a.any, &len) == -1 || !write_address(p->local_address, &a)) {
		*why = "getsockname failed";
		return UNUSABLE;
	}
	p->local_port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return FOUND;
}

/* The variable PREFIXname, as UCSPI has them. */
static const char *
ucspi(const char *prefix, const char *name)
{
	char variable[64];
	int n = snprintf(variable, sizeof variable, "%s%s", prefix, name);

	return n > 0 && (size_t)n < sizeof variable ? getenv(variable) : NULL;
}

/* The prefix under which a super-server has told the peer's address, or NULL. */
static const char *
ucspi_prefix(void)
{
	const char *proto = getenv("PROTO");

	if (proto != NULL && ucspi(proto, "REMOTEIP") != NULL)
		return proto;
	return ucspi("TCP", "REMOTEIP") != NULL ? "TCP" : NULL;
}

static void
ask_local_side(struct peer *p, const char *prefix)
{
	const char *address = ucspi(prefix, "LOCALIP"), *port = ucspi(prefix, "LOCALPORT");
	char *end;
	long n;

	if (address == NULL || port == NULL || !canonical_address(p->local_address, address))
		return;
	n = strtol(port, &end, 10);
	if (*port != '\0' && *end == '\0' && n > 0 && n <= UINT16_MAX)
		p->local_port = (uint16_t)n;
}

static enum found
ask_environment(struct peer *p, const char **why)
{
	const char *prefix = ucspi_prefix(), *address;

	if (prefix != NULL)
		address = ucspi(prefix, "REMOTEIP");
	else if ((address = getenv("REMOTE_ADDR")) == NULL)	/* systemd */
		address = getenv("REMOTE_HOST");		/* xinetd */
	if (address == NULL && getenv("PROTO") == NULL)
		return NOT_THERE;
	if (address == NULL || !canonical_address(p->address, address)) {
		*why = "the super-server's environment has no usable client address";
		return UNUSABLE;
	}
	if (prefix != NULL)
		ask_local_side(p, prefix);
	return FOUND;
}

/* The super-server may know the name; it is only shown, nothing is decided by it. */
static void
name_host(struct peer *p)
{
	const char *prefix = ucspi_prefix();
	const char *host = prefix == NULL ? NULL : ucspi(prefix, "REMOTEHOST");
	char same[INET6_ADDRSTRLEN];

	p->is_loopback = p->is_local || strncmp(p->address, "127.", 4) == 0 ||
	    strcmp(p->address, "::1") == 0;
	if (host != NULL && address_is_domain(host, strlen(host)) &&
	    !address_is_international(host, strlen(host)) &&
	    canonical_address(same, ucspi(prefix, "REMOTEIP")) && strcmp(same, p->address) == 0)
		snprintf(p->host, sizeof p->host, "%s", host);
	else
		snprintf(p->host, sizeof p->host, "%s", p->is_loopback ? "localhost" : "unknown");
	if (p->is_local)
		snprintf(p->shown, sizeof p->shown, "[local]");
	else
		snprintf(p->shown, sizeof p->shown, "[%s%s]", strchr(p->address, ':') == NULL ? "" : "IPv6:",
		    p->address);
}

static bool
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return false;
	return (flags & O_NONBLOCK) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != -1;
}

bool
peer_find(struct peer *p, bool is_forced_local, bool trusts_environment, const char **why)
{
	enum found found = NOT_THERE;

	*p = (struct peer){ .may_relay = !is_forced_local && getenv("RELAYCLIENT") != NULL };
	choose_descriptors(p);
	if (!is_forced_local) {
		if (trusts_environment)
			found = ask_environment(p, why);
		if (found == NOT_THERE)
			found = ask_socket(p, why);
		if (found == NOT_THERE)
			found = ask_environment(p, why);
	}
	if (found == UNUSABLE)
		return false;
	p->is_local = found == NOT_THERE;
	name_host(p);
	if (!set_nonblocking(p->in) || !set_nonblocking(p->out)) {
		*why = "descriptors 0 and 1 cannot be used";
		return false;
	}
	return true;
}
