/* conf_listen: listen.
 *
 * No socket is opened and no name resolved. `secure` becomes two listeners. */
#include "lib/conf_internal.h"

#include <string.h>

enum { PORT_SMTP = 25, PORT_SMTPS = 465 };

struct options {
	struct conf_listen l;
	struct conf_place at;		/* of the option being read */
	bool has_port, is_secure, masquerade_alone;
};

static bool
take_port(struct parser *p, struct options *o)
{
	static const struct {
		const char *name;
		uint16_t port;
	} services[] = {
		{ "smtp", 25 },
		{ "submission", 587 },
		{ "smtps", 465 },
		{ "submissions", 465 },
		{ "ssmtp", 465 },
		{ "urd", 465 },
		{ "lmtp", 24 },
	};
	const struct word *w = word_peek(p);
	const char *s = w->text;
	uint64_t n;

	if (word_already(p, "port", o->has_port))
		return false;
	o->has_port = true;
	if (!word_is(w, "smtps") && (s = word_take_value(p, "port")) == NULL)
		return false;
	p->next += word_is(w, "smtps");	/* a service too, without quotes */
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(s, services[i].name) == 0)
			o->l.port = services[i].port;
	if (o->l.port != 0)
		return true;
	if (!word_scan_number(s, &n) || n == 0 || n > UINT16_MAX)
		return conf_error(p, w->at,
		    "port \"%s\": write a number from 1 to 65535, "
		    "or smtp, submission, smtps or lmtp",
		    s);
	o->l.port = (uint16_t)n;
	return true;
}

static bool
take_family(struct parser *p, struct options *o)
{
	if (word_already(p, "inet4 or inet6", o->l.inet4_only || o->l.inet6_only))
		return false;
	if (word_is(&p->words[p->next - 1], "inet4"))
		o->l.inet4_only = true;
	else
		o->l.inet6_only = true;
	return true;
}

static bool
take_tls(struct parser *p, struct options *o)
{
	const struct word *w = &p->words[p->next - 1];

	if (word_already(p, "the kind of TLS", o->l.starttls || o->l.smtps || o->is_secure))
		return false;
	o->l.smtps = word_is(w, "smtps");
	o->is_secure = word_is(w, "secure");
	o->l.starttls = !o->l.smtps;
	o->l.tls_required = word_is(w, "tls-require");
	o->l.verify_client = (o->l.tls_required || o->l.smtps) && word_take(p, "verify");
	return true;
}

static bool
take_auth(struct parser *p, struct options *o)
{
	bool is_optional = word_is(&p->words[p->next - 1], "auth-optional");
	const char *clause = is_optional ? "auth-optional" : "auth";
	const struct word *w = word_peek(p);

	if (word_already(p, "auth", o->l.auth != AUTH_NONE))
		return false;
	o->l.auth = is_optional ? AUTH_OPTIONAL : AUTH_REQUIRED;
	if ((w->kind == WORD_BARE || w->kind == WORD_QUOTED) && strncmp(w->text, "exec:", 5) == 0) {
		p->next++;
		o->l.auth_program = w->text + 5;
		return w->text[5] == '/' ||
		    conf_error(p, w->at, "%s exec: the path of the program must begin with \"/\"",
		        clause);
	}
	return !table_argument_begins(p) ||
	    parse_table_argument(p, clause, USE_CREDENTIALS, &o->l.auth_table);
}

static bool
take_name(struct parser *p, const char *what, const char **to, bool is_ca)
{
	struct conf_place at = word_peek(p)->at;
	const char *s;

	if (word_already(p, what, **to != '\0') || (s = word_take_value(p, what)) == NULL)
		return false;
	*to = conf_lowercase(p, s);
	(is_ca ? parse_ca_use : parse_pki_use)(p, *to, at);
	return true;
}

static bool
take_pki(struct parser *p, struct options *o)
{
	return take_name(p, "pki", &o->l.pki, false);
}

static bool
take_ca(struct parser *p, struct options *o)
{
	return take_name(p, "ca", &o->l.ca, true);
}

static bool
take_tag(struct parser *p, struct options *o)
{
	const struct word *w = word_peek(p);
	const char *s;

	if (word_already(p, "tag", *o->l.tag != '\0') || (s = word_take_value(p, "tag")) == NULL)
		return false;
	if (*s == '\0' || strlen(s) > CONF_TAG_MAX)
		return conf_error(p, w->at, "tag \"%s\": a tag has 1 to %d octets", s,
		    CONF_TAG_MAX);
	o->l.tag = s;
	return true;
}

static bool
take_hostname(struct parser *p, struct options *o)
{
	const char *s;

	if (word_already(p, "hostname", *o->l.hostname != '\0') ||
	    (s = word_take_value(p, "hostname")) == NULL)
		return false;
	o->l.hostname = s;
	return true;
}

static bool
take_hostnames(struct parser *p, struct options *o)
{
	if (word_already(p, "hostnames", o->l.hostnames != NULL))
		return false;
	return parse_table_argument(p, "hostnames", USE_ADDRNAME, &o->l.hostnames);
}

static bool
take_senders(struct parser *p, struct options *o)
{
	if (word_already(p, "senders", o->l.senders != NULL) ||
	    !parse_table_argument(p, "senders", USE_MAILADDRMAP, &o->l.senders))
		return false;
	o->l.masquerade = word_take(p, "masquerade");
	return true;
}

static bool
take_flag(struct parser *p, struct options *o)
{
	const struct word *w = &p->words[p->next - 1];
	bool *flag = word_is(w, "mask-source") ? &o->l.mask_source :
	    word_is(w, "received-auth") ? &o->l.received_auth : &o->l.no_dsn;

	if (word_already(p, w->text, *flag))
		return false;
	return *flag = true;
}

/* dsn-notify disable, dsn-ret headers: 5.7 only. */
static bool
take_dsn(struct parser *p, struct options *o)
{
	const struct word *w = &p->words[p->next - 1];

	(void)o;
	conf_warn(p, w->at, "%s is ignored; no-dsn switches delivery status requests off", w->text);
	if (word_peek(p)->kind == WORD_BARE)
		p->next++;
	return true;
}

static bool
refuse_filter(struct parser *p, struct options *o)
{
	(void)o;
	return conf_error(p, p->words[p->next - 1].at,
	    "listen: the filters of OpenSMTPD 5.x are not available; remove "
	    "the option, and give smtp-recv a program in $QMAILQUEUE that filters");
}

static const struct option {
	const char *name;
	bool (*take)(struct parser *p, struct options *o);
} options[] = {
	{ "port", take_port },
	{ "inet4", take_family },
	{ "inet6", take_family },
	{ "tls", take_tls },
	{ "tls-require", take_tls },
	{ "smtps", take_tls },
	{ "secure", take_tls },
	{ "pki", take_pki },
	{ "ca", take_ca },
	{ "auth", take_auth },
	{ "auth-optional", take_auth },
	{ "tag", take_tag },
	{ "hostname", take_hostname },
	{ "hostnames", take_hostnames },
	{ "senders", take_senders },
	{ "mask-source", take_flag },
	{ "received-auth", take_flag },
	{ "no-dsn", take_flag },
	{ "dsn-notify", take_dsn },
	{ "dsn-ret", take_dsn },
	{ "filter", refuse_filter },
};
enum { NOPTIONS = sizeof options / sizeof *options };

static bool
refuse_option(struct parser *p)
{
	const char *names[NOPTIONS + 1] = { NULL }, *guess;
	const struct word *w = word_peek(p);

	for (size_t i = 0; i < NOPTIONS; i++)
		names[i] = options[i].name;
	guess = w->kind == WORD_BARE ? word_guess(conf_lowercase(p, w->text), names) : NULL;
	if (guess != NULL)
		return conf_error(p, w->at, "listen: %s is not an option; did you mean \"%s\"?",
		    word_show(p, w), guess);
	if (word_is(w, "verify"))
		return conf_error(p, w->at, "listen: verify stands behind tls-require or smtps");
	return conf_error(p, w->at,
	    "listen: %s is not an option; there are: port, inet4, inet6, tls, tls-require, smtps, "
	    "secure, pki, ca, auth, auth-optional, tag, hostname, "
	    "hostnames, senders, mask-source, received-auth, no-dsn",
	    word_show(p, w));
}

static bool
take_option(struct parser *p, struct options *o)
{
	o->at = word_peek(p)->at;
	for (size_t i = 0; i < NOPTIONS; i++)
		if (word_take(p, options[i].name))
			return options[i].take(p, o);
	return refuse_option(p);
}

static bool
check_options(struct parser *p, const struct options *o)
{
	const struct conf_listen *l = &o->l;
	bool has_tls = l->starttls || l->smtps;

	if (o->is_secure && o->has_port)
		return conf_error(p, l->at,
		    "listen: tls/smtps on same port; write one line with tls and one with smtps");
	if (l->auth != AUTH_NONE && !has_tls && !conf_listen_is_loopback(l))
		return conf_error(p, l->at,
		    "listen: auth needs TLS, passwords are never "
		    "taken in clear text; add tls or smtps");
	if (!has_tls && (*l->pki != '\0' || *l->ca != '\0'))
		return conf_error(p, l->at, "listen: %s needs TLS; add tls, tls-require or smtps",
		    *l->pki != '\0' ? "pki" : "ca");
	if (l->masquerade)
		return conf_error(p, l->at,
		    "listen: masquerade is not available, no header is rewritten; remove the word: "
		    "senders alone refuses what a user may not send as");
	if (l->senders != NULL && l->auth == AUTH_NONE)
		return conf_error(p, l->at,
		    "listen: senders needs auth: it says what a user may send as");
	return true;
}

static bool
add_listen(struct parser *p, const struct conf_listen *l)
{
	for (size_t i = 0; i < p->c->nlistens; i++) {
		const struct conf_listen *other = &p->c->listens[i];

		if (strcmp(other->on, l->on) == 0 && other->port == l->port &&
		    !(other->inet4_only && l->inet6_only) && !(other->inet6_only && l->inet4_only))
			return conf_error(p, l->at,
			    "listen on %s port %u is already there in line %u; remove one of them",
			    l->on, l->port, other->at.line);
	}
	*APPEND(p, p->c->listens, p->c->nlistens, p->listen_room) = *l;
	return true;
}

/* listen on socket: local submission, which needs no socket here. */
static bool
parse_socket(struct parser *p)
{
	struct conf_place at = p->words[0].at;

	while (word_peek(p)->kind != WORD_END) {
		if (word_is(word_peek(p), "filter")) {
			p->next++;
			return refuse_filter(p, NULL);
		}
		if (!word_take(p, "mask-source"))
			return conf_error(p, word_peek(p)->at,
			    "listen on socket: %s is not an option; there is: mask-source",
			    word_show(p, word_peek(p)));
	}
	conf_warn(p, at,
	    "listen on socket is ignored: sendmail puts "
	    "local mail into the queue without a socket");
	return true;
}

bool
parse_listen(struct parser *p)
{
	struct options o = { .l = { .at = p->words[0].at, .auth_program = "", .pki = "",
	    .ca = "", .tag = "", .hostname = "" } };

	if (!word_take(p, "on"))
		return conf_error(p, word_peek(p)->at, "listen: \"on\" is missing before %s",
		    word_show(p, word_peek(p)));
	if (word_take(p, "socket"))
		return parse_socket(p);
	o.at = word_peek(p)->at;
	if (word_take(p, "*")) {
		conf_warn(p, o.at, "listen on *: write listen on all");
		o.l.on = "all";
	} else if ((o.l.on = word_take_value(p, "listen on: the address, interface or \"all\"")) ==
	    NULL) {
		return false;
	}
	if (*o.l.on == '\0')
		return conf_error(p, o.at,
		    "listen on: the address is empty; write an address, an interface or all");
	while (word_peek(p)->kind != WORD_END)
		if (!take_option(p, &o))
			return false;
	if (!check_options(p, &o))
		return false;
	if ((o.l.starttls || o.l.smtps) && *o.l.pki == '\0')
		*APPEND(p, p->tls_uses, p->ntls_uses, p->tls_use_room) =
		    (struct pending){ "", o.l.at, p->order };
	if (!o.has_port)
		o.l.port = o.l.smtps ? PORT_SMTPS : PORT_SMTP;
	if (!add_listen(p, &o.l) || !o.is_secure)
		return !o.is_secure;
	o.l.starttls = false;
	o.l.smtps = true;
	o.l.port = PORT_SMTPS;
	return add_listen(p, &o.l);
}
