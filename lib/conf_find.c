/* conf_find: questions about a finished configuration, and the server's name.
 *
 * They allocate nothing and ask no name server. */
#include "lib/conf.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif

const struct conf_table *
conf_find_table(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->ntables; i++)
		if (strcmp(c->tables[i].name, name) == 0)
			return &c->tables[i];
	return NULL;
}

const struct conf_message *
conf_first_error(const struct conf *c)
{
	for (size_t i = 0; i < c->nmessages; i++)
		if (c->messages[i].is_error)
			return &c->messages[i];
	return NULL;
}

/* ---- listeners ---- */

struct binary_address {
	int family;	/* 0: not an address */
	unsigned char octets[sizeof(struct in6_addr)];
};

/* An address as text, perhaps in brackets or with IPv6: before it. */
static struct binary_address
scan_address(const char *s)
{
	struct binary_address a = { 0 };
	char text[INET6_ADDRSTRLEN];
	size_t len;

	if (strncasecmp(s, "ipv6:", 5) == 0)
		s += 5;
	len = strlen(s);
	if (len > 1 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len >= sizeof text)
		return a;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, a.octets) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.octets) == 1)
		a.family = AF_INET6;
	return a;
}

static bool
is_same(const struct binary_address *a, const struct binary_address *b)
{
	size_t len = a->family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	return a->family == b->family && a->family != 0 && memcmp(a->octets, b->octets, len) == 0;
}

/* How well a listener fits, best first. */
enum fit { FIT_NONE, FIT_NAME, FIT_ALL, FIT_INTERFACE, FIT_ADDRESS };

static bool
has_address(const struct ifaddrs *interface, const struct binary_address *a)
{
	const struct sockaddr *sa = interface->ifa_addr;

	if (sa == NULL || sa->sa_family != a->family)
		return false;
	if (sa->sa_family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, a->octets,
		    sizeof(struct in_addr)) == 0;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, a->octets,
	    sizeof(struct in6_addr)) == 0;
}

/* `on` is neither an address nor a word for all: an interface, or a host name,
 * which is not resolved here and therefore fits last. */
static enum fit
fit_name(const char *on, const struct binary_address *a)
{
	struct ifaddrs *interfaces = NULL;
	enum fit fit = if_nametoindex(on) == 0 ? FIT_NAME : FIT_NONE;

	if (fit == FIT_NAME || getifaddrs(&interfaces) == -1)
		return fit;
	for (const struct ifaddrs *i = interfaces; i != NULL; i = i->ifa_next)
		if (strcmp(i->ifa_name, on) == 0 && has_address(i, a))
			fit = FIT_INTERFACE;
	freeifaddrs(interfaces);
	return fit;
}

static enum fit
fit(const struct conf_listen *l, const struct binary_address *a, uint16_t port)
{
	struct binary_address on;

	if (l->port != port || (l->inet4_only && a->family != AF_INET) ||
	    (l->inet6_only && a->family != AF_INET6))
		return FIT_NONE;
	if (strcmp(l->on, "all") == 0)
		return FIT_ALL;
	on = scan_address(l->on);
	if (is_same(&on, a))
		return FIT_ADDRESS;
	if (strcmp(l->on, "0.0.0.0") == 0)
		return a->family == AF_INET ? FIT_ALL : FIT_NONE;
	if (strcmp(l->on, "::") == 0)
		return a->family == AF_INET6 ? FIT_ALL : FIT_NONE;
	return on.family != 0 ? FIT_NONE : fit_name(l->on, a);
}

const struct conf_listen *
conf_find_listen(const struct conf *c, const char *address, uint16_t port)
{
	const struct binary_address a = scan_address(address);
	const struct conf_listen *best = NULL;
	enum fit best_fit = FIT_NONE;

	for (size_t i = 0; i < c->nlistens; i++) {
		enum fit f = fit(&c->listens[i], &a, port);

		if (f <= best_fit)
			continue;
		best_fit = f;
		best = &c->listens[i];
	}
	return best;
}

const struct conf_listen *
conf_find_listen_named(const struct conf *c, const char *name)
{
	const char *colon = strrchr(name, ':');

	for (size_t i = 0; i < c->nlistens; i++)
		if (*c->listens[i].tag != '\0' && strcmp(c->listens[i].tag, name) == 0)
			return &c->listens[i];
	for (size_t i = 0; i < c->nlistens; i++)
		if (strcmp(c->listens[i].on, name) == 0)
			return &c->listens[i];
	for (size_t i = 0; colon != NULL && i < c->nlistens; i++) {
		const struct conf_listen *l = &c->listens[i];
		char port[6];

		snprintf(port, sizeof port, "%u", (unsigned)l->port);
		if (strlen(l->on) == (size_t)(colon - name) &&
		    strncmp(l->on, name, (size_t)(colon - name)) == 0 &&
		    strcmp(colon + 1, port) == 0)
			return l;
	}
	return NULL;
}

bool
conf_listen_is_loopback(const struct conf_listen *l)
{
	const struct binary_address on = scan_address(l->on), one = scan_address("::1");

	if (on.family == AF_INET)
		return on.octets[0] == 127;
	return is_same(&on, &one) || strcmp(l->on, "localhost") == 0 || strcmp(l->on, "lo") == 0;
}

/* ---- certificates ---- */

const struct conf_pki *
conf_find_pki_named(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->npkis; i++)
		if (strcasecmp(c->pkis[i].name, name) == 0)
			return &c->pkis[i];
	return NULL;
}

const struct conf_pki *
conf_find_pki(const struct conf *c, const struct conf_listen *l, const char *name)
{
	const struct conf_pki *p;

	if (*l->pki != '\0')
		return conf_find_pki_named(c, l->pki);
	p = conf_find_pki_named(c, name);
	if (p == NULL)
		p = conf_find_pki_named(c, "*");
	return p != NULL || c->npkis != 1 ? p : &c->pkis[0];
}

const char *
conf_find_ca(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->ncas; i++)
		if (strcmp(c->cas[i].name, name) == 0)
			return c->cas[i].certificate;
	return NULL;
}

/* ---- the server's name ---- */

/* The first line of a file, if it can be a name at all. */
static bool
first_line(const char *path, char *name, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;
	size_t len;

	if (fd == -1)
		return false;
	n = read(fd, name, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	name[n] = '\0';
	len = strcspn(name, "\n");
	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t' || name[len - 1] == '\r'))
		len--;
	name[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] == 127)
			return false;
	return len > 0;
}

char *
conf_server_name(char *name, size_t size)
{
	if (size == 0)
		return name;
	if (first_line(SYSCONFDIR "/mail/mailname", name, size) ||
	    first_line(SYSCONFDIR "/mailname", name, size))
		return name;
	if (gethostname(name, size) == 0) {
		name[size - 1] = '\0';
		if (*name != '\0')
			return name;
	}
	snprintf(name, size, "localhost");
	return name;
}
