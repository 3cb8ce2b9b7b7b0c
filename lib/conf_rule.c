/* conf_rule: accept and reject.
 *
 * The clauses may stand in any order. A rule with an error is not added; so a
 * later rule is never taken for an earlier one while errors are listed. */
#include "lib/conf_internal.h"

#include <string.h>

struct clauses {
	struct conf_rule r;
	struct conf_place at;	/* the clause being read */
	bool from, to, expire;
	unsigned group;		/* of the last clause; see clauses[] */
	bool is_unordered;
};

static bool
is_all(struct parser *p, const char *clause)
{
	struct conf_place at = word_peek(p)->at;

	if (!word_take(p, "all"))
		return false;
	conf_warn(p, at,
	    "\"%s all\" is from before OpenSMTPD 5.3 and taken as \"%s any\"; write that", clause,
	    clause);
	return true;
}

static bool
take_from(struct parser *p, struct clauses *c)
{
	struct conf_rule *r = &c->r;
	const struct word *w;

	if (word_already(p, "from", c->from))
		return false;
	c->from = true;
	r->not_from = word_take_punct(p, '!');
	w = word_peek(p);
	if (word_take(p, "local")) {
		r->from = FROM_LOCAL;
		return true;
	}
	if (word_take(p, "any") || is_all(p, "from")) {
		r->from = FROM_ANY;
		return true;
	}
	if (word_take(p, "source")) {
		r->from = FROM_SOURCE;
		return parse_table_argument(p, "from source", USE_NETADDR, &r->from_source);
	}
	if (w->kind != WORD_END && table_argument_begins(p))
		return conf_error(p, w->at, "from %s: write from source %s",
		    w->kind == WORD_PUNCT ? "a table" : word_show(p, w),
		    w->kind == WORD_PUNCT ? "<table>" : word_show(p, w));
	return conf_error(p, w->at, "from needs local, any or source <table>, but %s follows",
	    word_show(p, w));
}

static bool
take_for(struct parser *p, struct clauses *c)
{
	struct conf_rule *r = &c->r;
	const struct word *w;

	if (word_already(p, "for", c->to))
		return false;
	c->to = true;
	r->not_for = word_take_punct(p, '!');
	w = word_peek(p);
	if (word_take(p, "local")) {
		r->to = FOR_LOCAL;
		return true;
	}
	if (word_take(p, "any") || is_all(p, "for")) {
		r->to = FOR_ANY;
		return true;
	}
	if (word_take(p, "domain")) {
		r->to = FOR_DOMAIN;
		return parse_table_argument(p, "for domain", USE_DOMAIN, &r->for_domain);
	}
	if (w->kind != WORD_END && table_argument_begins(p))
		return conf_error(p, w->at, "for %s: write for domain %s",
		    w->kind == WORD_PUNCT ? "a table" : word_show(p, w),
		    w->kind == WORD_PUNCT ? "<table>" : word_show(p, w));
	return conf_error(p, w->at, "for needs local, any or domain <table>, but %s follows",
	    word_show(p, w));
}

static bool
take_sender(struct parser *p, struct clauses *c)
{
	if (word_already(p, "sender", c->r.sender != NULL))
		return false;
	c->r.not_sender = word_take_punct(p, '!');
	return parse_table_argument(p, "sender", USE_MAILADDR, &c->r.sender);
}

static bool
take_recipient(struct parser *p, struct clauses *c)
{
	if (word_already(p, "recipient", c->r.recipient != NULL))
		return false;
	c->r.not_recipient = word_take_punct(p, '!');
	return parse_table_argument(p, "recipient", USE_MAILADDR, &c->r.recipient);
}

static bool
take_tagged(struct parser *p, struct clauses *c)
{
	if (word_already(p, "tagged", c->r.tag != NULL))
		return false;
	c->r.not_tag = word_take_punct(p, '!');
	c->r.tag = word_take_value(p, "tagged: the tag");
	return c->r.tag != NULL;
}

static bool
take_authenticated(struct parser *p, struct clauses *c)
{
	if (word_already(p, "authenticated", c->r.authenticated))
		return false;
	return c->r.authenticated = true;
}

static bool
take_alias(struct parser *p, struct clauses *c)
{
	if (word_already(p, "alias", c->r.alias != NULL))
		return false;
	return parse_table_argument(p, "alias", USE_ALIAS, &c->r.alias);
}

static bool
take_virtual(struct parser *p, struct clauses *c)
{
	if (word_already(p, "virtual", c->r.virtual != NULL))
		return false;
	return parse_table_argument(p, "virtual", USE_ALIAS, &c->r.virtual);
}

static bool
take_userbase(struct parser *p, struct clauses *c)
{
	if (word_already(p, "userbase", c->r.userbase != NULL))
		return false;
	return parse_table_argument(p, "userbase", USE_USERINFO, &c->r.userbase);
}

/* ---- actions ---- */

static bool
set_action(struct parser *p, struct clauses *c, enum conf_action action)
{
	if (c->r.action != ACTION_NONE)
		return conf_error(p, c->at, "the rule has an action already; keep one of them");
	c->r.action = action;
	return true;
}

static bool
take_as(struct parser *p, struct clauses *c)
{
	const char *user;

	if (!word_take(p, "as"))
		return true;
	user = word_take_value(p, "as: the user");
	if (user != NULL)
		c->r.action_user = user;
	return user != NULL;
}

static bool
take_maildir(struct parser *p, struct clauses *c)
{
	const struct word *w = word_peek(p);

	if (!set_action(p, c, ACTION_MAILDIR))
		return false;
	if (w->kind == WORD_END || word_is_keyword(w))
		return true;
	c->r.action_text = word_take_value(p, "maildir: the directory");
	return c->r.action_text != NULL && format_check(p, "maildir", c->r.action_text, w->at);
}

static bool
take_mda(struct parser *p, struct clauses *c)
{
	const struct word *w = word_peek(p);
	const char *command;

	if (!set_action(p, c, ACTION_MDA) ||
	    (command = word_take_value(p, "mda: the command")) == NULL)
		return false;
	if (command[strspn(command, " \t")] == '\0')
		return conf_error(p, w->at, "mda: the command is empty");
	c->r.action_text = command;
	return format_check(p, "mda", command, w->at) && take_as(p, c);
}

static bool
take_lmtp(struct parser *p, struct clauses *c)
{
	const struct word *w = word_peek(p);
	const char *to, *colon;
	uint64_t port;

	if (!set_action(p, c, ACTION_LMTP) ||
	    (to = word_take_value(p, "lmtp: the destination")) == NULL)
		return false;
	c->r.action_text = to;
	colon = strrchr(to, ':');
	if (to[0] != '/' &&
	    (colon == NULL || colon == to || !word_scan_number(colon + 1, &port) || port == 0 ||
		port > UINT16_MAX))
		return conf_error(p, w->at,
		    "lmtp: \"%s\" is neither \"/path/of/socket\" nor \"host:port\"", to);
	c->r.lmtp_rcpt_to = word_take(p, "rcpt-to");
	return take_as(p, c);
}

static bool
take_deliver(struct parser *p, struct clauses *c)
{
	if (!word_take(p, "to"))
		return conf_error(p, word_peek(p)->at, "deliver: \"to\" is missing before %s",
		    word_show(p, word_peek(p)));
	if (word_take(p, "mbox"))
		return set_action(p, c, ACTION_MBOX);
	if (word_take(p, "maildir"))
		return take_maildir(p, c);
	if (word_take(p, "mda"))
		return take_mda(p, c);
	if (word_take(p, "lmtp"))
		return take_lmtp(p, c);
	return conf_error(p, word_peek(p)->at,
	    "deliver to: %s is not known; there are: "
	    "mbox, maildir, mda \"COMMAND\", lmtp \"host:port\"",
	    word_show(p, word_peek(p)));
}

static bool
take_relay(struct parser *p, struct clauses *c)
{
	return set_action(p, c, ACTION_RELAY) && parse_relay(p, &c->r.relay);
}

static bool
take_forward_only(struct parser *p, struct clauses *c)
{
	return set_action(p, c, ACTION_FORWARD_ONLY);
}

static bool
take_expire(struct parser *p, struct clauses *c)
{
	if (word_already(p, "expire", c->expire))
		return false;
	c->expire = true;
	return word_take_delay(p, "expire", &c->r.expire_seconds);
}

/* ---- the whole rule ---- */

/* In OpenSMTPD the groups stand in this order. */
static const struct clause {
	const char *name;
	unsigned group;
	bool (*take)(struct parser *p, struct clauses *c);
} clauses[] = {
	{ "from", 0, take_from },
	{ "for", 0, take_for },
	{ "sender", 0, take_sender },
	{ "recipient", 0, take_recipient },
	{ "tagged", 0, take_tagged },
	{ "authenticated", 0, take_authenticated },
	{ "alias", 1, take_alias },
	{ "virtual", 1, take_virtual },
	{ "userbase", 1, take_userbase },
	{ "deliver", 2, take_deliver },
	{ "relay", 2, take_relay },
	{ "forward-only", 3, take_forward_only },
	{ "expire", 3, take_expire },
};
enum { NCLAUSES = sizeof clauses / sizeof *clauses };

static bool
refuse_clause(struct parser *p, const struct clauses *c)
{
	const char *names[NCLAUSES + 1] = { NULL }, *guess;
	const struct word *w = word_peek(p);

	for (size_t i = 0; i < NCLAUSES; i++)
		names[i] = clauses[i].name;
	guess = w->kind == WORD_BARE ? word_guess(conf_lowercase(p, w->text), names) : NULL;
	if (guess != NULL)
		return conf_error(p, w->at, "%s is not a word of a rule; did you mean \"%s\"?",
		    word_show(p, w), guess);
	if (w->kind == WORD_BARE && w->text[0] == ';')
		return word_end(p, "the rule");
	return conf_error(p, w->at,
	    "%s is not expected here; a rule is: %s [from ...] "
	    "[for ...] [sender ...] [recipient ...] [tagged ...]%s",
	    word_show(p, w), c->r.is_reject ? "reject" : "accept",
	    c->r.is_reject ? "" :
			     " [alias <t>] [userbase <t>] [deliver to "
			     "... | relay ...] [expire 4d]");
}

static bool
take_clause(struct parser *p, struct clauses *c)
{
	bool is_negated =
	    word_is_punct(word_peek(p), '!') && word_is(word_peek(p) + 1, "authenticated");

	p->next += is_negated;
	c->r.not_authenticated |= is_negated;
	c->at = word_peek(p)->at;
	for (size_t i = 0; i < NCLAUSES; i++) {
		if (!word_take(p, clauses[i].name))
			continue;
		if (c->r.is_reject && clauses[i].group > 0)
			return conf_error(p, c->at, "reject takes conditions only; remove \"%s\"",
			    clauses[i].name);
		c->is_unordered |= clauses[i].group < c->group;
		c->group = clauses[i].group;
		return clauses[i].take(p, c);
	}
	return refuse_clause(p, c);
}

/* What only the whole rule shows. */
static bool
check_rule(struct parser *p, const struct clauses *c)
{
	const struct conf_rule *r = &c->r;
	const char *lookup = r->alias != NULL ? "alias" : r->virtual != NULL ? "virtual" :
	    r->userbase != NULL ? "userbase" : NULL;

	if (r->alias != NULL && r->virtual != NULL)
		return conf_error(p, r->at,
		    "alias and virtual exclude each other; keep one of them");
	if (r->action == ACTION_RELAY && lookup != NULL)
		return conf_error(p, r->at,
		    "%s may not be used with a relay rule; remove it, or deliver instead", lookup);
	if (c->is_unordered)
		conf_note(p, r->at,
		    "OpenSMTPD wants the clauses in the order: "
		    "conditions, lookups, action, expire");
	return true;
}

/* The rule in its own words. */
static const char *
rule_text(struct parser *p)
{
	size_t room = 1, n = 0;
	char *text;

	for (size_t i = 0; i < p->nwords; i++)
		room += strlen(p->words[i].text) + 3;
	text = arena_take(p->arena, room);
	for (const struct word *w = p->words; w->kind != WORD_END; w++) {
		size_t len = strlen(w->text);

		if (w > p->words && !word_is_punct(w, '>') && !word_is_punct(w, ',') &&
		    !word_is_punct(w - 1, '<') && !word_is_punct(w - 1, '!'))
			text[n++] = ' ';
		if (w->kind == WORD_QUOTED)
			text[n++] = '"';
		memcpy(text + n, w->text, len);
		n += len;
		if (w->kind == WORD_QUOTED)
			text[n++] = '"';
	}
	return text;
}

bool
parse_rule(struct parser *p)
{
	struct clauses c = {
		.r = { .at = p->words[0].at,
		    .is_reject = word_is(&p->words[0], "reject"),
		    .action_text = "",
		    .action_user = "",
		    .relay = { .backup_mx = "", .hostname = "", .as = "", .pki = "", .ca = "" } }
	};

	if (p->nrule_lines++ == 0)
		p->first_rule = c.r.at;
	while (word_peek(p)->kind != WORD_END)
		if (!take_clause(p, &c))
			return false;
	if (!check_rule(p, &c))
		return false;
	if (c.r.userbase == NULL && c.r.action != ACTION_RELAY && !c.r.is_reject)
		c.r.userbase = &p->tables[0]->t;
	c.r.text = rule_text(p);
	*APPEND(p, p->c->rules, p->c->nrules, p->rule_room) = c.r;
	return true;
}
