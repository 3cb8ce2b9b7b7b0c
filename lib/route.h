/* route: what is to be done with one recipient, by today's configuration.
 *
 * One step at a time: a recipient is refused, relayed, given to a user, or
 * replaced by the nodes of an alias, which are routed in their turn. smtp-recv
 * asks at RCPT (route_check), the runner before each attempt (route_step): the
 * same code, so they cannot disagree. */
#ifndef PIPEPOST_ROUTE_H
#define PIPEPOST_ROUTE_H

#include "lib/conf.h"
#include "lib/facts.h"
#include "lib/node.h"
#include "lib/table.h"

struct route_question {
	const struct facts *facts;
	const char *reverse_path;
	const char *address;	/* decides the rule: the recipient, or the address a local name came from */
	const char *user;	/* NULL, or a local name produced by an alias: looked up
				 * instead of address's local part */
	bool is_internal;	/* address came out of an expansion */
	bool skip_alias;	/* the name was produced by an alias of the same name: deliver, do not look again */
				/* (so was the address where a virtual entry names itself) */
	const char *local_name;	/* "" = server name */
	stralloc *trace;	/* NULL, or gets a line for each rule tried (ruleset_match()) */
};

enum route_kind {
	ROUTE_REJECT,		/* a reject rule, or no rule: permanent */
	ROUTE_NO_USER,		/* proven absent: no such user, alias or virtual entry */
	ROUTE_INACTIVE,		/* its row says that it is switched off: permanent at once */
	ROUTE_LATER,		/* could not tell */
	ROUTE_BROKEN,		/* could not tell until an administrator has mended something */
	ROUTE_EXPAND,		/* replace it by `nodes` */
	ROUTE_DELIVER,		/* to `user`, by rule->action */
	ROUTE_RELAY,		/* by rule->relay */
};

struct route {
	enum route_kind kind;
	const struct conf_rule *rule;	/* NULL where none matched */
	stralloc nodes;			/* EXPAND: a node list (node.h) */
	struct userinfo user;		/* DELIVER */
	stralloc relay;			/* RELAY, by route_attempt(): where to and how (relay.h), with NUL */
	stralloc why;			/* one line, no NUL: for the log, a notice or smtpctl why */
	const char *status;		/* enhanced status code that goes with why: "5.1.1" */
	unsigned reply_code;		/* route_check: of an alias "error:CODE text" (its words: why); else 0 */
	char own_status[12];		/* what status points to where such a text had one of its own */
};
#define ROUTE_ZERO { .kind = ROUTE_LATER, .nodes = STRALLOC_ZERO, .relay = STRALLOC_ZERO, .why = STRALLOC_ZERO }
void route_free(struct route *r);

/* One step. r is reset first and may be used again and again. */
void route_step(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q);

/* The same for the runner, which is going to do it: for RELAY the rule's tables of sources and
 * names are asked, too. What they cannot tell makes it LATER or BROKEN. */
void route_attempt(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q);

/* What smtp-recv wants to know: follows aliases through plain local names
 * (NODE_DEPTH_MAX levels, NODE_COUNT_MAX nodes) until one thing is found that
 * mail could go to; commands, files, includes and foreign addresses count as
 * found and are not opened. An alias to "error:" refuses with its text.
 * r->kind is one of REJECT, NO_USER, INACTIVE, LATER, BROKEN, DELIVER, RELAY. */
void route_check(struct route *r, const struct conf *c, struct table_set *tables, const struct route_question *q);

#endif
