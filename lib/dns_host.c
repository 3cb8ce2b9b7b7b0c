/* dns_host: the addresses of a host by its name, as this system knows it.
 *
 * Only proven absence is NO_NAME or NO_DATA. Asks NSS: not for static programs. */
#include "lib/dns.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"

static void
take_address(struct dns_answer *a, const struct sockaddr *from)
{
	struct dns_record *r = &a->records[a->n];

	if (a->n == DNS_RECORDS_MAX) {
		a->is_cut = true;
		return;
	}
	*r = (struct dns_record){ .ttl = 0 };
	if (from->sa_family == AF_INET)
		memcpy(r->address, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	else
		memcpy(r->address, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
	a->n++;
}

/* RFC 6761 6.3: this name is never asked for. */
static enum dns_status
answer_localhost(struct dns_answer *a, enum dns_type type)
{
	static const unsigned char v4[16] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };

	a->records[0] = (struct dns_record){ .ttl = 0 };
	memcpy(a->records[0].address, type == DNS_A ? v4 : v6, 16);
	a->n = 1;
	return DNS_FOUND;
}

static enum dns_status
explain(struct dns_answer *a, const char *name, int error)
{
	char printable[DNS_NAME_MAX + 1];

	switch (error) {
	case EAI_NONAME:
		return DNS_NO_NAME;
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
	case EAI_ADDRFAMILY:
#endif
		return DNS_NO_DATA;
	default:
		snprintf(a->why, sizeof a->why, "the address of %s: %.100s",
		    printable_copy(printable, sizeof printable, name, strlen(name)), gai_strerror(error));
		return DNS_LATER;
	}
}

enum dns_status
dns_ask_host(struct dns *d, struct dns_answer *a, const char *name, enum dns_type type)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = type == DNS_A ? AF_INET : AF_INET6 };
	struct addrinfo *list;
	int error;

	a->n = 0;
	a->is_cut = false;
	a->naliases = 0;
	a->why[0] = '\0';
	snprintf(a->name, sizeof a->name, "%s", name);
	if (d->is_given)
		return strcasecmp(name, "localhost") == 0 ? answer_localhost(a, type) : dns_ask(d, a, name, type);
	error = getaddrinfo(name, NULL, &hints, &list);
	if (error != 0)
		return explain(a, name, error);
	for (const struct addrinfo *i = list; i != NULL; i = i->ai_next)
		take_address(a, i->ai_addr);
	freeaddrinfo(list);
	return a->n > 0 ? DNS_FOUND : DNS_NO_DATA;
}
