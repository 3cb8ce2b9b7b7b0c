/* transaction: see transaction.h.
 *
 * A recipient is accepted only where the rules have said yes; a table that could
 * not be asked, memory that is not there, or anything unforeseen is a 4xx. A refused
 * command leaves the transaction as it was. */
#include "smtp-recv/transaction.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/envelope.h"
#include "lib/log.h"
#include "lib/refusal.h"
#include "lib/route.h"
#include "lib/senders.h"
#include "lib/stats.h"
#include "smtp-recv/parameter.h"
#include "smtp-recv/session.h"

void
transaction_reset(struct transaction *t)
{
	struct transaction empty = {
		.facts = facts_unknown, .reverse_path = t->reverse_path, .envelope = t->envelope,
		.first = t->first, .envid = t->envid,
	};

	empty.reverse_path.len = empty.envelope.len = empty.first.len = empty.envid.len = 0;
	*t = empty;
}

/* ---- what both commands have in common ---- */

static unsigned
refuse_memory(struct session *s)
{
	return session_refuse(s, "out of memory", 451, "4.3.0 out of memory");
}

/* Steps over "FROM:" or "TO:" and the blanks that some clients put behind it. */
static bool
skip_word(const char **arg, size_t *len, const char *word)
{
	size_t n = strlen(word);

	if (*len < n || strncasecmp(*arg, word, n) != 0)
		return false;
	while (n < *len && (*arg)[n] == ' ')
		n++;
	*arg += n;
	*len -= n;
	return true;
}

/* Adds "@" and our name to a mailbox without domain, and a NUL. */
static bool
complete(const struct session *s, stralloc *mailbox)
{
	if (mailbox->len > 0 && address_find_at(mailbox->s, mailbox->len) == mailbox->len &&
	    !(stralloc_cats(mailbox, "@") && stralloc_cats(mailbox, s->name)))
		return false;
	return stralloc_0(mailbox);
}

static unsigned
refuse_path(struct session *s, const char *enhanced)
{
	switch (errno) {
	case ENOMEM:
		return refuse_memory(s);
	case EMSGSIZE:
		return session_refuse(s, "", 501, "%s address too long", enhanced);
	case EILSEQ:
		return session_refuse(s, "", 501, "%s address is not UTF-8", enhanced);
	default:
		return session_refuse(s, "", 501, "%s this is no <address>", enhanced);
	}
}

static unsigned
refuse_parameter(struct session *s, const struct parameter *p)
{
	return session_refuse(s, "", 501, "5.5.4 bad value of %.*s", (int)p->key_len, p->key);
}

static unsigned
refuse_unknown_parameter(struct session *s, const struct parameter *p)
{
	return session_refuse(s, "", 555, "5.5.4 parameter %.*s not recognized", (int)p->key_len, p->key);
}

/* Whether the client has said so before, and was refused (RFC 5321 4.1.1.11 knows each once). */
static bool
is_repeated(struct session *s, const struct parameter *p, const char *arg)
{
	if (parameter_is_first(p, arg))
		return false;
	session_refuse(s, "", 501, "5.5.4 %.*s is there twice", (int)p->key_len, p->key);
	return true;
}

/* ---- MAIL ---- */

static bool
set_text(stralloc *to, const struct parameter *p)
{
	return stralloc_copyb(to, p->value, p->value_len) && stralloc_0(to);
}

/* ENVID goes into an environment: "(" there is for functions of shells. */
static bool
set_envid(stralloc *to, const struct parameter *p)
{
	if (p->value[0] != '(')
		return set_text(to, p);
	return stralloc_copys(to, "+28") && stralloc_catb(to, p->value + 1, p->value_len - 1) && stralloc_0(to);
}

static unsigned
take_size(struct session *s, const struct parameter *p)
{
	uint64_t size;

	if (!parameter_scan_size(&size, p))
		return refuse_parameter(s, p);
	if (size > s->conf->max_message_size)
		return session_refuse(s, "", 552, "5.3.4 message too big, at most %llu octets",
		    (unsigned long long)s->conf->max_message_size);
	return 250;
}

/* AUTH=<> or AUTH=mailbox (RFC 4954 5): who another server says has submitted the message. That is
 * heard, and believed of nobody. */
static bool
is_submitter(const struct parameter *p)
{
	return parameter_has_value(p, "<>") ||
	    (p->value != NULL && p->value_len <= SUBMITTER_MAX && parameter_is_xtext(p->value, p->value_len, false));
}

/* One parameter of MAIL. Returns 250, or the code of its refusal. */
static unsigned
take_mail_parameter(struct session *s, struct transaction *t, const struct parameter *p)
{
	bool has_dsn = !s->listen->no_dsn;

	if (!s->is_esmtp)
		return session_refuse(s, "", 555, "5.5.4 parameters need EHLO");
	if (parameter_is(p, "SIZE"))
		return take_size(s, p);
	if (parameter_is(p, "BODY")) {
		t->facts.body = parameter_has_value(p, "8BITMIME") ? "8BITMIME" : "7BIT";
		return parameter_has_value(p, t->facts.body) ? 250 : refuse_parameter(s, p);
	}
	if (parameter_is(p, "SMTPUTF8")) {
		t->facts.is_smtputf8 = true;
		return p->value == NULL ? 250 : refuse_parameter(s, p);
	}
	if (has_dsn && parameter_is(p, "RET")) {
		t->facts.ret = parameter_has_value(p, "HDRS") ? "HDRS" : "FULL";
		return parameter_has_value(p, t->facts.ret) ? 250 : refuse_parameter(s, p);
	}
	if (has_dsn && parameter_is(p, "ENVID")) {
		if (p->value == NULL || p->value_len > ENVID_MAX ||
		    !parameter_is_xtext(p->value, p->value_len, false))
			return refuse_parameter(s, p);
		return set_envid(&t->envid, p) ? 250 : refuse_memory(s);
	}
	if (s->listen->auth != AUTH_NONE && parameter_is(p, "AUTH"))
		return is_submitter(p) ? 250 : refuse_parameter(s, p);
	return refuse_unknown_parameter(s, p);
}

static unsigned
take_mail_parameters(struct session *s, struct transaction *t, const char *arg, size_t len)
{
	struct parameter p;
	bool is_broken;
	size_t at = 0;

	while (parameter_next(&p, &at, &is_broken, arg, len)) {
		unsigned code = is_repeated(s, &p, arg) ? 501 : take_mail_parameter(s, t, &p);

		if (code != 250)
			return code;
	}
	if (is_broken)
		return session_refuse(s, "", 501, "5.5.4 bad parameters");
	return 250;
}

/* What the listener asks of a client before it may send at all. */
static unsigned
check_permission(struct session *s)
{
	/* A local user has no need of either. */
	if (!s->peer.is_local && s->listen->tls_required && !s->cover.is_open)
		return session_refuse(s, "", 530, "5.7.0 Must issue a STARTTLS command first");
	if (!s->peer.is_local && s->listen->auth == AUTH_REQUIRED && *s->user == '\0')
		return session_refuse(s, "", 530, "5.7.0 Authentication required");
	if (s->nmessages >= s->conf->limits.session_max_mails) {
		session_refuse(s, "", 421, "4.7.0 %s too many messages in one session", s->name);
		session_close(s, "too many messages");
		return 421;
	}
	return 250;
}

/* The facts that hold for every message of this session. A client with RELAYCLIENT
 * counts as local: the facts then name no client (the Received line does). */
static void
transaction_begin(struct session *s)
{
	struct transaction *t = &s->transaction;

	transaction_reset(t);
	t->facts.origin = s->peer.is_local ? ORIGIN_LOCAL : ORIGIN_SMTP;
	t->facts.client = s->peer.may_relay ? "" : s->peer.address;
	t->facts.helo = s->helo;
	t->facts.user = s->user;
	t->facts.tag = s->listen->tag;
}

static unsigned
scan_reverse_path(struct session *s, const char *arg, size_t len, size_t *used)
{
	struct transaction *t = &s->transaction;

	if (!skip_word(&arg, &len, "FROM:"))
		return session_refuse(s, "", 501, "5.5.4 MAIL FROM:<address> is needed");
	if (!address_scan_path(&t->reverse_path, used, arg, len))
		return refuse_path(s, "5.1.7");
	if (!complete(s, &t->reverse_path))
		return refuse_memory(s);
	return take_mail_parameters(s, t, arg + *used, len - *used);
}

/* What the table of senders lets the user send as. */
static unsigned
check_sender(struct session *s)
{
	const struct conf_listen *l = s->listen;
	const char *path = s->transaction.reverse_path.s;
	stralloc why = STRALLOC_ZERO;
	enum lookup found;
	unsigned code = 250;

	if (l->senders == NULL || *s->user == '\0')
		return 250;
	found = senders_allow(s->tables, l->senders, s->user, path, s->conf->subaddressing_delimiter, &why);
	table_set_end_recipient(s->tables);
	if (found == LOOKUP_LATER || found == LOOKUP_BROKEN) {
		log_line("senders of %s:%u: %.*s", l->at.file, l->at.line, (int)why.len, why.s);
		code = session_refuse(s, "senders cannot be asked", 451, "4.3.0 <%s>: cannot tell now, try again later", path);
	} else if (found != LOOKUP_FOUND) {
		code = session_refuse(s, "senders", 550, "5.7.1 <%s>: you may not send as this", path);
	}
	stralloc_free(&why);
	return code;
}

static unsigned
begin_mail(struct session *s, const char *arg, size_t len)
{
	struct transaction *t = &s->transaction;
	size_t used;
	unsigned code = scan_reverse_path(s, arg, len, &used);

	if (code != 250)
		return code;
	if (!t->facts.is_smtputf8 && address_is_international(t->reverse_path.s, t->reverse_path.len))
		return session_refuse(s, "", 553, "5.6.7 this address needs SMTPUTF8");
	code = check_sender(s);
	if (code != 250)
		return code;
	if (t->envid.len > 0)
		t->facts.envid = t->envid.s;
	if (!envelope_begin(&t->envelope, t->reverse_path.s))
		return refuse_memory(s);
	return 250;
}

unsigned
transaction_mail(struct session *s, const char *arg, size_t len)
{
	unsigned code = check_permission(s);

	if (code != 250)
		return code;
	transaction_begin(s);
	code = begin_mail(s, arg, len);
	if (code != 250) {
		transaction_reset(&s->transaction);
		return code;
	}
	s->nmessages++;
	return session_reply(s, 250, "2.1.0 Ok");
}

/* ---- RCPT ---- */

/* One recipient while it is looked at. */
struct recipient {
	stralloc address;		/* with NUL; empty before */
	char notify[sizeof "never"];
	stralloc orcpt;			/* with NUL where given */
};

static void
recipient_free(struct recipient *r)
{
	stralloc_free(&r->address);
	stralloc_free(&r->orcpt);
}

/* "type;xtext" (RFC 3461 4.2). */
static bool
is_orcpt(const struct transaction *t, const struct parameter *p)
{
	const char *semicolon = p->value == NULL ? NULL : memchr(p->value, ';', p->value_len);
	size_t type_len;

	if (semicolon == NULL || semicolon == p->value || p->value_len > ORCPT_MAX)
		return false;
	type_len = (size_t)(semicolon - p->value);
	for (size_t i = 0; i < type_len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", p->value[i]) == NULL)
			return false;
	return parameter_is_xtext(semicolon + 1, p->value_len - type_len - 1, t->facts.is_smtputf8);
}

static unsigned
take_rcpt_parameter(struct session *s, struct recipient *r, const struct parameter *p)
{
	if (!s->is_esmtp)
		return session_refuse(s, "", 555, "5.5.4 parameters need EHLO");
	if (!s->listen->no_dsn && parameter_is(p, "NOTIFY"))
		return parameter_scan_notify(r->notify, p) ? 250 : refuse_parameter(s, p);
	if (!s->listen->no_dsn && parameter_is(p, "ORCPT")) {
		if (!is_orcpt(&s->transaction, p))
			return refuse_parameter(s, p);
		return set_text(&r->orcpt, p) ? 250 : refuse_memory(s);
	}
	return refuse_unknown_parameter(s, p);
}

static unsigned
scan_recipient(struct session *s, struct recipient *r, const char *arg, size_t len)
{
	struct parameter p;
	bool is_broken;
	size_t used, at = 0;

	if (!skip_word(&arg, &len, "TO:"))
		return session_refuse(s, "", 501, "5.5.4 RCPT TO:<address> is needed");
	if (!address_scan_path(&r->address, &used, arg, len))
		return refuse_path(s, "5.1.3");
	if (r->address.len == 0)
		return session_refuse(s, "", 501, "5.1.3 <> is no recipient");
	if (!complete(s, &r->address))
		return refuse_memory(s);
	if (!s->transaction.facts.is_smtputf8 && address_is_international(r->address.s, r->address.len))
		return session_refuse(s, "", 553, "5.6.7 this address needs SMTPUTF8");
	while (parameter_next(&p, &at, &is_broken, arg + used, len - used)) {
		unsigned code = is_repeated(s, &p, arg + used) ? 501 : take_rcpt_parameter(s, r, &p);

		if (code != 250)
			return code;
	}
	return is_broken ? session_refuse(s, "", 501, "5.5.4 bad parameters") : 250;
}

/* Asks the rules. The domain is asked in lower case; the envelope keeps what the client wrote. */
static bool
ask_route(struct session *s, struct route *route, const struct recipient *r)
{
	struct route_question q = {
		.facts = &s->transaction.facts, .reverse_path = s->transaction.reverse_path.s,
		.local_name = s->name,
	};
	stralloc address = STRALLOC_ZERO;
	size_t at;

	if (!stralloc_copy(&address, &r->address))
		return false;
	at = address_find_at(address.s, address.len - 1);
	address_lowercase(address.s + at, address.len - at);
	q.address = address.s;
	route_check(route, s->conf, s->tables, &q);
	table_set_end_recipient(s->tables);
	stralloc_free(&address);
	return true;
}

/* The reply for what the rules have said, and in the log which rule of which file it was, and why. */
static unsigned
refuse_recipient(struct session *s, const struct route *route, const struct recipient *r)
{
	stralloc why = STRALLOC_ZERO;
	const char *words = refusal_explain(&why, route) && stralloc_0(&why) ? why.s : "";
	char text[REFUSAL_TEXT_MAX];
	unsigned code = refusal_reply(text, route, r->address.s);

	if (route->kind == ROUTE_REJECT || route->kind == ROUTE_NO_USER || route->kind == ROUTE_INACTIVE)
		stats_add(STATS_SMTP_REJECTED, 1);
	session_refuse(s, words, code, "%s", text);
	stralloc_free(&why);
	return code;
}

static unsigned
decide(struct session *s, const struct recipient *r)
{
	struct route route = ROUTE_ZERO;
	unsigned code;

	if (!ask_route(s, &route, r))
		code = refuse_memory(s);
	else if (refusal_is_none(&route))
		code = 250;
	else
		code = refuse_recipient(s, &route, r);
	if (code == 250)
		log_verbose("rule %s:%u accepts <%s>", route.rule->at.file, route.rule->at.line, r->address.s);
	route_free(&route);
	return code;
}

static unsigned
add_recipient(struct session *s, const struct recipient *r)
{
	struct transaction *t = &s->transaction;
	size_t before = t->envelope.len;

	if (!envelope_add_recipient(&t->envelope, r->address.s, r->notify,
	    r->orcpt.len > 0 ? r->orcpt.s : "") ||
	    (t->nrecipients == 0 && !stralloc_copy(&t->first, &r->address))) {
		t->envelope.len = before;
		return refuse_memory(s);
	}
	t->nrecipients++;
	return session_reply(s, 250, "2.1.5 Ok");
}

unsigned
transaction_rcpt(struct session *s, const char *arg, size_t len)
{
	struct recipient r = { .address = STRALLOC_ZERO, .orcpt = STRALLOC_ZERO };
	unsigned code;

	if (s->transaction.nrecipients >= s->conf->limits.session_max_rcpt)
		return session_refuse(s, "", 452,
		    "4.5.3 too many recipients, send to the others in another message");
	code = scan_recipient(s, &r, arg, len);
	if (code == 250)
		code = decide(s, &r);
	if (code == 250)
		code = add_recipient(s, &r);
	else
		s->transaction.nrefused++;
	recipient_free(&r);
	return code;
}
