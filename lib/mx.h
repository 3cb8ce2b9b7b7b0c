/* mx: the servers that take mail for a destination, in the order in which they are to be
 * tried (RFC 5321 5.1). Asks its questions through a table of functions; it is pure
 * beyond that. */
#ifndef PIPEPOST_MX_H
#define PIPEPOST_MX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <skalibs/genalloc.h>

#include "lib/dns.h"
#include "lib/relay.h"

enum {
	MX_HOSTS_MAX = 16,		/* the best of them; more are left out */
	MX_HOST_ADDRESSES_MAX = 8,	/* of one host */
	MX_TARGETS_MAX = 20,		/* addresses in all */
	MX_SECONDS = 120,		/* for all questions of one search */
	MX_WHY_MAX = 1000,
};

/* One address of one server. */
struct mx_target {
	struct sockaddr_storage address;
	socklen_t len;
	uint16_t preference;		/* 0 where no MX record has one */
	char name[DNS_NAME_MAX + 1];	/* the server's, as the MX record or the rule has it: for TLS and
					 * logs; of a literal the address */
};

enum mx_status {
	MX_FOUND,
	MX_PERMANENT,		/* proven: nobody takes that mail */
	MX_LATER,
};

struct mx_resolver {
	enum dns_status (*ask)(void *arg, struct dns_answer *a, const char *name, enum dns_type type);
	/* for names of the configuration: dns_ask_host() */
	enum dns_status (*ask_host)(void *arg, struct dns_answer *a, const char *name, enum dns_type type);
	uint32_t (*below)(void *arg, uint32_t n);	/* a random number below n */
	bool takes_loopback;		/* by MX, too: the name server is a test's */
	void *arg;
};

/* Replaces *targets (struct mx_target; the caller frees it) by those of the relay, with port; at least one
 * where FOUND. Otherwise why receives an enhanced status code and one line of printable text. */
enum mx_status mx_find(genalloc *targets, char why[MX_WHY_MAX], const struct mx_resolver *r,
    const struct relay *relay, uint16_t port);

/* The same, by asking d until its limit, or MX_SECONDS long where that is less. */
enum mx_status mx_find_by_dns(genalloc *targets, char why[MX_WHY_MAX], struct dns *d, const struct relay *relay,
    uint16_t port);

#endif
