/* mx: see mx.h.
 *
 * Permanent is only what DNS has proven, and never what a rule of smtpd.conf names: that is for the
 * administrator to mend. Where some servers' addresses could not be told and others' could, the
 * others are tried. */
#include "lib/mx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/idna.h"
#include "lib/printable.h"

struct host {
	char name[DNS_NAME_MAX + 1];
	uint16_t preference;
};

/* What is known while it is being found out. */
struct search {
	const struct mx_resolver *r;
	const struct relay *relay;
	uint16_t port;
	genalloc *targets;
	char *why;
	char label[DNS_NAME_MAX + 1];		/* the destination, printable */
	char name[DNS_NAME_MAX + 1];		/* the same for DNS */
	struct host hosts[DNS_RECORDS_MAX];
	size_t nhosts;
	bool is_implicit;			/* the destination has no MX records, or none count */
	bool has_later;				/* the address of some host could not be told; why says it */
	struct dns_answer answer, other;
};

static enum mx_status say(struct search *s, enum mx_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum mx_status
say(struct search *s, enum mx_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(s->why, MX_WHY_MAX, format, args) < 0)
		s->why[0] = '\0';
	va_end(args);
	return status;
}

/* ---- addresses ---- */

static bool
add_target(struct search *s, const struct host *h, int family, const unsigned char *octets)
{
	struct mx_target t = { .preference = h->preference };

	if (family == AF_INET) {
		struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(s->port) };

		memcpy(&v4.sin_addr, octets, 4);
		memcpy(&t.address, &v4, sizeof v4);
		t.len = sizeof v4;
	} else {
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(s->port) };

		memcpy(&v6.sin6_addr, octets, 16);
		memcpy(&t.address, &v6, sizeof v6);
		t.len = sizeof v6;
	}
	memcpy(t.name, h->name, sizeof t.name);
	return genalloc_append(struct mx_target, s->targets, &t);
}

/* Whether somebody can be reached at the address at all: not the one of nobody (which would be
 * this host), nor that of many. */
static bool
is_unicast(enum dns_type type, const unsigned char *octets)
{
	static const unsigned char nobody[16];

	if (memcmp(octets, nobody, type == DNS_A ? 4 : 16) == 0)
		return false;
	return type == DNS_A ? octets[0] < 224 : octets[0] != 0xff;
}

static bool
is_loopback(enum dns_type type, const unsigned char *octets)
{
	static const unsigned char v4[12] = { [10] = 0xff, [11] = 0xff }, v6[16] = { [15] = 1 };

	if (type == DNS_A)
		return octets[0] == 127;
	return memcmp(octets, v6, 16) == 0 || (memcmp(octets, v4, 12) == 0 && octets[12] == 127);
}

/* A stranger's MX that is 127.0.0.1 would have us hand his mail to ourselves, as mail of
 * this host's own. The administrator may name such a host. */
static void
drop_unusable(const struct search *s, struct dns_answer *a, enum dns_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const unsigned char *octets = a->records[i].address;

		if (is_unicast(type, octets) && (!s->relay->is_mx || s->r->takes_loopback || !is_loopback(type, octets)))
			a->records[n++] = a->records[i];
	}
	a->n = n;
}

/* The host's addresses of one family in a; none where they are not wanted. */
static void
ask_addresses(struct search *s, struct dns_answer *a, const struct host *h, enum dns_type type)
{
	enum dns_status status;

	a->n = 0;
	if (type == DNS_AAAA ? s->relay->inet4_only : s->relay->inet6_only)
		return;
	status = (s->relay->is_mx ? s->r->ask : s->r->ask_host)(s->r->arg, a, h->name, type);
	drop_unusable(s, a, type);
	if (status == DNS_FOUND || status == DNS_NO_NAME || status == DNS_NO_DATA)
		return;
	a->n = 0;
	s->has_later = true;
	say(s, MX_LATER, "4.4.3 %s", a->why);
}

/* Takes both families in turn, IPv6 first, so that one that leads nowhere from here costs
 * one attempt. Within a family the name server's order stands (RFC 5321 5.1). */
static bool
add_addresses(struct search *s, const struct host *h)
{
	size_t room = MX_HOST_ADDRESSES_MAX;

	ask_addresses(s, &s->answer, h, DNS_AAAA);
	ask_addresses(s, &s->other, h, DNS_A);
	for (size_t i = 0; i < s->answer.n || i < s->other.n; i++) {
		const struct {
			const struct dns_answer *a;
			int family;
		} both[] = { { &s->answer, AF_INET6 }, { &s->other, AF_INET } };

		for (size_t f = 0; f < 2; f++) {
			if (i >= both[f].a->n)
				continue;
			if (room == 0 || genalloc_len(struct mx_target, s->targets) == MX_TARGETS_MAX)
				return true;
			if (!add_target(s, h, both[f].family, both[f].a->records[i].address))
				return false;
			room--;
		}
	}
	return true;
}

/* No host has an address that could be used. */
static enum mx_status
explain_no_address(struct search *s)
{
	if (s->has_later)
		return MX_LATER;	/* said already */
	if (!s->relay->is_mx)
		return say(s, MX_LATER, "4.3.5 The host %s, which smtpd.conf names, has no %saddress", s->label,
		    s->relay->inet4_only ? "IPv4 " : s->relay->inet6_only ? "IPv6 " : "");
	if (s->relay->inet4_only || s->relay->inet6_only)
		return say(s, MX_LATER, "4.4.4 No mail server of %s has an IPv%c address, and smtpd.conf allows no other",
		    s->label, s->relay->inet4_only ? '4' : '6');
	if (s->is_implicit)
		return say(s, MX_PERMANENT, "5.1.2 The domain %s has no mail server and no address", s->label);
	return say(s, MX_PERMANENT, "5.4.4 No mail server of %s (%s%s) has an address", s->label, s->hosts[0].name,
	    s->nhosts > 1 ? " and others" : "");
}

static enum mx_status
find_addresses(struct search *s)
{
	for (size_t i = 0; i < s->nhosts && i < MX_HOSTS_MAX; i++) {
		if (genalloc_len(struct mx_target, s->targets) == MX_TARGETS_MAX)
			break;
		if (!add_addresses(s, &s->hosts[i]))
			return say(s, MX_LATER, "4.3.0 out of memory");
	}
	if (genalloc_len(struct mx_target, s->targets) == 0)
		return explain_no_address(s);
	s->why[0] = '\0';
	return MX_FOUND;
}

/* ---- which hosts ---- */

static void
swap_hosts(struct host *a, struct host *b)
{
	struct host c = *a;

	*a = *b;
	*b = c;
}

/* By preference, those of the same in any order. */
static void
sort_hosts(struct search *s)
{
	for (size_t i = s->nhosts; i > 1; i--)
		swap_hosts(&s->hosts[i - 1], &s->hosts[s->r->below(s->r->arg, (uint32_t)i)]);
	for (size_t i = 1; i < s->nhosts; i++)
		for (size_t j = i; j > 0 && s->hosts[j].preference < s->hosts[j - 1].preference; j--)
			swap_hosts(&s->hosts[j], &s->hosts[j - 1]);
}

static bool
is_same_name(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 0 && a[n - 1] == '.';
	m -= m > 0 && b[m - 1] == '.';
	return n == m && n > 0 && strncasecmp(a, b, n) == 0;
}

static bool
is_own_name(const struct relay *r, const char *name)
{
	if (is_same_name(name, r->own_name) || is_same_name(name, r->helo))
		return true;
	for (size_t i = 0; i < genalloc_len(struct relay_name, &r->names); i++)
		if (is_same_name(name, genalloc_s(struct relay_name, &r->names)[i].name))
			return true;
	return r->is_backup && is_same_name(name, r->backup_mx);
}

/* Drops ourselves and everybody who is no better: they would send it back. The hosts are sorted.
 * False: nobody is left. */
static bool
drop_own(struct search *s)
{
	size_t own = 0;

	while (own < s->nhosts && !is_own_name(s->relay, s->hosts[own].name))
		own++;
	if (own == s->nhosts)
		return true;
	while (own > 0 && s->hosts[own - 1].preference == s->hosts[own].preference)
		own--;
	s->nhosts = own;
	return own > 0;
}

/* Takes the hosts of the MX records in s->answer. */
static void
take_hosts(struct search *s)
{
	for (size_t i = 0; i < s->answer.n; i++) {
		const struct dns_record *m = &s->answer.records[i];
		struct host *h = &s->hosts[s->nhosts];

		if (m->name[0] == '\0' || strcmp(m->name, ".") == 0)
			continue;
		memcpy(h->name, m->name, sizeof h->name);
		h->preference = m->preference;
		s->nhosts++;
	}
}

static void
take_host(struct search *s, const char *name)
{
	snprintf(s->hosts[0].name, sizeof s->hosts[0].name, "%s", name);
	s->hosts[0].preference = 0;
	s->nhosts = 1;
}

static enum mx_status
find_mx(struct search *s)
{
	switch (s->r->ask(s->r->arg, &s->answer, s->name, DNS_MX)) {
	case DNS_FOUND:
		if (s->answer.n == 1 && strcmp(s->answer.records[0].name, ".") == 0)	/* RFC 7505 */
			return say(s, MX_PERMANENT, "5.1.10 The domain %s accepts no mail (null MX)", s->label);
		take_hosts(s);
		if (s->nhosts == 0)
			return say(s, MX_PERMANENT, "5.4.4 The MX records of %s name no host", s->label);
		return MX_FOUND;
	case DNS_NO_DATA:
		s->is_implicit = true;
		take_host(s, s->name);
		return MX_FOUND;
	case DNS_NO_NAME:
		return say(s, MX_PERMANENT, "5.1.2 There is no domain %s", s->label);
	default:
		return say(s, MX_LATER, "4.4.3 %s", s->answer.why);
	}
}

static enum mx_status
find_by_mx(struct search *s)
{
	enum mx_status status = find_mx(s);

	if (status != MX_FOUND)
		return status;
	sort_hosts(s);
	if (!drop_own(s))
		return say(s, MX_PERMANENT, "5.4.6 Mail for %s loops back to this host: it is the best mail server itself, "
		    "but has no rule that delivers", s->label);
	return find_addresses(s);
}

/* ---- destinations ---- */

/* Reads an address, or with is_literal one in brackets as RFC 5321 4.1.3 has it. */
static bool
scan_address(const char *s, bool is_literal, int *family, unsigned char octets[16], char *text, size_t size)
{
	size_t len = strlen(s);

	if (is_literal) {
		if (len < 2 || s[0] != '[' || s[len - 1] != ']')
			return false;
		s++;
		len -= 2;
		if (len > 5 && strncasecmp(s, "IPv6:", 5) == 0) {
			s += 5;
			len -= 5;
		}
	}
	if (len >= size)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	*family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(*family, text, octets) == 1;
}

/* The destination is an address: there is nothing to ask. */
static enum mx_status
take_address(struct search *s, int family, const unsigned char *octets)
{
	if (family == AF_INET ? s->relay->inet6_only : s->relay->inet4_only)
		return say(s, MX_LATER, "4.4.4 %s is an address of a kind that smtpd.conf does not allow", s->label);
	if (!add_target(s, &s->hosts[0], family, octets))
		return say(s, MX_LATER, "4.3.0 out of memory");
	return MX_FOUND;
}

static enum mx_status
find(struct search *s)
{
	const struct relay *relay = s->relay;
	bool is_literal = relay->host[0] == '[';
	unsigned char octets[16];
	int family;

	if ((is_literal || !relay->is_mx) && scan_address(relay->host, is_literal, &family, octets, s->hosts[0].name,
	    sizeof s->hosts[0].name))
		return take_address(s, family, octets);
	if (is_literal)
		return relay->is_mx ? say(s, MX_PERMANENT, "5.1.2 %s is no address", s->label) :
		    say(s, MX_LATER, "4.3.5 %s, which smtpd.conf names, is no address", s->label);
	if (!idna_to_ascii(s->name, sizeof s->name, relay->host)) {
		if (errno == ENOMEM)
			return say(s, MX_LATER, "4.3.0 out of memory");
		return relay->is_mx ? say(s, MX_PERMANENT, "5.1.2 %s is no domain name", s->label) :
		    say(s, MX_LATER, "4.3.5 %s, which smtpd.conf names, is no name of a host", s->label);
	}
	if (relay->is_mx)
		return find_by_mx(s);
	take_host(s, s->name);
	return find_addresses(s);
}

enum mx_status
mx_find(genalloc *targets, char why[MX_WHY_MAX], const struct mx_resolver *r, const struct relay *relay,
    uint16_t port)
{
	struct search s = { .r = r, .relay = relay, .port = port, .targets = targets, .why = why };

	genalloc_setlen(struct mx_target, targets, 0);
	why[0] = '\0';
	printable_copy(s.label, sizeof s.label, relay->host, strlen(relay->host));
	return find(&s);
}
