/* sendmail_verify: see sendmail_verify.h. Sends nothing and writes nothing but
 * fd 1; the same routing code as that of smtp-recv and queue-run. */
#include "queue-inject/sendmail_verify.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/die.h"
#include "lib/node.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/route.h"
#include "lib/table.h"

struct verification {
	struct conf *conf;
	struct table_set *tables;
	struct facts facts;
	char host[256];
	size_t nodes;		/* followed so far, NODE_COUNT_MAX for each argument */
	bool has_refusal, has_doubt;
};

/* One line, "  " for each level of aliases. */
static void
say(unsigned depth, const char *who, const char *what, const char *detail, size_t detail_len)
{
	stralloc line = STRALLOC_ZERO;
	bool is_done = true;

	for (unsigned i = 0; i < depth; i++)
		is_done = is_done && stralloc_cats(&line, "  ");
	if (!is_done || !printable_append(&line, who, strlen(who)) || !stralloc_cats(&line, what) ||
	    !printable_append(&line, detail, detail_len) || !stralloc_cats(&line, "\n"))
		die_errno(EX_TEMPFAIL, "%s", who);
	fwrite(line.s, 1, line.len, stdout);
	stralloc_free(&line);
}

static const char *
delivery(const struct conf_rule *rule)
{
	switch (rule->action) {
	case ACTION_NONE:
	case ACTION_FORWARD_ONLY:
		return ": by ~/.forward only, user ";
	case ACTION_MBOX:
		return ": to the mbox of user ";
	case ACTION_MAILDIR:
		return ": to the maildir of user ";
	case ACTION_MDA:
		return ": to the mda command as user ";
	case ACTION_LMTP:
		return ": by lmtp for user ";
	case ACTION_RELAY:
		break;
	}
	return ": to user ";
}

static void verify(struct verification *v, const struct route_question *q, unsigned depth);

/* What an alias stands for. */
static void
follow_nodes(struct verification *v, const struct route_question *parent, const stralloc *nodes, unsigned depth)
{
	struct route_question q = *parent;
	struct node node;
	size_t at = 0;

	q.is_internal = true;
	while (node_list_next(&node, &at, nodes)) {
		if (depth > NODE_DEPTH_MAX || ++v->nodes > NODE_COUNT_MAX) {
			say(depth, node.text, ": not followed, too many aliases", "", 0);
			v->has_refusal = true;
			return;
		}
		switch (node.kind) {
		case NODE_ADDRESS:
			q.address = node.text;
			q.user = NULL;
			q.skip_alias = strcmp(parent->address, node.text) == 0;
			verify(v, &q, depth);
			break;
		case NODE_USER:
			q.address = parent->address;
			q.user = node.text;
			q.skip_alias = parent->user != NULL ? strcmp(parent->user, node.text) == 0 :
			    strncmp(parent->address, node.text, strlen(node.text)) == 0 &&
			    parent->address[strlen(node.text)] == '@';
			verify(v, &q, depth);
			break;
		case NODE_ERROR:
			v->has_refusal = true;
			say(depth, "error:", "", node.text, strlen(node.text));
			break;
		case NODE_INCLUDE:
			say(depth, ":include:", "", node.text, strlen(node.text));
			break;
		case NODE_PIPE:
			say(depth, "|", "", node.text, strlen(node.text));
			break;
		case NODE_FILE:
			say(depth, node.text, "", "", 0);
			break;
		}
	}
}

static void
verify(struct verification *v, const struct route_question *q, unsigned depth)
{
	const char *who = q->user != NULL ? q->user : q->address;
	struct route r = ROUTE_ZERO;

	route_step(&r, v->conf, v->tables, q);
	switch (r.kind) {
	case ROUTE_REJECT:
	case ROUTE_NO_USER:
	case ROUTE_INACTIVE:
		v->has_refusal = true;
		say(depth, who, ": refused, ", r.why.s, r.why.len);
		break;
	case ROUTE_LATER:
	case ROUTE_BROKEN:
		v->has_doubt = true;
		say(depth, who, ": could not be told, ", r.why.s, r.why.len);
		break;
	case ROUTE_EXPAND:
		say(depth, who, ": stands for", "", 0);
		follow_nodes(v, q, &r.nodes, depth + 1);
		break;
	case ROUTE_DELIVER:
		say(depth, who, delivery(r.rule), r.user.name, strlen(r.user.name));
		break;
	case ROUTE_RELAY:
		if (r.rule->relay.via != NULL)
			say(depth, who, ": relayed via ", r.rule->relay.via->text, strlen(r.rule->relay.via->text));
		else
			say(depth, who, ": relayed to the mail servers of its domain", "", 0);
		break;
	}
	route_free(&r);
}

/* One address of the command line. */
static void
verify_address(struct verification *v, const char *address)
{
	stralloc complete = STRALLOC_ZERO;
	struct route_question q = { .facts = &v->facts, .reverse_path = "", .local_name = "" };
	size_t len = strlen(address);

	if (!stralloc_cats(&complete, address) || (address_find_at(address, len) == len &&
	    (!stralloc_cats(&complete, "@") || !stralloc_cats(&complete, v->host))) || !stralloc_0(&complete))
		die_errno(EX_TEMPFAIL, "%s", address);
	if (!address_is_mailbox(complete.s, complete.len - 1))
		die(EX_DATAERR, "%s: that is not an address", address);
	q.address = complete.s;
	v->nodes = 0;
	verify(v, &q, 0);
	stralloc_free(&complete);
}

static void
open_configuration(struct verification *v)
{
	v->conf = conf_read(place_conf(), NULL, 0);
	if (v->conf == NULL)
		die_errno(EX_TEMPFAIL, "%s", place_conf());
	if (v->conf->nerrors > 0)
		die(EX_CONFIG, "%s: there are errors in it; smtpd -n shows them", place_conf());
	v->tables = table_set_new(v->conf);
	if (v->tables == NULL)
		die_errno(EX_TEMPFAIL, "tables");
}

int
sendmail_verify(const struct sendmail_options *o)
{
	struct verification v = { .facts = facts_unknown };
	stralloc list = STRALLOC_ZERO;
	bool is_clean;

	if (*o->arguments == NULL)
		die(EX_USAGE, "-bv needs an address");
	open_configuration(&v);
	conf_server_name(v.host, sizeof v.host);
	v.facts.origin = ORIGIN_LOCAL;
	v.facts.uid = getuid();
	for (const char *const *a = o->arguments; *a != NULL; a++) {
		list.len = 0;
		if (!address_list_append(&list, &is_clean, *a, strlen(*a)))
			die_errno(EX_TEMPFAIL, "%s", *a);
		if (!is_clean)
			die(EX_DATAERR, "%s: that is not an address", *a);
		for (size_t i = 0; i < list.len; i += strlen(list.s + i) + 1)
			verify_address(&v, list.s + i);
	}
	stralloc_free(&list);
	table_set_free(v.tables);
	conf_free(v.conf);
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
	return v.has_doubt ? EX_TEMPFAIL : v.has_refusal ? EX_NOUSER : 0;
}
