/* route_relay: the tables that a relay rule names: see route_attempt() in route.h.
 *
 * What cannot be looked up turns the route into "later" or "broken": mail never leaves from another
 * address, or under another name, than the rule says. */
#include "lib/route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/relay.h"

enum { SOURCES_MAX = 32 };	/* elements of a `source` table that are used */

/* Everything that the relay's texts point to until it is encoded. */
struct asked {
	struct route *r;
	struct table_set *tables;
	const struct conf_relay *rule;
	struct relay relay;
	stralloc sources[SOURCES_MAX], names[SOURCES_MAX];
	size_t nsources;
	genalloc copies;		/* char * */
};

/* False: the route says why. */
static bool
accept_answer(struct asked *a, enum lookup answer)
{
	if (answer == LOOKUP_FOUND)
		return true;
	a->r->kind = answer == LOOKUP_LATER ? ROUTE_LATER : ROUTE_BROKEN;
	a->r->status = answer == LOOKUP_LATER ? "4.3.0" : "4.3.5";
	return false;
}

static bool
has_source(const struct asked *a, const stralloc *s)
{
	for (size_t i = 0; i < a->nsources; i++)
		if (strcmp(a->sources[i].s, s->s) == 0)
			return true;
	return false;
}

/* The n-th element is counted round: the first one that is known already ends the list. */
static bool
ask_sources(struct asked *a)
{
	while (a->nsources < SOURCES_MAX) {
		stralloc *s = &a->sources[a->nsources];
		enum lookup answer = table_fetch(a->tables, a->rule->source, SERVICE_SOURCE, a->nsources, s, &a->r->why);

		if (answer == LOOKUP_ABSENT && !stralloc_copys(&a->r->why, "the table of sources is empty"))
			return accept_answer(a, LOOKUP_LATER);
		if (!accept_answer(a, answer == LOOKUP_ABSENT ? LOOKUP_BROKEN : answer))
			return false;
		if (!stralloc_0(s))
			return accept_answer(a, LOOKUP_LATER);
		if (has_source(a, s))
			return true;
		if (!relay_add_source(&a->relay, s->s))
			return accept_answer(a, LOOKUP_LATER);
		a->nsources++;
	}
	return true;
}

/* A source without a name of its own goes by the rule's hostname. */
static bool
ask_name(struct asked *a, size_t i)
{
	const char *key = a->sources[i].s;
	stralloc *name = &a->names[i];
	enum lookup answer = table_lookup(a->tables, a->rule->hostnames, SERVICE_ADDRNAME, &key, 1, name, NULL, &a->r->why);

	if (answer == LOOKUP_ABSENT)
		return true;
	if (!accept_answer(a, answer))
		return false;
	return (stralloc_0(name) && relay_add_name(&a->relay, key, name->s)) || accept_answer(a, LOOKUP_LATER);
}

/* NULL: no memory. */
static const char *
keep_copy(struct asked *a, const char *text)
{
	char *copy = strdup(text);

	if (copy != NULL && genalloc_append(char *, &a->copies, &copy))
		return copy;
	free(copy);
	return NULL;
}

/* An entry of the table, which is gone after the call. */
static bool
add_name(void *arg, const char *key, const char *value)
{
	struct asked *a = arg;
	const char *address, *name;

	if (value == NULL)
		return true;
	address = keep_copy(a, key);
	name = keep_copy(a, value);
	return address != NULL && name != NULL && relay_add_name(&a->relay, address, name);
}

/* Without sources any local address may turn out to be ours: the whole table goes along. */
static bool
ask_names(struct asked *a)
{
	for (size_t i = 0; i < a->nsources; i++)
		if (!ask_name(a, i))
			return false;
	return a->rule->source != NULL ||
	    accept_answer(a, table_each(a->tables, a->rule->hostnames, add_name, a, &a->r->why));
}

static bool
encode(struct asked *a)
{
	a->r->relay.len = 0;
	return relay_encode(&a->r->relay, &a->relay) && stralloc_0(&a->r->relay);
}

static void
ask_relay(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q)
{
	static const stralloc nothing = STRALLOC_ZERO;
	struct asked a = { .r = r, .tables = tables, .rule = &r->rule->relay, .copies = GENALLOC_ZERO };
	size_t at = address_find_at(q->address, strlen(q->address));
	char server[256];

	for (size_t i = 0; i < SOURCES_MAX; i++)
		a.sources[i] = a.names[i] = nothing;
	relay_init(&a.relay);
	relay_from_conf(&a.relay, c, a.rule, q->address[at] == '@' ? q->address + at + 1 : "",
	    *q->local_name != '\0' ? q->local_name : conf_server_name(server, sizeof server));
	if ((a.rule->source == NULL || ask_sources(&a)) && (a.rule->hostnames == NULL || ask_names(&a)) && !encode(&a)) {
		r->kind = ROUTE_LATER;
		r->status = "4.3.0";
	}
	for (size_t i = 0; i < SOURCES_MAX; i++) {
		stralloc_free(&a.sources[i]);
		stralloc_free(&a.names[i]);
	}
	for (size_t i = 0; i < genalloc_len(char *, &a.copies); i++)
		free(genalloc_s(char *, &a.copies)[i]);
	genalloc_free(char *, &a.copies);
	relay_free(&a.relay);
}

void
route_attempt(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q)
{
	route_step(r, c, tables, q);
	r->relay.len = 0;
	if (r->kind == ROUTE_RELAY)
		ask_relay(r, c, tables, q);
}
