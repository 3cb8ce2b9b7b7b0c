/* conf_finish: what can only be said when the whole file has been read, and
 * the lists in the shape that conf.h promises. */
#include "lib/conf_internal.h"

#include <string.h>

/* ---- names ---- */

/* The first few tables there are, for a message. */
static const char *
known_tables(struct parser *p)
{
	const char *known = "<getpwnam>";
	size_t shown = 0;

	for (size_t i = 1; i < p->ntables && shown < 8; i++) {
		if (p->tables[i]->t.name[0] == '<')
			continue;
		known = conf_print(p, "%s, <%s>", known, p->tables[i]->t.name);
		shown++;
	}
	return known;
}

static void
report_lost_tables(struct parser *p)
{
	const char *known = p->nlost == 0 ? "" : known_tables(p);

	for (size_t i = 0; i < p->nlost; i++) {
		const struct pending *l = &p->lost[i];
		const struct table_node *t = table_find(p, l->name);

		p->order = l->order;
		if (t != NULL)
			conf_error(p, l->at,
			    "table <%s> is declared only in %s line "
			    "%u; move its line above this one",
			    l->name, t->t.at.file, t->t.at.line);
		else
			conf_error(p, l->at,
			    "there is no table <%s>; write: table %s "
			    "db:/path (or file:, sqlite:) "
			    "above; known are: %s",
			    l->name, l->name, known);
	}
}

static const struct conf_pki *
find_pki(const struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->c->npkis; i++)
		if (strcmp(p->c->pkis[i].name, name) == 0)
			return &p->c->pkis[i];
	return NULL;
}

static bool
has_ca(const struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->c->ncas; i++)
		if (strcmp(p->c->cas[i].name, name) == 0)
			return true;
	return false;
}

static void
report_lost_keys(struct parser *p)
{
	for (size_t i = 0; i < p->npki_uses; i++) {
		const struct pending *u = &p->pki_uses[i];

		p->order = u->order;
		if (find_pki(p, u->name) == NULL)
			conf_error(p, u->at,
			    "pki name not found: %s; there are no "
			    "`pki %s` lines; add: pki %s certificate "
			    "\"/etc/ssl/%s.crt\" and: pki %s key \"/etc/ssl/private/%s.key\"",
			    u->name, u->name, u->name, u->name, u->name, u->name);
	}
	for (size_t i = 0; i < p->nca_uses; i++) {
		const struct pending *u = &p->ca_uses[i];

		p->order = u->order;
		if (!has_ca(p, u->name))
			conf_error(p, u->at,
			    "ca name not found: %s; add: ca %s certificate "
			    "\"/etc/ssl/certs/ca-certificates.crt\"",
			    u->name, u->name);
	}
}

static void
check_pkis(struct parser *p)
{
	for (size_t i = 0; i < p->npki_names; i++) {
		const struct pending *n = &p->pki_names[i];
		const struct conf_pki *k = find_pki(p, n->name);

		p->order = n->order;
		if (*k->certificate == '\0')
			conf_error(p, n->at,
			    "pki %s: missing certificate file; add: pki %s certificate \"FILE\"",
			    k->name, k->name);
		if (*k->key == '\0')
			conf_error(p, n->at, "pki %s: missing key file; add: pki %s key \"FILE\"",
			    k->name, k->name);
	}
	for (size_t i = 0; i < p->ntls_uses && p->npki_names == 0; i++) {
		p->order = p->tls_uses[i].order;
		conf_error(p, p->tls_uses[i].at,
		    "listen: TLS needs a certificate; add: pki NAME certificate \"FILE\" and: pki "
		    "NAME key \"FILE\", and here: pki NAME");
	}
}

/* ---- the whole file ---- */

static void
check_dialect(struct parser *p)
{
	if (p->first_match.line == 0)
		return;
	p->order = p->first_match_order;
	if (p->nrule_lines > 0)
		conf_error(p, p->first_match,
		    "\"match\" and \"action\" are of OpenSMTPD 6.4 "
		    "and later, and line %u has %s; this "
		    "file is taken for the older dialect: say it with accept and reject, too",
		    p->first_rule.line, "accept or reject");
	else
		conf_error(p, p->first_match,
		    "this file is taken for one of OpenSMTPD 6.4 "
		    "or later (match, action); the dialect "
		    "here is that of 5.4 to 6.0: accept from ... for ... deliver to ...");
}

static void
check_rules(struct parser *p)
{
	if (p->nrule_lines == 0 && p->c->nerrors == 0)
		conf_error(p, p->last,
		    "no rules, nothing to do; add one, such as: "
		    "accept for local deliver to maildir");
	for (size_t i = 0; i < p->c->nrules; i++)
		if (p->c->rules[i].expire_seconds == 0)
			p->c->rules[i].expire_seconds = p->c->expire_seconds;
}

static void
note_macros(struct parser *p)
{
	for (size_t i = 0; i < p->nmacros; i++)
		if (!p->macros[i].is_used && !p->macros[i].is_fixed)
			conf_note(p, p->macros[i].at, "macro \"%s\" is not used",
			    p->macros[i].name);
}

/* ---- shape ---- */

static void
move_table(const struct parser *p, const struct conf_table **t)
{
	if (*t != NULL)
		*t = &p->c->tables[((const struct table_node *)(const void *)*t)->index];
}

static void
place_tables(struct parser *p)
{
	struct conf *c = p->c;

	c->ntables = p->ntables;
	c->tables = arena_take(p->arena, p->ntables * sizeof *c->tables);
	for (size_t i = 0; i < p->ntables; i++)
		c->tables[i] = p->tables[i]->t;
	for (size_t n = 0; n < c->nrules; n++) {
		struct conf_rule *r = &c->rules[n];
		const struct conf_table **const used[] = { &r->from_source, &r->for_domain,
			&r->sender, &r->recipient, &r->alias, &r->virtual, &r->userbase,
			&r->relay.auth, &r->relay.source, &r->relay.hostnames };

		for (size_t i = 0; i < sizeof used / sizeof *used; i++)
			move_table(p, used[i]);
	}
	for (size_t n = 0; n < c->nlistens; n++) {
		move_table(p, &c->listens[n].auth_table);
		move_table(p, &c->listens[n].hostnames);
		move_table(p, &c->listens[n].senders);
	}
}

/* In the order of the directives; within one, as they were found. */
static void
place_messages(struct parser *p)
{
	struct conf *c = p->c;

	c->messages = arena_take(p->arena, (p->nmessages + 1) * sizeof *c->messages);
	for (size_t i = 1; i < p->nmessages; i++) {
		struct message_entry e = p->messages[i];
		size_t to = i;

		for (; to > 0 && p->messages[to - 1].order > e.order; to--)
			p->messages[to] = p->messages[to - 1];
		p->messages[to] = e;
	}
	for (size_t i = 0; i < p->nmessages; i++)
		c->messages[i] = p->messages[i].m;
	c->nmessages = p->nmessages;
}

void
conf_shape(struct parser *p)
{
	place_tables(p);
	place_messages(p);
}

void
conf_finish(struct parser *p)
{
	size_t end = p->order;

	report_lost_tables(p);
	report_lost_keys(p);
	check_pkis(p);
	check_dialect(p);
	p->order = end;
	check_rules(p);
	note_macros(p);
	conf_shape(p);
}
