/* doctor_dns: what others see of this host: its names, addresses, records, and whether it can reach them. See doctor.h. */
#include "queue-run/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <skalibs/tai.h>

#include "lib/wait.h"

enum { REVERSE_ROOM = 80, GREETING_ROOM = 128 };

static bool
has_dot(const char *name)
{
	return strchr(name, '.') != NULL;
}

static bool
is_own_name(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->nnames; i++)
		if (strcasecmp(d->names[i], name) == 0)
			return true;
	return false;
}

static bool
is_doubt(enum dns_status s)
{
	return s == DNS_LATER || s == DNS_BROKEN;
}

/* The name of this host to suggest. */
static const char *
best_name(const struct doctor *d)
{
	for (size_t i = 0; i < d->nnames; i++)
		if (has_dot(d->names[i]))
			return d->names[i];
	return d->names[0];
}

/* ---- names ---- */

void
doctor_names(struct doctor *d)
{
	for (size_t i = 0; i < d->nnames; i++)
		if (has_dot(d->names[i]) && strcasecmp(d->names[i], "localhost.localdomain") != 0)
			doctor_say(d, FINDING_OK, "name %s: is a full one", d->names[i]);
		else
			doctor_say(d, FINDING_BAD, "name %s: is no full one, which others refuse in HELO; put it into "
			    "/etc/mail/mailname, or after hostname in smtpd.conf", d->names[i]);
}

/* Any answer is one: that there is no such name, too. */
void
doctor_resolver(struct doctor *d)
{
	static struct dns_answer a;
	enum dns_status s = dns_ask(&d->dns, &a, has_dot(d->host) ? d->host : "example.org", DNS_A);

	d->has_resolver = !is_doubt(s);
	if (d->has_resolver)
		doctor_say(d, FINDING_OK, "resolver: answers");
	else
		doctor_say(d, FINDING_BAD, "resolver: %s; look at /etc/resolv.conf: without one no mail leaves, and the records "
		    "below were not looked at", a.why);
}

/* ---- addresses and what stands at them ---- */

static bool
is_private(const unsigned char *a, int family)
{
	if (family == AF_INET)
		return a[0] == 10 || a[0] == 127 || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168) ||
		    (a[0] == 169 && a[1] == 254) || (a[0] == 100 && (a[1] & 0xc0) == 64);
	return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
	    memcmp(a, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

/* "7.2.0.192.in-addr.arpa", or nibbles below ip6.arpa. */
static void
write_reverse(char to[REVERSE_ROOM], const unsigned char *a, int family)
{
	size_t at = 0;

	if (family == AF_INET) {
		snprintf(to, REVERSE_ROOM, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
		return;
	}
	for (size_t i = 16; i-- > 0; at += 4)
		snprintf(to + at, REVERSE_ROOM - at, "%x.%x.", a[i] & 15U, a[i] >> 4U);
	snprintf(to + at, REVERSE_ROOM - at, "ip6.arpa");
}

static void
check_reverse(struct doctor *d, const char *name, const unsigned char *address, int family)
{
	static struct dns_answer a;
	char reverse[REVERSE_ROOM], text[INET6_ADDRSTRLEN] = "?";
	enum dns_status s;

	inet_ntop(family, address, text, sizeof text);
	if (is_private(address, family)) {
		doctor_say(d, FINDING_UNKNOWN, "PTR of %s: %s is an address that only its own network knows; ask from outside",
		    text, name);
		return;
	}
	write_reverse(reverse, address, family);
	s = dns_ask(&d->dns, &a, reverse, DNS_PTR);
	if (is_doubt(s)) {
		doctor_say(d, FINDING_UNKNOWN, "PTR of %s: %s", text, a.why);
		return;
	}
	for (size_t i = 0; i < a.n; i++)
		if (is_own_name(d, a.records[i].name)) {
			doctor_say(d, FINDING_OK, "PTR of %s: %s", text, a.records[i].name);
			return;
		}
	if (a.n > 0)
		doctor_say(d, FINDING_BAD, "PTR of %s: is %s, not %s; have it changed by whoever gave you the address", text,
		    a.records[0].name, name);
	else
		doctor_say(d, FINDING_BAD, "PTR of %s: there is none, and many refuse mail without; have it set to %s by whoever "
		    "gave you the address", text, name);
}

/* How many addresses of that family the name has; each is looked at. *is_unsure: it could not be told. */
static size_t
check_family(struct doctor *d, const char *name, int family, bool *is_unsure)
{
	static struct dns_answer a;
	enum dns_status s = dns_ask(&d->dns, &a, name, family == AF_INET ? DNS_A : DNS_AAAA);

	if (is_doubt(s)) {
		doctor_say(d, FINDING_UNKNOWN, "%s of %s: %s", family == AF_INET ? "A" : "AAAA", name, a.why);
		*is_unsure = true;
		return 0;
	}
	for (size_t i = 0; i < a.n && i < DOCTOR_ADDRESSES_MAX; i++)
		check_reverse(d, name, a.records[i].address, family);
	return a.n;
}

void
doctor_addresses(struct doctor *d)
{
	for (size_t i = 0; i < d->nnames; i++) {
		const char *name = d->names[i];
		bool is_unsure = false;
		size_t n;

		if (!has_dot(name))
			continue;
		n = check_family(d, name, AF_INET, &is_unsure) + check_family(d, name, AF_INET6, &is_unsure);
		if (n > 0)
			doctor_say(d, FINDING_OK, "address of %s: has %zu", name, n);
		else if (!is_unsure)
			doctor_say(d, FINDING_BAD, "address of %s: has neither A nor AAAA; publish one, or say another hostname",
			    name);
	}
}

/* ---- domains ---- */

static void
check_mx(struct doctor *d, const char *domain)
{
	static struct dns_answer a;
	enum dns_status s = dns_ask(&d->dns, &a, domain, DNS_MX);

	if (is_doubt(s)) {
		doctor_say(d, FINDING_UNKNOWN, "MX of %s: %s", domain, a.why);
		return;
	}
	for (size_t i = 0; i < a.n; i++)
		if (is_own_name(d, a.records[i].name)) {
			doctor_say(d, FINDING_OK, "MX of %s: %s", domain, a.records[i].name);
			return;
		}
	if (a.n > 0)
		doctor_say(d, FINDING_BAD, "MX of %s: is %s, which is no name of this host; publish %s, if its mail is to come "
		    "here directly", domain, a.records[0].name, best_name(d));
	else
		doctor_say(d, FINDING_BAD, "MX of %s: there is none; publish MX 10 %s", domain, best_name(d));
}

/* Texts that begin with the mark. *first is one of them. */
static size_t
count_texts(const struct dns_answer *a, const char *mark, const char **first)
{
	size_t n = 0, len = strlen(mark);

	for (size_t i = a->n; i-- > 0;) {
		const char *text = a->texts + a->records[i].text;

		if (strncasecmp(text, mark, len) != 0 || (text[len] != '\0' && text[len] != ' ' && text[len] != ';'))
			continue;
		*first = text;
		n++;
	}
	return n;
}

/* A policy that others look for in a TXT record; it counts only where it is the only one. */
static void
check_policy(struct doctor *d, const char *what, const char *name, const char *mark, const char *suggestion)
{
	static struct dns_answer a;
	enum dns_status s = dns_ask(&d->dns, &a, name, DNS_TXT);
	const char *text = "";
	size_t n;

	if (is_doubt(s)) {
		doctor_say(d, FINDING_UNKNOWN, "%s: %s", what, a.why);
		return;
	}
	n = count_texts(&a, mark, &text);
	if (n == 1)
		doctor_say(d, FINDING_OK, "%s: %.200s", what, text);
	else if (n > 1)
		doctor_say(d, FINDING_BAD, "%s: there are %zu, so none counts; leave one", what, n);
	else
		doctor_say(d, FINDING_BAD, "%s: there is none; publish TXT \"%s\" at %s", what, suggestion, name);
}

static void
check_domain(struct doctor *d, const char *domain)
{
	char what[DNS_NAME_MAX + 16], name[DNS_NAME_MAX + 16];

	check_mx(d, domain);
	snprintf(what, sizeof what, "SPF of %.253s", domain);
	check_policy(d, what, domain, "v=spf1", "v=spf1 mx -all");
	snprintf(what, sizeof what, "DMARC of %.253s", domain);
	snprintf(name, sizeof name, "_dmarc.%.253s", domain);
	check_policy(d, what, name, "v=DMARC1", "v=DMARC1; p=none");
}

struct collection {
	char *domains[DOCTOR_DOMAINS_MAX];
	size_t n;
};

static bool
collect(void *arg, const char *key, const char *value)
{
	struct collection *c = arg;

	(void)value;
	if (strchr(key, '*') != NULL || !has_dot(key) || strchr(key, '@') != NULL || key[0] == '[')
		return true;
	for (size_t i = 0; i < c->n; i++)
		if (strcasecmp(c->domains[i], key) == 0)
			return true;
	c->domains[c->n] = strdup(key);
	c->n += c->domains[c->n] != NULL;
	return c->n < DOCTOR_DOMAINS_MAX;
}

/* The domains that a rule delivers here. */
static void
collect_domains(struct doctor *d, struct collection *c)
{
	stralloc why = STRALLOC_ZERO;

	for (size_t i = 0; d->tables != NULL && i < d->conf->nrules && c->n < DOCTOR_DOMAINS_MAX; i++) {
		const struct conf_rule *r = &d->conf->rules[i];

		if (!r->is_reject && r->action != ACTION_RELAY && r->to == FOR_DOMAIN && !r->not_for)
			table_each(d->tables, r->for_domain, collect, c, &why);
	}
	stralloc_free(&why);
}

void
doctor_domains(struct doctor *d)
{
	struct collection c = { .n = 0 };

	for (const char *const *p = d->domains; *p != NULL; p++)
		check_domain(d, *p);
	if (*d->domains == NULL)
		collect_domains(d, &c);
	for (size_t i = 0; i < c.n; i++) {
		check_domain(d, c.domains[i]);
		free(c.domains[i]);
	}
	if (*d->domains == NULL && c.n == 0)
		doctor_say(d, FINDING_UNKNOWN, "domains: the rules name none that can be listed; name them: smtpctl doctor DOMAIN");
}

/* ---- outward ---- */

/* Connects and waits for a greeting. False with errno, ECONNRESET where it is none. */
static bool
greets(const struct sockaddr *to, socklen_t len)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
	socklen_t size = sizeof error;
	char text[GREETING_ROOM];
	tain deadline;
	ssize_t n = -1;

	if (fd == -1)
		return false;
	tain_now_g();
	tain_addsec_g(&deadline, DOCTOR_CONNECT_SECONDS);
	if (connect(fd, to, len) == -1 && errno != EINPROGRESS)
		error = errno;
	else if (!wait_writable(fd, &deadline))
		error = errno;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	if (error == 0 && !wait_readable(fd, &deadline))
		error = errno;
	if (error == 0)
		n = read(fd, text, sizeof text);
	close(fd);
	errno = error != 0 ? error : ECONNRESET;
	return n >= 3 && memcmp(text, "220", 3) == 0;
}

/* The host that takes mail for a domain: its best MX, or itself. */
static bool
find_host(struct doctor *d, char host[DNS_NAME_MAX + 1], const char *domain)
{
	static struct dns_answer a;
	enum dns_status s = dns_ask(&d->dns, &a, domain, DNS_MX);
	size_t best = 0;

	if (is_doubt(s)) {
		doctor_say(d, FINDING_UNKNOWN, "port 25 outward: %s", a.why);
		return false;
	}
	for (size_t i = 1; i < a.n; i++)
		if (a.records[i].preference < a.records[best].preference)
			best = i;
	snprintf(host, DNS_NAME_MAX + 1, "%s", a.n > 0 ? a.records[best].name : domain);
	return true;
}

static void
try_host(struct doctor *d, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *all;
	int error = getaddrinfo(host, port, &hints, &all);
	bool is_greeted = false;

	if (error != 0) {
		doctor_say(d, FINDING_UNKNOWN, "port %s outward: %s: %s", port, host, gai_strerror(error));
		return;
	}
	for (const struct addrinfo *a = all; a != NULL && !is_greeted; a = a->ai_next)
		is_greeted = greets(a->ai_addr, a->ai_addrlen);
	error = errno;
	freeaddrinfo(all);
	if (is_greeted)
		doctor_say(d, FINDING_OK, "port %s outward: %s greets us", port, host);
	else
		doctor_say(d, FINDING_BAD, "port %s outward: %s: %s; many providers block it: ask yours, or relay via a host "
		    "that they let through", port, host, strerror(error));
}

void
doctor_outward(struct doctor *d)
{
	char host[DNS_NAME_MAX + 1];
	const char *colon = d->outward != NULL ? strrchr(d->outward, ':') : NULL;

	if (d->outward == NULL) {
		printf("could not tell: port 25 outward: it was not tried; smtpctl doctor -x DOMAIN tries the server of somebody "
		    "else's domain\n");
		return;		/* nobody has asked: that alone is no finding */
	}
	if (colon != NULL && (size_t)(colon - d->outward) < sizeof host) {
		snprintf(host, sizeof host, "%.*s", (int)(colon - d->outward), d->outward);
		try_host(d, host, colon + 1);
	} else if (find_host(d, host, d->outward)) {
		try_host(d, host, "25");
	}
}
