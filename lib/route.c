/* route: see route.h.
 *
 * Says NO_USER only where every table that could know the name was asked and
 * answered. Asks nothing but tables: no .forward, no include, no network. */
#include "lib/route.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/envelope.h"
#include "lib/ruleset.h"

enum {
	SERVER_NAME_MAX = HOST_NAME_MAX + 256,
	KEY_ROOM = ENVELOPE_ADDRESS_MAX + SERVER_NAME_MAX + 2,
	WHY_ROOM = 2 * KEY_ROOM,
};

void
route_free(struct route *r)
{
	stralloc_free(&r->nodes);
	stralloc_free(&r->relay);
	stralloc_free(&r->why);
	userinfo_free(&r->user);
}

/* ---- one step's state ---- */

struct step {
	struct route *r;
	const struct conf *c;
	struct table_set *tables;
	const struct route_question *q;
	char server[SERVER_NAME_MAX];	/* what local_name stands for */
	char address[KEY_ROOM];		/* local part as it came, domain lower-cased, never without */
	char user[KEY_ROOM];		/* lower-cased, with its tag */
	char untagged[KEY_ROOM];	/* the same without; equal to user if there is no tag */
	const char *domain;		/* in address */
};

static void settle(struct step *s, enum route_kind kind, const char *status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The outcome of the step, and one line why. */
static void
settle(struct step *s, enum route_kind kind, const char *status, const char *format, ...)
{
	char line[WHY_ROOM];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	s->r->kind = kind;
	s->r->status = status;
	s->r->why.len = 0;
	stralloc_cats(&s->r->why, line);
}

/* A table could not be asked: its own line, behind the rule that asked it. */
static void
settle_trouble(struct step *s, enum lookup answer)
{
	const struct conf_rule *rule = s->r->rule;
	char reason[WHY_ROOM / 2];

	snprintf(reason, sizeof reason, "%.*s", (int)s->r->why.len, s->r->why.len > 0 ? s->r->why.s : "");
	settle(s, answer == LOOKUP_BROKEN ? ROUTE_BROKEN : ROUTE_LATER, answer == LOOKUP_BROKEN ? "4.3.5" : "4.3.0",
	    "%s:%u: %s", rule->at.file, rule->at.line, reason);
}

/* ---- names ---- */

static void
copy_lowercase(char *to, size_t size, const char *s, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, s, len);
	to[len] = '\0';
	address_lowercase(to, len);
}

/* Fills in the names. False where the address is too long to be one. */
static bool
take_names(struct step *s)
{
	const char *address = s->q->address;
	size_t len = strlen(address), at = address_find_at(address, len);
	const char *domain = at < len ? address + at + 1 : s->server;
	const char *user = s->q->user != NULL ? s->q->user : address;
	size_t user_len = s->q->user != NULL ? strlen(user) : at;
	const char *tag;

	if (len > ENVELOPE_ADDRESS_MAX || user_len > ENVELOPE_ADDRESS_MAX)
		return false;
	snprintf(s->address, sizeof s->address, "%.*s@%s", (int)at, address, domain);
	s->domain = s->address + at + 1;
	address_lowercase(s->address + at + 1, strlen(s->domain));
	copy_lowercase(s->user, sizeof s->user, user, user_len);
	tag = s->user[0] == '\0' ? NULL : strchr(s->user + 1, s->c->subaddressing_delimiter);
	copy_lowercase(s->untagged, sizeof s->untagged, s->user,
	    tag == NULL ? strlen(s->user) : (size_t)(tag - s->user));
	return true;
}

static bool
is_tagged(const struct step *s)
{
	return strcmp(s->user, s->untagged) != 0;
}

/* The account that every host answers for, and what it stands for below all
 * tables; NULL for other names. */
static const char *
last_resort(const char *name)
{
	if (strcmp(name, "postmaster") == 0)
		return "root";
	if (strcmp(name, "mailer-daemon") == 0 || strcmp(name, "abuse") == 0)
		return "postmaster";
	return NULL;
}

/* ---- the rule ---- */

static enum lookup
ask_rules(struct step *s, bool is_internal, const char *recipient)
{
	struct ruleset_question q = {
		.facts = s->q->facts,
		.is_internal = is_internal,
		.reverse_path = s->q->reverse_path,
		.recipient = recipient,
		.local_name = s->server,
	};

	return ruleset_match(&s->r->rule, s->c, s->tables, &q, &s->r->why, s->q->trace);
}

/* Whoever asks for postmaster of this host is heard, whatever the rules say
 * of his kind (RFC 5321 4.5.1). A reject rule that names him still stands. */
static bool
is_own_postmaster(const struct step *s)
{
	return strncasecmp(s->address, "postmaster@", strlen("postmaster@")) == 0 &&
	    ruleset_is_local_domain(s->c, s->domain, s->server);
}

/* True with a rule that accepts; else the step is settled. */
static bool
find_rule(struct step *s)
{
	enum lookup answer = ask_rules(s, s->q->is_internal, s->address);

	if (answer == LOOKUP_FOUND && s->r->rule == NULL && !s->q->is_internal && is_own_postmaster(s))
		answer = ask_rules(s, true, s->address);
	if (answer == LOOKUP_INACTIVE) {
		s->r->kind = ROUTE_INACTIVE;
		s->r->status = "5.1.1";
		return false;	/* why is there, with the rule's place */
	}
	if (answer != LOOKUP_FOUND) {
		s->r->kind = answer == LOOKUP_BROKEN ? ROUTE_BROKEN : ROUTE_LATER;
		s->r->status = answer == LOOKUP_BROKEN ? "4.3.5" : "4.3.0";
		return false;	/* why is there, with the rule's place */
	}
	if (s->r->rule == NULL) {
		settle(s, ROUTE_REJECT, "5.7.1", "no rule accepts <%s>", s->address);
		return false;
	}
	if (s->r->rule->is_reject) {
		settle(s, ROUTE_REJECT, "5.7.1", "%s:%u: %s", s->r->rule->at.file, s->r->rule->at.line,
		    s->r->rule->text);
		return false;
	}
	return true;
}

/* ---- names that every host answers for ---- */

/* Mail for root is the business of "for local" rules, whose aliases say who
 * reads it; only a host without such a rule falls back on the account itself. */
static bool
has_rule_for_root(struct step *s)
{
	const struct conf_rule *rule = s->r->rule, *other;
	bool has = ask_rules(s, true, "root@localhost") == LOOKUP_FOUND;

	other = s->r->rule;
	s->r->rule = rule;
	return has && other != NULL && !other->is_reject && other->action != ACTION_RELAY &&
	    other->virtual == NULL && other->userbase->kind == TABLE_SYSTEM;
}

/* Nobody is called like this, but it is a name that every host answers for. A
 * virtual domain may have an entry for its postmaster: asked by address. */
static void
settle_last_resort(struct step *s, const char *name)
{
	char instead[KEY_ROOM + sizeof "postmaster"];

	snprintf(instead, sizeof instead, "%s", name);
	if (strcmp(name, "postmaster") == 0 && s->r->rule->virtual != NULL)
		snprintf(instead, sizeof instead, "postmaster@%s", s->domain);
	else if (strcmp(name, "root") == 0 && s->r->rule->userbase->kind != TABLE_SYSTEM && has_rule_for_root(s))
		snprintf(instead, sizeof instead, "root@localhost");
	s->r->nodes.len = 0;
	if (stralloc_cats(&s->r->nodes, instead) && stralloc_0(&s->r->nodes))
		settle(s, ROUTE_EXPAND, "2.1.5", "%s goes to %s, as no table says otherwise", s->untagged, instead);
	else
		settle(s, ROUTE_LATER, "4.3.0", "out of memory");
}

/* It is there, but does not take mail any more: final, as no table could know better. */
static void
settle_inactive(struct step *s, const char *what, const char *name, const struct conf_table *t)
{
	const char *instead = last_resort(s->untagged);
	const struct conf_place *at = &s->r->rule->at;
	char label[TABLE_LABEL_MAX];

	if (instead != NULL)
		settle_last_resort(s, instead);
	else
		settle(s, ROUTE_INACTIVE, "5.1.1", "%s %s is disabled: inactive in %s (%s:%u)", what, name,
		    table_label(label, sizeof label, t), at->file, at->line);
}

/* ---- aliases ---- */

/* Turns the value of an entry into the nodes of the step. */
static void
settle_entry(struct step *s, const struct conf_table *t, const char *key, const stralloc *value)
{
	char label[TABLE_LABEL_MAX];
	const struct conf_place *at = &s->r->rule->at;
	const char *why;

	table_label(label, sizeof label, t);
	if (!node_list_append(&s->r->nodes, &why, value->s, value->len)) {
		if (errno == ENOMEM)
			settle(s, ROUTE_LATER, "4.3.0", "out of memory");
		else
			settle(s, ROUTE_BROKEN, "4.3.5", "%s:%u: %s: the entry of %s: %s", at->file, at->line,
			    label, key, why);
		return;
	}
	if (s->r->nodes.len == 0) {
		settle(s, ROUTE_BROKEN, "4.3.5", "%s:%u: %s: the entry of %s is empty", at->file, at->line,
		    label, key);
		return;
	}
	settle(s, ROUTE_EXPAND, "2.1.5", "%s is in %s (%s:%u)", key, label, at->file, at->line);
}

/* Whether the keys settle the step. */
static bool
look_up_nodes(struct step *s, const struct conf_table *t, const char *const keys[], size_t nkeys)
{
	stralloc value = STRALLOC_ZERO;
	size_t which = 0;
	enum lookup answer = table_lookup(s->tables, t, SERVICE_ALIAS, keys, nkeys, &value, &which, &s->r->why);

	if (answer == LOOKUP_FOUND)
		settle_entry(s, t, keys[which], &value);
	else if (answer == LOOKUP_INACTIVE)
		settle_inactive(s, "address", keys[which], t);
	else if (answer != LOOKUP_ABSENT)
		settle_trouble(s, answer);
	stralloc_free(&value);
	return answer != LOOKUP_ABSENT;
}

static bool
look_up_alias(struct step *s)
{
	const char *keys[] = { s->user, s->untagged };

	return look_up_nodes(s, s->r->rule->alias, keys, is_tagged(s) ? 2 : 1);
}

static bool
look_up_virtual(struct step *s)
{
	char full[2 * KEY_ROOM], plain[2 * KEY_ROOM], domain[KEY_ROOM + 1];
	const char *keys[6];
	size_t n = 0;

	snprintf(full, sizeof full, "%s@%s", s->user, s->domain);
	snprintf(plain, sizeof plain, "%s@%s", s->untagged, s->domain);
	snprintf(domain, sizeof domain, "@%s", s->domain);
	if (is_tagged(s))
		keys[n++] = full;
	keys[n++] = plain;
	if (is_tagged(s))
		keys[n++] = s->user;
	keys[n++] = s->untagged;
	keys[n++] = domain;
	keys[n++] = "@";
	return look_up_nodes(s, s->r->rule->virtual, keys, n);
}

/* ---- users ---- */

static void
settle_absent(struct step *s, const char *where)
{
	const char *instead = last_resort(s->untagged);
	const struct conf_rule *rule = s->r->rule;

	if (instead != NULL)
		settle_last_resort(s, instead);
	else
		settle(s, ROUTE_NO_USER, "5.1.1", "user %s not in %s (%s:%u)", s->user, where, rule->at.file,
		    rule->at.line);
}

static enum lookup
find_user(struct step *s, const struct conf_table *userbase)
{
	enum lookup answer = table_userinfo(s->tables, userbase, s->user, s->domain, &s->r->user, &s->r->why);

	if (answer == LOOKUP_ABSENT && is_tagged(s))
		answer = table_userinfo(s->tables, userbase, s->untagged, s->domain, &s->r->user, &s->r->why);
	return answer;
}

/* The account root of this system, for mail that an expansion led to root. */
static enum lookup
find_root(struct step *s)
{
	static const struct conf_table accounts = {
		.name = "getpwnam", .kind = TABLE_SYSTEM, .type = "getpwnam", .path = "",
	};

	if (s->q->user == NULL || strcmp(s->untagged, "root") != 0)
		return LOOKUP_ABSENT;
	return table_userinfo(s->tables, &accounts, "root", NULL, &s->r->user, &s->r->why);
}

static void
look_up_user(struct step *s)
{
	const struct conf_rule *rule = s->r->rule;
	char label[TABLE_LABEL_MAX];
	enum lookup answer = find_user(s, rule->userbase);

	table_label(label, sizeof label, rule->userbase);
	if (answer == LOOKUP_ABSENT)
		answer = find_root(s);
	if (answer == LOOKUP_FOUND)
		settle(s, ROUTE_DELIVER, "2.1.5", "user %s is in %s (%s:%u)", s->r->user.name, label, rule->at.file,
		    rule->at.line);
	else if (answer == LOOKUP_ABSENT)
		settle_absent(s, label);
	else if (answer == LOOKUP_INACTIVE)
		settle_inactive(s, "user", s->user, rule->userbase);
	else
		settle_trouble(s, answer);
}

/* ---- steps ---- */

static void
reset(struct route *r)
{
	userinfo_free(&r->user);
	r->kind = ROUTE_LATER;
	r->rule = NULL;
	r->nodes.len = r->why.len = 0;
	r->status = "4.3.0";
	r->reply_code = 0;
}

static void
route_locally(struct step *s)
{
	const struct conf_rule *rule = s->r->rule;
	char label[TABLE_LABEL_MAX];

	if (!s->q->skip_alias && rule->virtual != NULL && s->q->user == NULL) {
		if (!look_up_virtual(s))
			settle_absent(s, table_label(label, sizeof label, rule->virtual));
		return;
	}
	if (!s->q->skip_alias && rule->alias != NULL && look_up_alias(s))
		return;
	look_up_user(s);
}

static void
route_away(struct step *s)
{
	const struct conf_rule *rule = s->r->rule;

	if (s->q->user != NULL)
		settle(s, ROUTE_BROKEN, "4.3.5", "%s:%u: relays <%s>, of which %s was an alias", rule->at.file,
		    rule->at.line, s->address, s->user);
	else
		settle(s, ROUTE_RELAY, "2.1.5", "%s:%u: %s", rule->at.file, rule->at.line, rule->text);
}

void
route_step(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q)
{
	struct step s = { .r = r, .c = c, .tables = tables, .q = q };

	reset(r);
	if (q->local_name[0] != '\0')
		snprintf(s.server, sizeof s.server, "%s", q->local_name);
	else
		conf_server_name(s.server, sizeof s.server);
	if (!take_names(&s)) {
		settle(&s, ROUTE_NO_USER, "5.1.3", "the address is longer than %d octets", ENVELOPE_ADDRESS_MAX);
		return;
	}
	if (!find_rule(&s))
		return;
	if (r->rule->action == ACTION_RELAY)
		route_away(&s);
	else
		route_locally(&s);
}

/* ---- following aliases ---- */

/* A local name that an alias led to, waiting to be looked at. */
struct lead {
	char *name;		/* NULL: the address itself */
	bool skip_alias;
	unsigned depth;
};

struct search {
	struct lead leads[NODE_COUNT_MAX];
	size_t n;
	size_t nodes;		/* seen so far */
	bool has_worst;
	struct route worst;	/* of the leads that ended nowhere */
};

/* How much an answer counts where nothing was found: doubt before refusal,
 * refusal before absence. */
static unsigned
weight(enum route_kind kind)
{
	switch (kind) {
	case ROUTE_LATER:
		return 4;
	case ROUTE_BROKEN:
		return 3;
	case ROUTE_REJECT:
	case ROUTE_INACTIVE:
		return 2;
	default:
		return 1;
	}
}

static void
swap_worst(struct search *f, struct route *r)
{
	struct route other = f->worst;

	f->worst = *r;
	*r = other;
}

static void
keep_worst(struct search *f, struct route *r)
{
	if (f->has_worst && weight(r->kind) <= weight(f->worst.kind))
		return;
	swap_worst(f, r);
	f->has_worst = true;
}

/* The words of "error:CODE text", with its own enhanced status code if it has one. */
static void
refuse(struct route *r, const char *text)
{
	unsigned code = (unsigned)strtoul(text, NULL, 10);
	const char *words = text + 4;
	size_t n = strspn(words, "0123456789.");
	stralloc why = STRALLOC_ZERO;

	r->reply_code = code;
	r->kind = code >= 500 ? ROUTE_REJECT : ROUTE_LATER;
	r->status = code >= 500 ? "5.7.1" : "4.7.1";
	if (n >= 5 && n < sizeof r->own_status && words[0] == text[0] && words[1] == '.' && words[n] == ' ') {
		memcpy(r->own_status, words, n);
		r->own_status[n] = '\0';
		r->status = r->own_status;
		words += n + 1;
	}
	if (stralloc_copys(&why, words))	/* text may be in r->nodes, never in r->why */
		stralloc_copy(&r->why, &why);
	stralloc_free(&why);
}

static bool
is_known_lead(const struct search *f, const char *name, bool skip_alias)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->leads[i].name != NULL && f->leads[i].skip_alias == skip_alias &&
		    strcmp(f->leads[i].name, name) == 0)
			return true;
	return false;
}

/* What an expansion says: found, refused, or more leads. */
enum search_outcome { SEARCH_GOES_ON, SEARCH_FOUND, SEARCH_REFUSED, SEARCH_TOO_FAR, SEARCH_NO_MEMORY };

static enum search_outcome
add_lead(struct search *f, const struct lead *parent, const char *parent_name, const char *name)
{
	struct lead lead = { .depth = parent->depth + 1, .skip_alias = strcmp(parent_name, name) == 0 };

	if (is_known_lead(f, name, lead.skip_alias))
		return SEARCH_GOES_ON;
	if (lead.depth > NODE_DEPTH_MAX || f->n == NODE_COUNT_MAX)
		return SEARCH_TOO_FAR;
	lead.name = strdup(name);
	if (lead.name == NULL)
		return SEARCH_NO_MEMORY;
	f->leads[f->n++] = lead;
	return SEARCH_GOES_ON;
}

static enum search_outcome
read_nodes(struct search *f, struct route *r, const struct lead *parent, const char *parent_name)
{
	enum search_outcome outcome = SEARCH_GOES_ON;
	struct node n;

	for (size_t at = 0; node_list_next(&n, &at, &r->nodes);)
		if (n.kind == NODE_ERROR) {
			refuse(r, n.text);
			return SEARCH_REFUSED;
		}
	for (size_t at = 0; outcome == SEARCH_GOES_ON && node_list_next(&n, &at, &r->nodes);) {
		if (++f->nodes > NODE_COUNT_MAX)
			return SEARCH_TOO_FAR;
		outcome = n.kind == NODE_USER ? add_lead(f, parent, parent_name, n.text) : SEARCH_FOUND;
	}
	return outcome;
}

static void
refuse_aliases(struct route *r, const char *why)
{
	r->kind = ROUTE_REJECT;
	r->status = "5.4.6";
	stralloc_copys(&r->why, why);
}

/* Follows one lead. True when the search is over, with its result in r. */
static bool
follow(struct search *f, struct route *r, const struct conf *c, struct table_set *tables,
    const struct route_question *question, size_t i)
{
	struct lead lead = f->leads[i];
	struct route_question q = *question;
	const char *name = lead.name != NULL ? lead.name : q.user != NULL ? q.user : q.address;
	char local[ENVELOPE_ADDRESS_MAX + 1];

	if (lead.name != NULL) {
		q.user = lead.name;
		q.skip_alias = lead.skip_alias;
	}
	route_step(r, c, tables, &q);
	if (r->kind == ROUTE_DELIVER || r->kind == ROUTE_RELAY)
		return true;
	if (r->kind != ROUTE_EXPAND) {
		keep_worst(f, r);
		return false;
	}
	copy_lowercase(local, sizeof local, name, address_find_at(name, strlen(name)));
	switch (read_nodes(f, r, &lead, local)) {
	case SEARCH_FOUND:
		r->kind = ROUTE_DELIVER;
		return true;
	case SEARCH_REFUSED:
		return true;
	case SEARCH_TOO_FAR:
		refuse_aliases(r, "the aliases behind this address are too many or too deep");
		return true;
	case SEARCH_NO_MEMORY:
		reset(r);
		return true;
	case SEARCH_GOES_ON:
		break;
	}
	return false;
}

void
route_check(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q)
{
	struct search *f = calloc(1, sizeof *f);
	bool is_over = false;

	reset(r);
	if (f == NULL)
		return;		/* LATER */
	f->worst = (struct route)ROUTE_ZERO;
	f->n = 1;		/* leads[0] is the question itself */
	for (size_t i = 0; i < f->n && !is_over; i++)
		is_over = follow(f, r, c, tables, q, i);
	if (!is_over && f->has_worst)
		swap_worst(f, r);
	else if (!is_over)
		refuse_aliases(r, "the aliases behind this address lead nowhere but to themselves");
	route_free(&f->worst);
	for (size_t i = 0; i < f->n; i++)
		free(f->leads[i].name);
	free(f);
}
