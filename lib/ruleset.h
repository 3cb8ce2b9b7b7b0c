/* ruleset: which rule of smtpd.conf decides about a recipient. Pure but for the
 * tables it asks; smtp-recv, queue-run and smtpctl why use the same function,
 * so that accept, route and explanation can never disagree. */
#ifndef PIPEPOST_RULESET_H
#define PIPEPOST_RULESET_H

#include "lib/conf.h"
#include "lib/facts.h"
#include "lib/table.h"

struct ruleset_question {
	const struct facts *facts;	/* client, user, tag, origin */
	bool is_internal;		/* an address produced by expansion: counts as from local */
	const char *reverse_path;
	const char *recipient;		/* with domain, lower-cased domain */
	const char *local_name;		/* the listener's or server's name: part of "for local" */
};

/* The first rule that matches; *rule is NULL where none does (FOUND only says
 * that the question could be answered). LATER and BROKEN: a table could not be
 * asked; *rule is the rule that asked, *why one line for the log. INACTIVE: the
 * domain is switched off in the table of *rule; *why says so.
 * Where trace is not NULL, one line per rule tried is appended to it
 * ("smtpd.conf:12: not for domain <domains>\n"). */
enum lookup ruleset_match(const struct conf_rule **rule, const struct conf *c, struct table_set *tables,
    const struct ruleset_question *q, stralloc *why, stralloc *trace);

/* Whether the client of these facts counts as "local": no client, an
 * authenticated user, or an address of this host. An unknown origin never does. */
bool ruleset_is_local_client(const struct facts *f);

/* Whether domain is "localhost", the server's name, local_name, the `hostname`
 * of any listener, or an address literal (or plain address) of this host. */
bool ruleset_is_local_domain(const struct conf *c, const char *domain, const char *local_name);

#endif
