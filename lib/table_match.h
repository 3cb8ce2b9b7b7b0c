/* table_match: wildcards and networks, as tables have them. Pure. */
#ifndef PIPEPOST_TABLE_MATCH_H
#define PIPEPOST_TABLE_MATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Whether s is what the pattern says; '*' stands for any octets, also none.
 * ASCII case is ignored. */
bool table_glob(const char *pattern, const char *s);

/* Whether an entry of a table of addresses (user@dom, @dom, user, "@") is about the address. */
bool table_glob_mailaddr(const char *pattern, const char *address);

/* An address or a network. */
struct table_net {
	int family;			/* AF_INET or AF_INET6 */
	unsigned char octets[16];
	unsigned bits;			/* 32 or 128 for an address */
};

/* Reads "192.0.2.1", "2001:db8::1", either in brackets, "ipv6:" before the
 * latter, and "/bits" behind. False if it is none of these. */
bool table_net_scan(struct table_net *n, const char *s);

/* Whether the address lies in the network. Families never mix. */
bool table_net_contains(const struct table_net *net, const struct table_net *address);

#endif
