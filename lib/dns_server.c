/* dns_server: which name servers are asked: resolv.conf(5), as far as it says so, or PIPEPOST_RESOLVER.
 *
 * Lines that mean nothing here are passed over, as libc does. */
#include "lib/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

enum {
	PORT = 53,
	CONF_MAX = 65536,	/* octets of resolv.conf that are looked at */
	WORD_MAX = 128,
};

/* Reads "192.0.2.1", "2001:db8::1" or "fe80::1%eth0". */
static bool
take_address(struct dns_server *s, const char *text, uint16_t port)
{
	char address[WORD_MAX];
	const char *zone = strchr(text, '%');
	size_t len = zone == NULL ? strlen(text) : (size_t)(zone - text);
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	*s = (struct dns_server){ .len = 0 };
	if (zone == NULL && inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		s->len = sizeof v4;
		memcpy(&s->address, &v4, sizeof v4);
		return true;
	}
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return false;
	if (zone != NULL)
		v6.sin6_scope_id = if_nametoindex(zone + 1);
	s->len = sizeof v6;
	memcpy(&s->address, &v6, sizeof v6);
	return true;
}

/* Reads "address:port" or "[address]:port". */
static bool
take_given(struct dns_server *s, const char *text)
{
	char address[WORD_MAX];
	const char *colon = strrchr(text, ':');
	size_t len;
	unsigned port;

	if (colon == NULL || !uint0_scan(colon + 1, &port) || port == 0 || port > UINT16_MAX)
		return false;
	len = (size_t)(colon - text);
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	return take_address(s, address, (uint16_t)port);
}

/* ---- resolv.conf ---- */

/* The next word of the line; false at its end. A word that is too long counts as "". */
static bool
next_word(char word[WORD_MAX], const char **s, const char *end)
{
	const char *start;

	while (*s < end && isspace((unsigned char)**s))
		(*s)++;
	start = *s;
	while (*s < end && !isspace((unsigned char)**s))
		(*s)++;
	word[0] = '\0';
	if (*s - start < WORD_MAX) {
		memcpy(word, start, (size_t)(*s - start));
		word[*s - start] = '\0';
	}
	return *s > start;
}

/* "name:N": N, between 1 and max. */
static void
take_option(unsigned *n, const char *word, const char *name, unsigned max)
{
	size_t len = strlen(name);
	unsigned x;

	if (strncmp(word, name, len) == 0 && uint0_scan(word + len, &x) && x > 0)
		*n = x < max ? x : max;
}

static void
take_line(struct dns *d, const char *s, const char *end)
{
	char word[WORD_MAX];
	bool is_options;

	if (!next_word(word, &s, end))
		return;
	is_options = strcmp(word, "options") == 0;
	if (strcmp(word, "nameserver") == 0 && next_word(word, &s, end) && d->nservers < DNS_SERVERS_MAX &&
	    take_address(&d->servers[d->nservers], word, PORT))
		d->nservers++;
	while (is_options && next_word(word, &s, end)) {
		take_option(&d->try_seconds, word, "timeout:", DNS_TRY_SECONDS_MAX);
		take_option(&d->rounds, word, "attempts:", DNS_ROUNDS_MAX);
	}
}

void
dns_take_resolv_conf(struct dns *d, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));

		take_line(d, s, lf == NULL ? end : lf);
		s = lf == NULL ? end : lf + 1;
	}
}

static void
read_resolv_conf(struct dns *d)
{
	char text[CONF_MAX];
	size_t len = 0;
	ssize_t r = 0;
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	while (len < sizeof text && (r = read(fd, text + len, sizeof text - len)) > 0)
		len += (size_t)r;
	close(fd);
	dns_take_resolv_conf(d, text, len);
}

void
dns_open(struct dns *d, const char *resolver)
{
	*d = (struct dns){ .try_seconds = DNS_TRY_SECONDS, .rounds = DNS_ROUNDS };
	tain_now_g();
	tain_add_g(&d->limit, &tain_infinite_relative);
	if (resolver != NULL) {
		d->is_given = true;
		d->nservers = 1;
		if (!take_given(&d->servers[0], resolver))
			d->why = "PIPEPOST_RESOLVER is not address:port";
		return;
	}
	read_resolv_conf(d);
	if (d->nservers == 0 && take_address(&d->servers[0], "127.0.0.1", PORT))
		d->nservers = 1;
}
