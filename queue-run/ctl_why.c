/* ctl_why: what smtpd.conf does with an address, and why. See ctl.h.
 *
 * Asks the same function as smtp-recv at RCPT, and answers in the same words. */
#include "queue-run/ctl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/die.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/refusal.h"
#include "lib/table.h"

static const char usage[] = "why ADDRESS [from CLIENT] [sender ADDRESS] [tagged TAG] [user LOGIN]";

struct inquiry {
	struct conf *conf;
	struct table_set *tables;
	struct facts facts;
	const char *sender;
	stralloc address;	/* complete, its domain in lower case, with NUL */
	stralloc trace;
};

/* ---- the question ---- */

static void
set_client(struct inquiry *q, const char *client)
{
	unsigned char octets[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, client, octets) != 1 && inet_pton(AF_INET6, client, octets) != 1)
		die(EX_USAGE, "%s: that is no address of a client", client);
	q->facts.client = client;
	q->facts.origin = ORIGIN_SMTP;
}

static void
read_details(struct inquiry *q, const char *const *args)
{
	for (; args[0] != NULL && args[1] != NULL; args += 2) {
		if (strcmp(args[0], "from") == 0)
			set_client(q, args[1]);
		else if (strcmp(args[0], "sender") == 0)
			q->sender = strcmp(args[1], "<>") == 0 ? "" : args[1];
		else if (strcmp(args[0], "tagged") == 0)
			q->facts.tag = args[1];
		else if (strcmp(args[0], "user") == 0)
			q->facts.user = args[1];
		else
			ctl_usage(usage);
	}
	if (args[0] != NULL)
		ctl_usage(usage);
}

/* As smtp-recv completes an address without domain. */
static void
set_address(struct inquiry *q, const char *address)
{
	size_t len = strlen(address), at = address_find_at(address, len);
	char host[256];

	if (!stralloc_copyb(&q->address, address, len) ||
	    (at == len && (!stralloc_cats(&q->address, "@") ||
	    !stralloc_cats(&q->address, conf_server_name(host, sizeof host)))) || !stralloc_0(&q->address))
		die_errno(EX_OSERR, "%s", address);
	if (!address_is_mailbox(q->address.s, q->address.len - 1))
		die(EX_DATAERR, "%s: that is not an address", address);
	address_lowercase(q->address.s + at, q->address.len - at);
}

static void
open_configuration(struct inquiry *q, const char *path)
{
	q->conf = conf_read(path, NULL, 0);
	if (q->conf == NULL)
		die_errno(EX_OSERR, "%s", path);
	for (size_t i = 0; i < q->conf->nmessages; i++)
		if (q->conf->messages[i].is_error)
			complain("%s:%u: %s", q->conf->messages[i].at.file, q->conf->messages[i].at.line,
			    q->conf->messages[i].text);
	if (q->conf->nerrors > 0)
		die(EX_CONFIG, "%s: with errors in it every client is answered 421", path);
	q->tables = table_set_new(q->conf);
	if (q->tables == NULL)
		die_errno(EX_OSERR, "tables");
	table_set_trace(q->tables, &q->trace);
}

/* ---- the answer ---- */

static void
print_line(const char *word, unsigned code, const char *text, size_t len)
{
	stralloc line = STRALLOC_ZERO;
	char number[16] = "";

	if (code != 0)
		snprintf(number, sizeof number, "%u ", code);
	if (!printable_append(&line, text, len))
		die_errno(EX_OSERR, "%s", word);
	printf("%s: %s%.*s\n", word, number, (int)line.len, line.s);
	stralloc_free(&line);
}

static const char *
action_name(enum conf_action action)
{
	static const char *const names[] = {
		[ACTION_NONE] = "~/.forward", [ACTION_FORWARD_ONLY] = "~/.forward", [ACTION_MBOX] = "mbox",
		[ACTION_MAILDIR] = "maildir", [ACTION_MDA] = "mda", [ACTION_LMTP] = "lmtp", [ACTION_RELAY] = "relay",
	};

	return names[action];
}

static void
print_way(const struct route *r)
{
	char words[600];

	if (r->kind == ROUTE_RELAY)
		snprintf(words, sizeof words, "relay%s%s", r->rule->relay.via != NULL ? " via " : "",
		    r->rule->relay.via != NULL ? r->rule->relay.via->text : " to the servers of the domain");
	else if (r->user.name != NULL)
		snprintf(words, sizeof words, "%s of user %s (uid %lu)", action_name(r->rule->action), r->user.name,
		    (unsigned long)r->user.uid);
	else
		snprintf(words, sizeof words, "what the alias names (sendmail -bv follows it)");
	print_line("way", 0, words, strlen(words));
}

static void
print_question(const struct inquiry *q)
{
	const struct facts *f = &q->facts;

	printf("mail for <%s> from %s%s%s%s%s, sender <%s>:\n", q->address.s,
	    f->client[0] != '\0' ? f->client : "this host", f->user[0] != '\0' ? ", authenticated as " : "", f->user,
	    f->tag[0] != '\0' ? ", tagged " : "", f->tag, q->sender);
}

static int
print_answer(const struct inquiry *q, const struct route *r)
{
	stralloc why = STRALLOC_ZERO;
	char text[REFUSAL_TEXT_MAX] = "2.1.5 Ok";
	unsigned code = refusal_is_none(r) ? 250 : refusal_reply(text, r, q->address.s);

	fwrite(q->trace.s, 1, q->trace.len, stdout);
	print_line("result", code, text, strlen(text));
	if (!refusal_explain(&why, r))
		die_errno(EX_OSERR, "why");
	print_line("why", 0, why.s, why.len);
	if (refusal_is_none(r))
		print_way(r);
	stralloc_free(&why);
	return code < 400 ? 0 : code < 500 ? EX_TEMPFAIL : CTL_FAILED;
}

int
ctl_why(struct ctl *c, const char *const *args)
{
	struct inquiry q = { .facts = facts_unknown, .sender = "" };
	struct route r = ROUTE_ZERO;
	struct route_question question;
	int status;

	if (args[0] == NULL)
		ctl_usage(usage);
	q.facts.origin = ORIGIN_LOCAL;
	set_address(&q, args[0]);
	read_details(&q, args + 1);
	/* What the runner may not read is not to be asked with root's rights, nor by programs that root starts. */
	if (!place_become_queue_owner(c->spool))
		die_errno(EX_OSFILE, "%s (queue-init makes it)", c->spool);
	open_configuration(&q, c->conf);
	question = (struct route_question){
		.facts = &q.facts, .reverse_path = q.sender, .address = q.address.s, .local_name = "", .trace = &q.trace,
	};
	print_question(&q);
	route_check(&r, q.conf, q.tables, &question);
	status = print_answer(&q, &r);
	route_free(&r);
	table_set_free(q.tables);
	conf_free(q.conf);
	stralloc_free(&q.trace);
	stralloc_free(&q.address);
	return status;
}
