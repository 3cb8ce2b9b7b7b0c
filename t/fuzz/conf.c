/* Any octets as smtpd.conf: a list of errors, or a structure that keeps what conf.h promises. */
#include "lib/conf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
need(bool holds)
{
	if (!holds)
		abort();
}

static void
check_table(const struct conf *c, const struct conf_table *t)
{
	need(t == NULL || (t >= c->tables && t < c->tables + c->ntables));
}

static void
check_rule(const struct conf *c, const struct conf_rule *r)
{
	const struct conf_table *const tables[] = { r->from_source, r->for_domain, r->sender,
		r->recipient, r->alias, r->virtual, r->userbase, r->relay.auth, r->relay.source,
		r->relay.hostnames };

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		check_table(c, tables[i]);
	need((r->from == FROM_SOURCE) == (r->from_source != NULL) &&
	    (r->to == FOR_DOMAIN) == (r->for_domain != NULL));
	need(r->alias == NULL || r->virtual == NULL);
	need(r->is_reject || r->action == ACTION_RELAY || r->userbase != NULL);
	need(r->expire_seconds > 0 && *r->text != '\0' && r->at.line > 0);
	need(r->relay.via == NULL || *r->relay.via->label == '\0' || r->relay.auth != NULL);
}

static void
check_listen(const struct conf *c, const struct conf_listen *l)
{
	check_table(c, l->auth_table);
	check_table(c, l->hostnames);
	check_table(c, l->senders);
	need(l->port > 0 && *l->on != '\0');
	need(!(l->starttls && l->smtps) && (l->auth == AUTH_NONE || l->starttls || l->smtps));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = conf_parse("fuzz.conf", (const char *)data, size, NULL, 0);
	size_t errors = 0;

	if (c == NULL)
		return 0;
	for (size_t i = 0; i < c->nmessages; i++) {
		errors += c->messages[i].is_error;
		need(*c->messages[i].text != '\0');
	}
	need((errors > 0) == (c->nerrors > 0) && c->ntables > 0 && c->nmta_limits > 0);
	if (c->nerrors == 0) {
		need(c->nrules > 0);
		for (size_t i = 0; i < c->nrules; i++)
			check_rule(c, &c->rules[i]);
		for (size_t i = 0; i < c->nlistens; i++)
			check_listen(c, &c->listens[i]);
		conf_find_listen(c, "127.0.0.1", 25);
	}
	conf_free(c);
	return 0;
}
