/* ruleset: see ruleset.h.
 *
 * A condition has an answer of its own, with "could not tell" among them: it
 * ends the search, since the rules behind it may be meant for others. */
#include "lib/ruleset.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/table_match.h"

enum { WORDS_MAX = 256 };

/* One rule being held against one question. */
struct match {
	const struct conf *conf;
	struct table_set *tables;
	const struct ruleset_question *q;
	const struct conf_rule *rule;
	const char *domain;	/* the recipient's */
	stralloc *why;
};

static enum lookup
yes_or_no(bool fact)
{
	return fact ? LOOKUP_FOUND : LOOKUP_ABSENT;
}

/* ---- this host ---- */

static bool
is_loopback(const struct table_net *n)
{
	static const unsigned char one[16] = { [15] = 1 };

	return n->family == AF_INET ? n->octets[0] == 127 : memcmp(n->octets, one, sizeof one) == 0;
}

static bool
interface_has(const struct ifaddrs *i, const struct table_net *n)
{
	if (i->ifa_addr == NULL || i->ifa_addr->sa_family != n->family)
		return false;
	if (n->family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, i->ifa_addr, sizeof in);
		return memcmp(&in.sin_addr, n->octets, sizeof in.sin_addr) == 0;
	} else {
		struct sockaddr_in6 in6;

		memcpy(&in6, i->ifa_addr, sizeof in6);
		return memcmp(&in6.sin6_addr, n->octets, sizeof in6.sin6_addr) == 0;
	}
}

/* Whether the text is an address of this host; LATER if the kernel did not say. */
static enum lookup
is_own_address(const char *text)
{
	struct ifaddrs *all;
	struct table_net n;
	bool found = false;

	if (strchr(text, '/') != NULL || !table_net_scan(&n, text))
		return LOOKUP_ABSENT;
	if (is_loopback(&n))
		return LOOKUP_FOUND;
	if (getifaddrs(&all) == -1)
		return LOOKUP_LATER;
	for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next)
		found = interface_has(i, &n);
	freeifaddrs(all);
	return yes_or_no(found);
}

/* Local by its nature, not by its address: submitted here, or authenticated. */
static bool
is_local_by_origin(const struct facts *f)
{
	if (f->origin == ORIGIN_UNKNOWN)
		return false;
	return f->user[0] != '\0' || f->client[0] == '\0';
}

static enum lookup
local_client(const struct facts *f)
{
	if (f->origin == ORIGIN_UNKNOWN)
		return LOOKUP_ABSENT;
	return is_local_by_origin(f) ? LOOKUP_FOUND : is_own_address(f->client);
}

bool
ruleset_is_local_client(const struct facts *f)
{
	return local_client(f) == LOOKUP_FOUND;
}

/* What a listener is called is a name of this host at every listener, and for
 * the runner: what one program takes for local must be so for the other. */
static bool
is_listener_name(const struct conf *c, const char *domain)
{
	for (size_t i = 0; i < c->nlistens; i++)
		if (c->listens[i].hostname[0] != '\0' && strcasecmp(c->listens[i].hostname, domain) == 0)
			return true;
	return false;
}

static enum lookup
local_domain(const struct conf *c, const char *domain, const char *local_name)
{
	char server[HOST_NAME_MAX + 256];
	enum lookup answer;

	if (domain[0] == '\0')
		return LOOKUP_ABSENT;
	if (strcasecmp(domain, "localhost") == 0 || strcasecmp(domain, local_name) == 0 || is_listener_name(c, domain))
		return LOOKUP_FOUND;
	answer = is_own_address(domain);
	if (answer != LOOKUP_ABSENT)
		return answer;
	return yes_or_no(strcasecmp(domain, conf_server_name(server, sizeof server)) == 0);
}

bool
ruleset_is_local_domain(const struct conf *c, const char *domain, const char *local_name)
{
	return local_domain(c, domain, local_name) == LOOKUP_FOUND;
}

/* ---- conditions ---- */

static enum lookup
negate(enum lookup answer, bool is_negated)
{
	if (!is_negated || answer == LOOKUP_LATER || answer == LOOKUP_BROKEN)
		return answer;
	return yes_or_no(answer == LOOKUP_ABSENT);
}

static enum lookup
own_trouble(const struct match *m, enum lookup answer)
{
	if (answer == LOOKUP_LATER && m->why != NULL) {
		m->why->len = 0;
		stralloc_cats(m->why, "the addresses of this host could not be read");
	}
	return answer;
}

static enum lookup
holds_tag(const struct match *m)
{
	const struct facts *f = m->q->facts;
	bool is_tagged;

	if (m->rule->tag == NULL)
		return LOOKUP_FOUND;
	is_tagged = f->origin != ORIGIN_UNKNOWN && strcmp(f->tag, m->rule->tag) == 0;
	return negate(yes_or_no(is_tagged), m->rule->not_tag);
}

/* The word "local" stands for what has no address to speak of. */
static enum lookup
comes_from_source(const struct match *m)
{
	const struct facts *f = m->q->facts;
	enum lookup answer = LOOKUP_ABSENT;

	if (m->q->is_internal || is_local_by_origin(f))
		answer = table_match(m->tables, m->rule->from_source, SERVICE_NETADDR, "local", m->why);
	if (answer == LOOKUP_ABSENT && f->client[0] != '\0')
		answer = table_match(m->tables, m->rule->from_source, SERVICE_NETADDR, f->client, m->why);
	return answer;
}

static enum lookup
holds_from(const struct match *m)
{
	enum lookup answer = LOOKUP_FOUND;

	if (m->rule->from == FROM_LOCAL && !m->q->is_internal)
		answer = own_trouble(m, local_client(m->q->facts));
	else if (m->rule->from == FROM_SOURCE)
		answer = comes_from_source(m);
	return negate(answer, m->rule->not_from);
}

static enum lookup
holds_sender(const struct match *m)
{
	if (m->rule->sender == NULL)
		return LOOKUP_FOUND;
	return negate(table_match(m->tables, m->rule->sender, SERVICE_MAILADDR, m->q->reverse_path, m->why),
	    m->rule->not_sender);
}

static enum lookup
holds_recipient(const struct match *m)
{
	if (m->rule->recipient == NULL)
		return LOOKUP_FOUND;
	return negate(table_match(m->tables, m->rule->recipient, SERVICE_MAILADDR, m->q->recipient, m->why),
	    m->rule->not_recipient);
}

/* A domain that is switched off is refused where it would be accepted; to a
 * rule that refuses, or is for other domains, it is none of those in the table. */
static enum lookup
judge_inactive(const struct match *m)
{
	char label[TABLE_LABEL_MAX];

	if (m->rule->is_reject || m->rule->not_for)
		return LOOKUP_ABSENT;
	table_label(label, sizeof label, m->rule->for_domain);
	if (m->why != NULL && (!stralloc_copys(m->why, "domain ") || !stralloc_cats(m->why, m->domain) ||
	    !stralloc_cats(m->why, " is disabled: inactive in ") || !stralloc_cats(m->why, label)))
		m->why->len = 0;
	return LOOKUP_INACTIVE;
}

static enum lookup
holds_for(const struct match *m)
{
	enum lookup answer = LOOKUP_FOUND;

	if (m->rule->to == FOR_LOCAL)
		answer = own_trouble(m, local_domain(m->conf, m->domain, m->q->local_name));
	else if (m->rule->to == FOR_DOMAIN)
		answer = table_match(m->tables, m->rule->for_domain, SERVICE_DOMAIN, m->domain, m->why);
	if (answer == LOOKUP_INACTIVE)
		answer = judge_inactive(m);
	return negate(answer, m->rule->not_for);
}

static enum lookup
holds_authenticated(const struct match *m)
{
	const struct facts *f = m->q->facts;

	if (!m->rule->authenticated)
		return LOOKUP_FOUND;
	return negate(yes_or_no(f->origin != ORIGIN_UNKNOWN && f->user[0] != '\0'), m->rule->not_authenticated);
}

/* ---- conditions in words ---- */

static void
say_table(char *to, size_t size, const char *word, bool is_negated, const struct conf_table *t)
{
	char label[TABLE_LABEL_MAX];

	snprintf(to, size, "%s %s%s", word, is_negated ? "! " : "", table_label(label, sizeof label, t));
}

static void
say_tag(char *to, size_t size, const struct conf_rule *r)
{
	snprintf(to, size, "tagged %s%s", r->not_tag ? "! " : "", r->tag);
}

static void
say_from(char *to, size_t size, const struct conf_rule *r)
{
	if (r->from == FROM_SOURCE)
		say_table(to, size, r->not_from ? "from ! source" : "from source", false, r->from_source);
	else
		snprintf(to, size, "from %s%s", r->not_from ? "! " : "", r->from == FROM_LOCAL ? "local" : "any");
}

static void
say_sender(char *to, size_t size, const struct conf_rule *r)
{
	say_table(to, size, "sender", r->not_sender, r->sender);
}

static void
say_recipient(char *to, size_t size, const struct conf_rule *r)
{
	say_table(to, size, "recipient", r->not_recipient, r->recipient);
}

static void
say_for(char *to, size_t size, const struct conf_rule *r)
{
	if (r->to == FOR_DOMAIN)
		say_table(to, size, r->not_for ? "for ! domain" : "for domain", false, r->for_domain);
	else
		snprintf(to, size, "for %s%s", r->not_for ? "! " : "", r->to == FOR_LOCAL ? "local" : "any");
}

static void
say_authenticated(char *to, size_t size, const struct conf_rule *r)
{
	snprintf(to, size, "%sauthenticated", r->not_authenticated ? "! " : "");
}

/* In the order they are tested: what costs nothing first. */
static const struct condition {
	enum lookup (*holds)(const struct match *m);
	void (*say)(char *to, size_t size, const struct conf_rule *r);
} conditions[] = {
	{ holds_tag, say_tag },
	{ holds_authenticated, say_authenticated },
	{ holds_from, say_from },
	{ holds_sender, say_sender },
	{ holds_recipient, say_recipient },
	{ holds_for, say_for },
};
enum { NCONDITIONS = sizeof conditions / sizeof conditions[0] };

/* ---- rules ---- */

static void
append_place(stralloc *to, const struct conf_rule *rule)
{
	char line[32];

	snprintf(line, sizeof line, ":%u: ", rule->at.line);
	stralloc_cats(to, rule->at.file);
	stralloc_cats(to, line);
}

/* One line of the trace; without memory it is left out. */
static void
trace_rule(stralloc *trace, const struct conf_rule *rule, const char *outcome, const char *words)
{
	if (trace == NULL)
		return;
	append_place(trace, rule);
	stralloc_cats(trace, outcome);
	stralloc_cats(trace, words);
	stralloc_append(trace, '\n');
}

/* Puts the rule's place before the reason. */
static void
name_rule(stralloc *why, const struct conf_rule *rule)
{
	stralloc line = STRALLOC_ZERO;

	if (why == NULL)
		return;
	append_place(&line, rule);
	if (stralloc_catb(&line, why->s, why->len))
		stralloc_copy(why, &line);
	stralloc_free(&line);
}

static enum lookup
try_rule(struct match *m, stralloc *trace)
{
	char words[WORDS_MAX];

	for (size_t i = 0; i < NCONDITIONS; i++) {
		enum lookup answer = conditions[i].holds(m);

		if (answer == LOOKUP_FOUND)
			continue;
		conditions[i].say(words, sizeof words, m->rule);
		if (answer == LOOKUP_ABSENT) {
			trace_rule(trace, m->rule, "not ", words);
			return answer;
		}
		trace_rule(trace, m->rule, answer == LOOKUP_INACTIVE ? "disabled: " : "cannot tell: ", words);
		name_rule(m->why, m->rule);
		return answer;
	}
	trace_rule(trace, m->rule, "matches: ", m->rule->text);
	return LOOKUP_FOUND;
}

enum lookup
ruleset_match(const struct conf_rule **rule, const struct conf *c, struct table_set *tables,
    const struct ruleset_question *q, stralloc *why, stralloc *trace)
{
	struct match m = { .conf = c, .tables = tables, .q = q, .why = why };
	size_t len = strlen(q->recipient), at = address_find_at(q->recipient, len);

	m.domain = at < len ? q->recipient + at + 1 : q->local_name[0] != '\0' ? q->local_name : "localhost";
	for (size_t i = 0; i < c->nrules; i++) {
		enum lookup answer;

		m.rule = *rule = &c->rules[i];
		answer = try_rule(&m, trace);
		if (answer != LOOKUP_ABSENT)
			return answer;
	}
	*rule = NULL;
	return LOOKUP_FOUND;
}
