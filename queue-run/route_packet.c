/* route_packet: see route_packet.h.
 *
 *	question	sources, flags, reverse-path\0 address\0 user\0 local name\0, facts (facts.h)
 *	answer		refused sources, kind, flags, rule+1, uid, gid, status\0 why\0 user\0 home\0 relay\0, nodes
 *
 * Numbers have four octets, sets of sources eight, the first the highest. */
#include "queue-run/route_packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/uint32.h>
#include <skalibs/uint64.h>

enum { HAS_USER = 1, IS_INTERNAL = 2, SKIPS_ALIAS = 4 };	/* flags of a question */
enum { IS_SYSTEM = 1 };						/* flags of an answer */

/* ---- writing ---- */

static bool
put_octet(stralloc *to, unsigned n)
{
	char c = (char)n;

	return stralloc_catb(to, &c, 1);
}

static bool
put_number(stralloc *to, uint32_t n)
{
	char s[4];

	uint32_pack_big(s, n);
	return stralloc_catb(to, s, sizeof s);
}

static bool
put_sources(stralloc *to, uint64_t sources)
{
	char s[8];

	uint64_pack_big(s, sources);
	return stralloc_catb(to, s, sizeof s);
}

static bool
put_text(stralloc *to, const char *s)
{
	return stralloc_catb(to, s, strlen(s) + 1);
}

static bool
is_within(const stralloc *s, size_t max)
{
	errno = EMSGSIZE;
	return s->len <= max;
}

bool
route_packet_ask(stralloc *to, const struct route_question *q, uint64_t sources)
{
	unsigned flags = (q->user != NULL ? HAS_USER : 0U) | (q->is_internal ? IS_INTERNAL : 0U) |
	    (q->skip_alias ? SKIPS_ALIAS : 0U);

	to->len = 0;
	return put_sources(to, sources) && put_octet(to, flags) && put_text(to, q->reverse_path) && put_text(to, q->address) &&
	    put_text(to, q->user != NULL ? q->user : "") && put_text(to, q->local_name) &&
	    facts_encode(to, q->facts) && is_within(to, ROUTE_QUESTION_MAX);
}

bool
route_packet_answer(stralloc *to, const struct route *r, uint64_t refused, const struct conf *c)
{
	bool has_user = r->user.name != NULL;
	uint32_t rule = r->rule != NULL ? (uint32_t)(r->rule - c->rules) + 1 : 0;
	size_t why_len = r->why.len > 0 ? strnlen(r->why.s, r->why.len) : 0;

	to->len = 0;
	return put_sources(to, refused) && put_octet(to, (unsigned)r->kind) &&
	    put_octet(to, r->user.is_system ? IS_SYSTEM : 0) && put_number(to, rule) &&
	    put_number(to, r->user.uid) && put_number(to, r->user.gid) && put_text(to, r->status) &&
	    stralloc_catb(to, r->why.s, why_len) && stralloc_0(to) &&
	    put_text(to, has_user ? r->user.name : "") &&
	    put_text(to, has_user ? r->user.home : "") && put_text(to, r->relay.len > 0 ? r->relay.s : "") &&
	    stralloc_catb(to, r->nodes.s, r->nodes.len) && is_within(to, ROUTE_ANSWER_MAX);
}

/* ---- reading ---- */

/* What has not been read yet. */
struct rest {
	const char *s;
	size_t len;
};

static bool
get_octet(struct rest *rest, unsigned *n)
{
	if (rest->len == 0)
		return false;
	*n = (unsigned char)*rest->s;
	rest->s++, rest->len--;
	return true;
}

static bool
get_number(struct rest *rest, uint32_t *n)
{
	if (rest->len < 4)
		return false;
	uint32_unpack_big(rest->s, n);
	rest->s += 4, rest->len -= 4;
	return true;
}

static bool
get_sources(struct rest *rest, uint64_t *sources)
{
	if (rest->len < 8)
		return false;
	uint64_unpack_big(rest->s, sources);
	rest->s += 8, rest->len -= 8;
	return true;
}

static bool
get_text(struct rest *rest, const char **text)
{
	const char *end = rest->len > 0 ? memchr(rest->s, '\0', rest->len) : NULL;

	if (end == NULL)
		return false;
	*text = rest->s;
	rest->len -= (size_t)(end + 1 - rest->s);
	rest->s = end + 1;
	return true;
}

bool
route_packet_read_question(struct route_question *q, struct facts *facts, uint64_t *sources, const char *s,
    size_t len)
{
	struct rest rest = { s, len };
	const char *user;
	unsigned flags;

	*q = (struct route_question){ .facts = facts };
	if (!get_sources(&rest, sources) || !get_octet(&rest, &flags) ||
	    !get_text(&rest, &q->reverse_path) || !get_text(&rest, &q->address) || !get_text(&rest, &user) ||
	    !get_text(&rest, &q->local_name) || !facts_decode(facts, rest.s, rest.len)) {
		errno = EPROTO;
		return false;
	}
	q->user = flags & HAS_USER ? user : NULL;
	q->is_internal = flags & IS_INTERNAL;
	q->skip_alias = flags & SKIPS_ALIAS;
	return true;
}

/* name and home in one piece of memory, as userinfo_free() wants them. */
static bool
set_user(struct userinfo *u, const char *name, const char *home)
{
	size_t name_size = strlen(name) + 1, home_size = strlen(home) + 1;
	char *memory = malloc(name_size + home_size);

	if (memory == NULL)
		return false;
	memcpy(memory, name, name_size);
	memcpy(memory + name_size, home, home_size);
	u->name = memory;
	u->home = memory + name_size;
	return true;
}

/* Whether an answer of that kind has all that it needs. */
static bool
is_sound(const struct route *r, const char *name)
{
	bool is_accepted = r->rule != NULL && !r->rule->is_reject;

	switch (r->kind) {
	case ROUTE_EXPAND:
		return is_accepted && r->nodes.len > 0 && r->nodes.s[r->nodes.len - 1] == '\0';
	case ROUTE_DELIVER:
		return is_accepted && *name != '\0' && r->rule->action != ACTION_RELAY;
	case ROUTE_RELAY:
		return is_accepted && r->rule->action == ACTION_RELAY && *r->relay.s != '\0';
	default:
		return true;
	}
}

bool
route_packet_read_answer(struct route *r, uint64_t *refused, const struct conf *c, const char *s, size_t len)
{
	struct rest rest = { s, len };
	const char *status, *why, *name, *home, *relay;
	uint32_t rule, uid, gid;
	unsigned kind, flags;

	errno = EPROTO;
	if (!get_sources(&rest, refused) || !get_octet(&rest, &kind) || kind > ROUTE_RELAY || !get_octet(&rest, &flags) ||
	    !get_number(&rest, &rule) || rule > c->nrules || !get_number(&rest, &uid) ||
	    !get_number(&rest, &gid) || !get_text(&rest, &status) ||
	    strlen(status) >= sizeof r->own_status || !get_text(&rest, &why) ||
	    !get_text(&rest, &name) || !get_text(&rest, &home) || !get_text(&rest, &relay))
		return false;
	r->kind = (enum route_kind)kind;
	r->rule = rule > 0 ? &c->rules[rule - 1] : NULL;
	memcpy(r->own_status, status, strlen(status) + 1);
	r->status = r->own_status;
	if (!stralloc_copys(&r->why, why) || !stralloc_copyb(&r->relay, relay, strlen(relay) + 1) ||
	    !stralloc_copyb(&r->nodes, rest.s, rest.len) ||
	    (*name != '\0' && !set_user(&r->user, name, home))) {
		errno = ENOMEM;
		return false;
	}
	r->user.uid = uid;
	r->user.gid = gid;
	r->user.is_system = flags & IS_SYSTEM;
	errno = EPROTO;
	return is_sound(r, name);
}
