/* dns_message: see dns_message.h.
 *
 * Answers are taken apart by libc's ns_parserr(), which checks every offset. What they say is
 * believed only where it belongs to the question: same id, same name, same type, and records
 * whose owner is the name asked for or one that its aliases lead to. */
#include "lib/dns_message.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	HEAD = 12,
	FLAG_ANSWER = 0x80, FLAG_AUTHORITATIVE = 0x04, FLAG_CUT = 0x02, FLAG_RECURSE = 0x01,	/* of octet 2 */
};

bool
dns_is_name(const char *name)
{
	size_t len = strnlen(name, DNS_NAME_MAX + 1), label = 0;

	if (len > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (c == '.' ? label == 0 : !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/'))
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > DNS_LABEL_MAX)
			return false;
	}
	return label > 0;
}

/* ---- questions ---- */

static size_t
put_16(unsigned char *s, unsigned n)
{
	s[0] = (unsigned char)(n >> 8);
	s[1] = (unsigned char)n;
	return 2;
}

/* Each label behind its length, and an empty one. */
static size_t
put_name(unsigned char *s, const char *name)
{
	size_t at = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		s[at++] = (unsigned char)len;
		memcpy(s + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	s[at++] = 0;
	return at;
}

size_t
dns_write_question(unsigned char *s, const struct dns_question *q)
{
	size_t at = 0;

	memset(s, 0, DNS_QUESTION_MAX);
	put_16(s, q->id);
	s[2] = FLAG_RECURSE;
	put_16(s + 4, 1);			/* questions */
	put_16(s + 10, q->is_plain ? 0 : 1);	/* additional records */
	at = HEAD + put_name(s + HEAD, q->name);
	at += put_16(s + at, q->type);
	at += put_16(s + at, ns_c_in);
	if (q->is_plain)
		return at;
	at++;					/* the root's */
	at += put_16(s + at, ns_t_opt);
	at += put_16(s + at, DNS_DATAGRAM_MAX);
	return at + 6;				/* version 0, no flags, no options */
}

/* ---- answers ---- */

static enum dns_reading
failed(struct dns_answer *a, const char *why)
{
	snprintf(a->why, sizeof a->why, "%s", why);
	return DNS_READ_FAILED;
}

static bool
is_our_question(ns_msg *m, const struct dns_question *q)
{
	ns_rr rr;

	return ns_msg_count(*m, ns_s_qd) == 1 && ns_parserr(m, ns_s_qd, 0, &rr) == 0 &&
	    (unsigned)ns_rr_type(rr) == (unsigned)q->type && ns_rr_class(rr) == ns_c_in &&
	    strcasecmp(ns_rr_name(rr), q->name) == 0;
}

/* The name that stands at `offset` of the record's data; "" where no host can have it. False: there is none. */
static bool
get_name(char name[DNS_NAME_MAX + 1], const ns_msg *m, const ns_rr *rr, size_t offset)
{
	char text[NS_MAXDNAME];

	name[0] = '\0';
	if (ns_rr_rdlen(*rr) <= offset || ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m),
	    ns_rr_rdata(*rr) + offset, text, sizeof text) < 0)
		return false;
	if (text[0] == '\0' || strcmp(text, ".") == 0)
		memcpy(name, ".", 2);
	else if (dns_is_name(text))
		memcpy(name, text, strlen(text) + 1);
	return true;
}

/* Finds where the alias `name` leads to. */
static bool
find_alias(char to[DNS_NAME_MAX + 1], ns_msg *m, const char *name)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++)
		if (ns_parserr(m, ns_s_an, i, &rr) == 0 && ns_rr_type(rr) == ns_t_cname &&
		    ns_rr_class(rr) == ns_c_in && strcasecmp(ns_rr_name(rr), name) == 0)
			return get_name(to, m, &rr, 0);
	return false;
}

/* Leaves the name that the aliases of the answer end at in a->name. False: they do not end at one. */
static bool
follow_aliases(struct dns_answer *a, ns_msg *m)
{
	char next[DNS_NAME_MAX + 1];

	while (find_alias(next, m, a->name)) {
		if (++a->naliases > DNS_ALIASES_MAX || next[0] == '\0' || next[0] == '.')
			return false;
		memcpy(a->name, next, sizeof next);
	}
	return true;
}

/* Joins the strings of a TXT record (RFC 7208 3.3). False: they are not strings. */
static bool
take_text(struct dns_answer *a, struct dns_record *r, const unsigned char *data, size_t len)
{
	size_t at = a->texts_len;

	r->text = (uint16_t)at;
	if (len >= sizeof a->texts - at) {	/* more than all its strings and a NUL need */
		a->is_cut = true;
		a->n--;
		return true;
	}
	for (size_t i = 0; i < len; i += 1 + (size_t)data[i]) {
		if (data[i] > len - i - 1)
			return false;
		for (size_t k = 1; k <= data[i]; k++)
			a->texts[at++] = data[i + k] != '\0' ? (char)data[i + k] : '?';
	}
	a->texts[at++] = '\0';
	a->texts_len = at;
	return true;
}

/* Adds the record. False: its data is not what its type has. */
static bool
take_record(struct dns_answer *a, const ns_msg *m, const ns_rr *rr, enum dns_type type)
{
	struct dns_record *r = &a->records[a->n++];
	size_t len = ns_rr_rdlen(*rr);
	const unsigned char *data = ns_rr_rdata(*rr);

	*r = (struct dns_record){ .ttl = (uint32_t)ns_rr_ttl(*rr) };
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		if (len != (type == DNS_A ? 4 : 16))
			return false;
		memcpy(r->address, data, len);
		return true;
	case DNS_MX:
		if (len < 3)
			return false;
		r->preference = (uint16_t)(data[0] << 8 | data[1]);
		return get_name(r->name, m, rr, 2);
	case DNS_PTR:
		return get_name(r->name, m, rr, 0);
	case DNS_TXT:
		return take_text(a, r, data, len);
	}
	return false;
}

/* False: a record is malformed. */
static bool
take_records(struct dns_answer *a, ns_msg *m, enum dns_type type)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++) {
		if (ns_parserr(m, ns_s_an, i, &rr) != 0)
			return false;
		if ((unsigned)ns_rr_type(rr) != (unsigned)type || ns_rr_class(rr) != ns_c_in ||
		    strcasecmp(ns_rr_name(rr), a->name) != 0)
			continue;
		if (a->n == DNS_RECORDS_MAX) {
			a->is_cut = true;
			return true;
		}
		if (!take_record(a, m, &rr, type))
			return false;
	}
	return true;
}

/* Whether the server only names others that may know, instead of asking them. */
static bool
is_referral(ns_msg *m, bool is_authoritative)
{
	bool has_ns = false;
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*m, ns_s_ns); i++) {
		if (ns_parserr(m, ns_s_ns, i, &rr) != 0)
			return false;
		if (ns_rr_type(rr) == ns_t_soa)
			return false;
		has_ns |= ns_rr_type(rr) == ns_t_ns;
	}
	return has_ns && !is_authoritative;
}

/* The answer section, where the server says that there is nothing wrong. */
static enum dns_reading
read_records(struct dns_answer *a, const struct dns_question *q, ns_msg *m, bool is_authoritative)
{
	unsigned before = a->naliases;

	if (!follow_aliases(a, m)) {
		snprintf(a->why, sizeof a->why, "the aliases (CNAME) of %s lead nowhere", q->name);
		return DNS_READ_RING;
	}
	if (!take_records(a, m, q->type)) {
		a->n = 0;
		return failed(a, "the name server's answer is malformed");
	}
	if (a->n > 0)
		return DNS_READ_FOUND;
	if (a->naliases > before)
		return DNS_READ_ALIAS;	/* whether the server has looked there is not to be seen */
	if (is_referral(m, is_authoritative))
		return failed(a, "the name server answers only with the names of others");
	return DNS_READ_NO_DATA;
}

static const char *
rcode_name(unsigned rcode)
{
	switch (rcode) {
	case ns_r_servfail: return "SERVFAIL";
	case ns_r_refused: return "REFUSED";
	case ns_r_formerr: return "FORMERR";
	case ns_r_notimpl: return "NOTIMP";
	default: return "an unexpected code";
	}
}

/* What the head says, as far as it decides. */
static bool
is_decided_by_head(enum dns_reading *reading, struct dns_answer *a, const struct dns_question *q,
    const unsigned char *s)
{
	unsigned rcode = s[3] & 15;

	if (rcode == ns_r_noerror || rcode == ns_r_nxdomain) {
		*reading = DNS_READ_CUT;
		return (s[2] & FLAG_CUT) != 0;
	}
	if ((rcode == ns_r_formerr || rcode == ns_r_notimpl) && !q->is_plain) {
		*reading = DNS_READ_PLAIN;
		return true;
	}
	snprintf(a->why, sizeof a->why, "the name server says %s", rcode_name(rcode));
	*reading = DNS_READ_FAILED;
	return true;
}

enum dns_reading
dns_read_answer(struct dns_answer *a, const struct dns_question *q, const unsigned char *s, size_t len)
{
	enum dns_reading reading;
	ns_msg m;

	a->n = a->texts_len = 0;
	a->is_cut = false;
	a->why[0] = '\0';
	snprintf(a->name, sizeof a->name, "%s", q->name);
	if (len < HEAD || len > DNS_MESSAGE_MAX || (s[0] << 8 | s[1]) != q->id || (s[2] & FLAG_ANSWER) == 0)
		return DNS_READ_ALIEN;
	if (is_decided_by_head(&reading, a, q, s))
		return reading;
	if (ns_initparse(s, (int)len, &m) != 0)
		return failed(a, "the name server's answer is malformed");
	if (!is_our_question(&m, q))
		return DNS_READ_ALIEN;
	if ((s[3] & 15) == ns_r_nxdomain)
		return DNS_READ_NO_NAME;
	return read_records(a, q, &m, (s[2] & FLAG_AUTHORITATIVE) != 0);
}
