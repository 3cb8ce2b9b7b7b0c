/* smtpd.conf: what is accepted, what is said about it, and what it means. */
#include "lib/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Ends every file that is about something else. */
#define RULE "accept for local deliver to mbox\n"

/* The messages, in order: "E1 words" an error in line 1 that holds the words,
 * W a warning, N a note; one to a line. "" where nothing is to be said. */
static const struct {
	const char *text, *messages;
} cases[] = {
	/* ---- blanks, words, comments ---- */
	{ RULE, "" },
	{ "accept for local deliver to mbox", "" },
	{ "\n\n  # nothing\n\t" RULE, "" },
	{ "accept \\\n for local \\\n deliver to mbox\n", "" },
	{ "# a comment that ends in a backslash \\\n swallows this line, too\n" RULE, "" },
	{ "accept for local deliver to mbox # why\n", "" },
	{ "accept for local deliver to mbox#why\n", "" },
	{ "accept for domain 'example.org' deliver to mbox\n", "" },
	{ "accept for local deliver to mda \"a \\\"b\\\" c\"\n", "" },
	{ "ACCEPT for local deliver to mbox\n", "E1 did you mean \"accept\"" },
	{ "accept for local deliver to mbox;\n", "E1 \"mbox;\" is not known" },
	{ "accept for local deliver to mbox ;\n", "E1 remove the \";\"" },
	{ "accept for domain example.org;relay deliver to mbox\n", "" },
	{ "accept for local deliver to maildir ~/Mail\n", "E1 must stand in quotes: \"~/Mail\"" },
	{ "accept for local deliver to lmtp /sock\n", "E1 must stand in quotes: \"/sock\"" },
	{ "accept for local deliver to mda \"never closed\n" RULE, "E1 the quote that begins here is not closed" },
	{ "accept for local deliver to mda \"over\nthe end\"\n", "W1 runs over the end of the line" },
	{ "accept for local deliver to mbox\r\n", "E1 Unix line ends" },
	{ "accept \001\n" RULE, "E1 control octet \\001" },
	{ "", "E0 no rules, nothing to do" },
	{ "expire 4d\n", "E1 no rules, nothing to do" },
	{ "accpet for local deliver to mbox\n" RULE, "E1 did you mean \"accept\"" },
	{ "nonsense\n" RULE, "E1 is not a directive" },

	/* ---- macros ---- */
	{ "who = \"any\"\naccept from $who for local deliver to mbox\n", "" },
	{ "rule = \"accept for local deliver to mbox\"\n$rule\n", "" },
	{ "p = 25\nlisten on 127.0.0.1 port $p\n" RULE, "" },
	{ "any = \"x\"\n" RULE, "E1 cannot be the name of a macro" },
	{ "x = any\n" RULE, "E1 if it is the value, quote it" },
	{ "accept from $x for local deliver to mbox\n", "E1 macro \"x\" is not defined" },
	{ "x = \"a\"\n" RULE, "N1 macro \"x\" is not used" },
	{ "x = \"$x\"\n$x\n" RULE, "E2 is not a directive" },

	/* ---- includes ---- */
	{ "include \"/nonexistent/file\"\n" RULE, "E1 failed to include file /nonexistent/file" },
	{ "include \"/\"\n" RULE, "E1 failed to include file /: Is a directory" },
	{ "include\n" RULE, "E1 the file to include is missing" },

	/* ---- tables ---- */
	{ "table t file:/etc/x\n" RULE, "" },
	{ "table t \"/etc/x\"\n" RULE, "" },
	{ "table t exec:/usr/bin/x\n" RULE, "" },
	{ "table t ldap:/etc/x\n" RULE, "" },
	{ "table t /etc/x\n" RULE, "E1 must stand in quotes: \"/etc/x\"" },
	{ "table t file:etc/x\n" RULE, "E1 must begin with \"/\"" },
	{ "table t etc\n" RULE, "E1 write file:/path" },
	{ "table t file:/etc/x;\n" RULE, "E1 ends in \";\"" },
	{ "table t getpwnam:/x\n" RULE, "E1 always there as <getpwnam>" },
	{ "table t db:/a\ntable t db:/b\n" RULE, "E2 already declared in test.conf line 1" },
	{ "table t { a, b }\n" RULE, "" },
	{ "table t { a\n b, c\n }\n" RULE, "" },
	{ "table t { a = b, c => d }\n" RULE, "" },
	{ "table t { a, b = c }\n" RULE, "E1 either every entry has a value" },
	{ "table t { a, }\n" RULE, "E1 remove the comma" },
	{ "table t { }\n" RULE, "E1 the list is empty" },
	{ "table t { a, b\n" RULE, "E1 \"{\" here is not closed" },
	{ "table t { a, b\nx = 1\n", "E1 \"{\" here is not closed" },
	{ "accept for local alias <a> deliver to mbox\n", "E1 there is no table <a>" },
	{ "accept for local alias <a> deliver to mbox\ntable a db:/a\n", "E1 is declared only in test.conf line 2" },
	{ "table a db:/a\naccept for local alias <  a > deliver to mbox\n", "" },
	{ "table a db:/a\naccept for local alias a deliver to mbox\n", "E2 write <a>, with the brackets" },
	{ "accept for local alias a deliver to mbox\n", "E1 a table is needed" },
	{ "table a { x }\naccept for local alias <a> deliver to mbox\n", "E2 table a is a list" },
	{ "table d { x = y }\naccept for domain <d> deliver to mbox\n", "E2 table d is a mapping" },
	{ "accept for domain <getpwnam> deliver to mbox\n", "E1 <getpwnam> knows users only" },
	{ "accept for local userbase <getpwnam> deliver to mbox\n", "" },

	/* ---- listen ---- */
	{ "listen on lo\n" RULE, "" },
	{ "listen on ::1 port 2525 inet6\n" RULE, "" },
	{ "listen on *\n" RULE, "W1 write listen on all" },
	{ "listen 127.0.0.1\n" RULE, "E1 \"on\" is missing" },
	{ "listen on lo port 0\n" RULE, "E1 a number from 1 to 65535" },
	{ "listen on lo port 65535\n" RULE, "" },
	{ "listen on lo port nosuch\n" RULE, "E1 a number from 1 to 65535" },
	{ "listen on lo port 25 port 26\n" RULE, "E1 port is given twice" },
	{ "listen on lo tls smtps\n" RULE, "E1 the kind of TLS is given twice" },
	{ "listen on lo tls\n" RULE, "E1 TLS needs a certificate" },
	{ "listen on eth0 auth\n" RULE, "E1 auth needs TLS" },
	{ "listen on all auth\n" RULE, "E1 auth needs TLS" },
	{ "listen on 127.0.0.1 auth\n" RULE, "" },
	{ "listen on \"::1\" auth\n" RULE, "" },
	{ "table t { a = \"b\" }\npki a certificate \"/c\" key \"/k\"\nlisten on all tls auth senders <t> masquerade\n" RULE,
	    "E3 masquerade is not available" },
	{ "listen on lo pki x.org\n" RULE, "E1 pki needs TLS\nE1 pki name not found" },
	{ "listen on lo tls verify\n" RULE, "E1 verify stands behind tls-require or smtps" },
	{ "pki x.org certificate \"/c\" key \"/k\"\nlisten on lo secure port 25 pki x.org\n" RULE,
	    "E2 tls/smtps on same port" },
	{ "pki x.org certificate \"/c\" key \"/k\"\nlisten on lo tls-require verify pki X.org auth exec:/bin/x\n" RULE, "" },
	{ "listen on lo tag 12345678901234567890123456789012\n" RULE, "E1 a tag has 1 to 31 octets" },
	{ "listen on lo\nlisten on lo port 25\n" RULE, "E2 already there in line 1" },
	{ "listen on lo inet4\nlisten on lo inet6\n" RULE, "" },
	{ "listen on lo hostnme x\n" RULE, "E1 did you mean \"hostname\"" },
	{ "listen on lo filter x\n" RULE, "E1 filters of OpenSMTPD 5.x are not available" },
	{ "listen on socket mask-source\n" RULE, "W1 listen on socket is ignored" },
	{ "listen on lo dsn-notify disable dsn-ret headers\n" RULE, "W1 dsn-notify is ignored\nW1 dsn-ret is ignored" },
	{ "listen on lo senders { a = \"b@c.org\" }\n" RULE, "E1 senders needs auth" },

	/* ---- pki, ca ---- */
	{ "pki x.org certificate \"/c\"\n" RULE, "E1 missing key file" },
	{ "pki x.org key \"/k\"\n" RULE, "E1 missing certificate file" },
	{ "pki x.org certificate \"/c\"\npki x.org key \"/k\"\n" RULE, "" },
	{ "pki * certificate \"/c\" key \"/k\" dhe auto\n" RULE, "W1 dhe is ignored" },
	{ "pki x.org certificate /c\n" RULE, "E1 must stand in quotes: \"/c\"\nE1 missing certificate\nE1 missing key" },
	{ "ca x certificate \"/c\"\nca X certificate \"/d\"\n" RULE, "E2 already declared in line 1" },

	/* ---- times, sizes, limits ---- */
	{ "expire 4\n" RULE, "E1 has no unit; write 4s, 4m, 4h or 4d" },
	{ "expire 0d\n" RULE, "E1 at least 1" },
	{ "expire 1d12h\n" RULE, "E1 is not a time" },
	{ "bounce-warn 1h, 6h, 2d\n" RULE, "" },
	{ "bounce-warn\n" RULE, "" },
	{ "bounce-warn 1h 6h\n" RULE, "E1 a comma is missing" },
	{ "bounce-warn 1h, 2h, 3h, 4h, 5h\n" RULE, "W1 only the first 4" },
	{ "max-message-size 35M\n" RULE, "" },
	{ "max-message-size 35MB\n" RULE, "E1 is not a size" },
	{ "max-message-size 0\n" RULE, "E1 is not a size" },
	{ "limit session max-rcpt 10 max-mails 5\n" RULE, "" },
	{ "limit mda max-session 0\n" RULE, "E1 0 would stop all mail" },
	{ "limit scheduler max-nothing 3\n" RULE, "E1 there are: max-inflight" },
	{ "limit mda max-session 5 max-session-per-user 2\n" RULE, "" },
	{ "limit mda task-hiwat 5\n" RULE, "W1 limit mda task-hiwat changes nothing" },
	{ "limit scheduler max-inflight 5\n" RULE, "W1 limit scheduler max-inflight changes nothing" },
	{ "limit mta for domain x.org inet4 conn-delay-host 3\n" RULE, "W1 limit mta conn-delay-host changes nothing" },
	{ "max-mta-deferred 5\n" RULE, "W1 max-mta-deferred is checked and ignored" },
	{ "limit mta for x.org max-conn-per-host 3\n" RULE, "E1 \"domain\" is missing" },
	{ "limit nothing x 3\n" RULE, "E1 there are: session, mda, mta, scheduler" },
	{ "subaddressing-delimiter \"-\"\n" RULE, "" },
	{ "subaddressing-delimiter \"@\"\n" RULE, "E1 one visible character" },
	{ "min-uid 0\n" RULE, "E1 nothing is ever delivered as uid 0" },

	/* ---- what is not available is never passed over in silence ---- */
	{ "queue compression\n" RULE, "W1 not available and ignored" },
	{ "queue encryption\n" RULE, "E1 a key cannot be asked for" },
	{ "queue encryption key stdin\n" RULE, "E1 a key cannot be asked for" },
	{ "queue encryption key 0123456789abcdef0123456789abcdef\n" RULE, "E1 would be stored in clear" },
	{ "filter x chain a b\n" RULE, "E1 filters of OpenSMTPD 5.x are not available" },
	{ "enqueuer filter x\n" RULE, "E1 filters of OpenSMTPD 5.x are not available" },
	{ "ciphers \"x\"\n" RULE, "W1 ciphers is ignored" },
	{ "curve \"x\"\n" RULE, "W1 curve is ignored" },

	/* ---- rules ---- */
	{ "accept from 10.0.0.0/8 for local deliver to mbox\n", "E1 write from source \"10.0.0.0/8\"" },
	{ "accept from source 10.0.0.0/8 for local deliver to mbox\n", "" },
	{ "accept from source { 10.0.0.0/8, ::1, \"[::1]\", \"local\" } for local deliver to mbox\n", "" },
	{ "accept from source 10.0.0.0/33 for local deliver to mbox\n", "E1 is not an address" },
	{ "accept for example.org deliver to mbox\n", "E1 write for domain \"example.org\"" },
	{ "accept from ! source <x> for ! local sender ! \"@a.org\" recipient \"b@c.org\" tagged ! t ! authenticated "
	    "deliver to mbox\n", "E1 there is no table <x>" },
	{ "accept from all for all deliver to mbox\n", "W1 taken as \"from any\"\nW1 taken as \"for any\"" },
	{ "accept for local for any deliver to mbox\n", "E1 for is given twice" },
	{ "accept for local deliver to mbox for any\n", "E1 for is given twice" },
	{ "accept deliver to mbox for local\n", "N1 wants the clauses in the order" },
	{ "accept for local expire 2d deliver to mbox\n", "N1 wants the clauses in the order" },
	{ "accept for local\n", "" },
	{ "accept for local forward-only\n", "" },
	{ "accept for local deliver to mbox forward-only\n", "E1 has an action already" },
	{ "accept for local deliver to mbox relay\n", "E1 has an action already" },
	{ "reject from any for local\n", "" },
	{ "reject for local deliver to mbox\n", "E1 reject takes conditions only" },
	{ "accept for local alias { a = b } virtual { c = d } deliver to mbox\n", "E1 exclude each other" },
	{ "accept for any alias { a = b } relay\n", "E1 may not be used with a relay rule" },
	{ "accept for any userbase <getpwnam> relay\n", "E1 may not be used with a relay rule" },
	{ "accept for local deliver mbox\n", "E1 \"to\" is missing" },
	{ "accept for local deliver to mailbox\n", "E1 there are: mbox, maildir" },
	{ "accept for local deliver to maildir \"~/Mail/%{dest.domain[0:-4]}/%{user.username:lowercase|strip}\"\n", "" },
	{ "accept for local deliver to maildir \"%{user}\"\n", "E1 \"%{user}\" cannot be expanded" },
	{ "accept for local deliver to mda \"x %{sender\"\n", "E1 \"}\" is missing" },
	{ "accept for local deliver to mda \"date +%s 100%%{\"\n", "" },
	{ "accept for local deliver to mda \"x %{sender:shout}\"\n", "E1 cannot be expanded" },
	{ "accept for local deliver to mda \" \"\n", "E1 the command is empty" },
	{ "accept for local deliver to lmtp \"/run/lmtp\" rcpt-to as vmail\n", "" },
	{ "accept for local deliver to lmtp localhost:24\n", "" },
	{ "accept for local deliver to lmtp localhost\n", "E1 neither \"/path/of/socket\" nor \"host:port\"" },
	{ "accept for local deliver to mbox please\n", "E1 is not expected here" },
	{ "accept fro any for local deliver to mbox\n", "E1 did you mean \"from\"" },
	{ "accept for local alias { a = b } deliver to mbox expire 4\n", "E1 has no unit" },

	/* ---- relay ---- */
	{ "accept for any relay\n", "" },
	{ "accept for any relay backup \"mx.org\" tls verify as \"@x.org\" source 127.0.0.1 hostname h.org\n", "" },
	{ "accept for any relay verify\n", "E1 cannot \"verify\" with insecure protocol" },
	{ "accept for any relay via smtp://h verify\n", "E1 cannot \"verify\" with insecure protocol" },
	{ "accept for any relay via h verify\n", "E1 cannot \"verify\" with insecure protocol" },
	{ "accept for any relay via tls://h verify\n", "" },
	{ "accept for any relay via tls://h no-verify\n", "W1 no-verify changes nothing" },
	{ "accept for any relay via tls://h tls\n", "E1 TLS is said by the URL" },
	{ "accept for any relay auth { l = \"a:b\" }\n", "E1 auth needs a label" },
	{ "accept for any relay via tls+auth://l@h\n", "E1 auth without auth table" },
	{ "accept for any relay via tls+auth://l@h auth { l = \"a:b\" } verify no-verify\n", "E1 exclude each other" },
	{ "accept for any relay via tls+auth://l@h auth { l = \"a:b\" }\n", "" },
	{ "accept for any relay pki x.org\n", "E1 pki name not found" },
	{ "accept for any relay ca x.org\n", "E1 ca name not found" },
	{ "accept for any relay source 10.0.0.0/8\n", "E1 is not an address" },

	/* ---- other dialects ---- */
	{ "action a relay\nmatch for any action a\n", "E1 OpenSMTPD 6.4 or later (match, action)" },
	{ "accept for any relay\nmatch for any action a\n", "E2 is taken for the older dialect" },
	{ "map a source db \"/x\"\n" RULE, "E1 write: table NAME db:/path" },
	{ "smtp max-message-size 3M\n" RULE, "E1 OpenSMTPD 6.4 and later" },
	{ "bounce warn-interval 3h\n" RULE, "E1 write: bounce-warn" },

	/* ---- every error in one pass, in the order of the lines ---- */
	{ "accept for local alias <a> deliver to mbox\nexpire 4\n" "listen on lo pki x tls\nnonsense\n",
	    "E1 there is no table <a>\nE2 has no unit\nE3 pki name not found\nE4 is not a directive" },

	/* ---- the how-tos: every line of theirs ---- */
	{ "table domains sqlite:/etc/mail/sqlite\n" RULE, "" },
	{ "table users sqlite:/etc/mail/sqlite\n" RULE, "" },
	{ "table sqalias sqlite:/etc/mail/sqlite\n" RULE, "" },
	{ "listen on all port submission tls auth pki mail.serversave.us mask-source\n" RULE,
	    "E1 pki mail.serversave.us certificate" },
	{ "pki mail.serversave.us certificate \"/c\" key \"/k\"\n"
	    "listen on all port submission tls auth pki mail.serversave.us mask-source\n" RULE, "" },
	{ "table domains sqlite:/s\ntable users sqlite:/s\ntable sqalias sqlite:/s\n"
	    "accept from any for domain alias userbase deliver to mbox\n",
	    "E4 accept from any for domain <domains> alias <sqalias> userbase <users> deliver to mbox" },
	{ "table domains sqlite:/s\ntable users sqlite:/s\ntable sqalias sqlite:/s\n"
	    "accept from any for domain <domains> alias <sqalias> userbase <users> deliver to mbox\n", "" },
	{ "listen on 127.0.0.1 port 25 hostname example.com\n" RULE, "" },
	{ "table aliases file:/usr/local/etc/mail/aliases\n" RULE, "" },
	{ "#table aliases file:/usr/local/etc/mail/aliases\n" RULE, "" },
	{ "table aliases db:/usr/local/etc/mail/aliases.db\n"
	    "accept from local for local alias <aliases > deliver to mda \"/usr/local/bin/procmail -f -\"\n"
	    "accept for all relay\n", "W3 \"for all\" is from before OpenSMTPD 5.3" },
	{ "table aliases db:/usr/local/etc/mail/aliases.db\n"
	    "accept from any for domain \"somehost.com\" alias  <aliases > deliver to mda \"/usr/local/bin/procmail -f -\"\n",
	    "" },
	{ "accept from local for any relay via \"mailrelay.domain.lan\"\n", "" },
	{ "listen on 127.0.0.1 port 25 hostname somehost.com\n" RULE, "" },
	{ "expire 4h\n" RULE, "" },
	{ "table secrets db:/usr/local/etc/mail/secrets.db\n"
	    "accept from local for any relay via tls+auth://label@smtp.gmail.com:587 auth <secrets>\n", "" },
};

static char
letter(const struct conf_message *m)
{
	return m->is_error ? 'E' : m->is_note ? 'N' : 'W';
}

static void
show_failure(const struct conf *c, const char *text, const char *messages)
{
	fprintf(stderr, "in:\n%s\nexpected:\n%s\nbut said was:\n", text, messages);
	for (size_t i = 0; i < c->nmessages; i++)
		fprintf(stderr, "%c%u %s\n", letter(&c->messages[i]), c->messages[i].at.line, c->messages[i].text);
}

/* Whether m is what the first line of *expected says, which is then passed over. */
static bool
is_expected(const struct conf_message *m, const char **expected)
{
	char part[256];
	char *words;
	size_t len = strcspn(*expected, "\n");

	assert_true(len < sizeof part);
	memcpy(part, *expected, len);
	part[len] = '\0';
	*expected += len + ((*expected)[len] == '\n');
	words = strchr(part, ' ');
	if (words == NULL)
		return false;
	*words++ = '\0';
	return part[0] == letter(m) && atoi(part + 1) == (int)m->at.line && strstr(m->text, words) != NULL;
}

static bool
check_case(const char *text, const char *messages)
{
	struct conf *c = conf_parse("test.conf", text, strlen(text), NULL, 0);
	const char *expected = messages;
	bool is_right = true;

	assert_non_null(c);
	for (size_t i = 0; i < c->nmessages; i++)
		is_right &= is_expected(&c->messages[i], &expected);
	is_right &= *expected == '\0';
	if (!is_right)
		show_failure(c, text, messages);
	conf_free(c);
	return is_right;
}

static void
says_what_is_wrong_and_nothing_else(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		wrong += !check_case(cases[i].text, cases[i].messages);
	assert_int_equal(wrong, 0);
}

static struct conf *
parse(const char *text)
{
	struct conf *c = conf_parse("test.conf", text, strlen(text), NULL, 0);

	assert_non_null(c);
	if (c->nerrors > 0)
		show_failure(c, text, "");
	assert_int_equal(c->nerrors, 0);
	return c;
}

static void
gives_the_defaults(void **state)
{
	struct conf *c = parse(RULE);

	(void)state;
	assert_int_equal(c->expire_seconds, 4 * 24 * 3600);
	assert_int_equal(c->max_message_size, 36700160);
	assert_int_equal(c->nbounce_warn, 1);
	assert_int_equal(c->bounce_warn_seconds[0], 4 * 3600);
	assert_int_equal(c->limits.session_max_rcpt, 1000);
	assert_int_equal(c->limits.session_max_mails, 1000);
	assert_int_equal(c->limits.mda_max_session_per_user, 7);
	assert_int_equal(c->mta_limits[0].conn_delay_route, 5);
	assert_int_equal(c->subaddressing_delimiter, '+');
	assert_int_equal(c->min_uid, 100);
	assert_int_equal(c->nlistens, 0);
	assert_string_equal(c->tables[0].name, "getpwnam");
	assert_int_equal(c->rules[0].from, FROM_LOCAL);
	assert_int_equal(c->rules[0].to, FOR_LOCAL);
	assert_ptr_equal(c->rules[0].userbase, &c->tables[0]);
	assert_int_equal(c->rules[0].expire_seconds, 4 * 24 * 3600);
	assert_string_equal(c->rules[0].text, "accept for local deliver to mbox");
	conf_free(c);
}

static void
resolves_expire_after_the_whole_file(void **state)
{
	struct conf *c = parse(RULE "accept for any relay expire 90m\nexpire 2h\n");

	(void)state;
	assert_int_equal(c->rules[0].expire_seconds, 2 * 3600);
	assert_int_equal(c->rules[1].expire_seconds, 90 * 60);
	conf_free(c);
}

static void
reads_rules_whole(void **state)
{
	struct conf *c = parse("table A { Root = \"Alice, bob\" }\ntable n { 10.0.0.0/8, ::1 }\n"
	    "accept from ! source <n> sender ! \"@X.org\" recipient { a@b.org } tagged ! t ! authenticated "
	    "for ! domain \"Example.ORG\" virtual <A> deliver to mda \"x  y\" as vmail\n");
	const struct conf_rule *r = &c->rules[0];

	(void)state;
	assert_int_equal(r->from, FROM_SOURCE);
	assert_true(r->not_from && r->not_for && r->not_sender && !r->not_recipient && r->not_tag);
	assert_true(r->authenticated && r->not_authenticated);
	assert_string_equal(r->from_source->name, "n");
	assert_int_equal(r->from_source->nentries, 2);
	assert_string_equal(r->for_domain->entries[0].key, "example.org");
	assert_string_equal(r->sender->entries[0].key, "@x.org");
	assert_string_equal(r->tag, "t");
	assert_string_equal(r->virtual->entries[0].key, "root");
	assert_string_equal(r->virtual->entries[0].value, "Alice, bob");
	assert_ptr_equal(r->virtual, conf_find_table(c, "A"));
	assert_int_equal(r->action, ACTION_MDA);
	assert_string_equal(r->action_text, "x  y");
	assert_string_equal(r->action_user, "vmail");
	assert_string_equal(r->text, "accept from !source <n> sender !\"@X.org\" recipient { a@b.org } tagged !t "
	    "!authenticated for !domain \"Example.ORG\" virtual <A> deliver to mda \"x  y\" as vmail");
	conf_free(c);
}

static const struct {
	const char *url, *host, *label;
	enum conf_tls tls;
	unsigned port;
} urls[] = {
	{ "h.org", "h.org", "", TLS_OPPORTUNISTIC, 25 },
	{ "h.org:2525", "h.org", "", TLS_OPPORTUNISTIC, 2525 },
	{ "smtp://h.org", "h.org", "", TLS_NEVER, 25 },
	{ "smtp+tls://h.org", "h.org", "", TLS_OPPORTUNISTIC, 25 },
	{ "tls://h.org", "h.org", "", TLS_REQUIRED, 25 },
	{ "tls+auth://l@h.org:587", "h.org", "l", TLS_REQUIRED, 587 },
	{ "smtps://h.org", "h.org", "", TLS_AT_CONNECT, 465 },
	{ "smtps+auth://l@h.org", "h.org", "l", TLS_AT_CONNECT, 465 },
	{ "secure://h.org", "h.org", "", TLS_ANY, 0 },
	{ "secure+auth://l@h.org:26", "h.org", "l", TLS_ANY, 26 },
	{ "lmtp://h.org:24", "h.org", "", TLS_NEVER, 24 },
	{ "backup://h.org", "h.org", "", TLS_OPPORTUNISTIC, 25 },
	{ "tls+backup://h.org", "h.org", "", TLS_REQUIRED, 25 },
	{ "192.0.2.1:26", "192.0.2.1", "", TLS_OPPORTUNISTIC, 26 },
	{ "smtp://[::1]:10027", "::1", "", TLS_NEVER, 10027 },
	{ "smtp://[IPv6:::1]", "::1", "", TLS_NEVER, 25 },
	{ "lmtp://h.org", NULL, "no default port", 0, 0 },
	{ "ssl://h.org", NULL, "smtps:// (TLS at connect)", 0, 0 },
	{ "ssl+auth://l@h.org", NULL, "smtps+auth://", 0, 0 },
	{ "tls-verify://h.org", NULL, "verify", 0, 0 },
	{ "smtp+notls://h.org", NULL, "write smtp://", 0, 0 },
	{ "gopher://h.org", NULL, "there are the schemes", 0, 0 },
	{ "l@h.org", NULL, "a label is for the +auth schemes", 0, 0 },
	{ "tls+auth://h.org", NULL, "needs a label", 0, 0 },
	{ "tls+auth://@h.org", NULL, "needs a label", 0, 0 },
	{ "smtp://::1", NULL, "in brackets", 0, 0 },
	{ "smtp://[::1", NULL, "\"]\" is missing", 0, 0 },
	{ "smtp://[::g]", NULL, "not the name or address", 0, 0 },
	{ "smtp://h.org:0", NULL, "1 to 65535", 0, 0 },
	{ "smtp://h.org:65536", NULL, "1 to 65535", 0, 0 },
	{ "smtp://h.org:", NULL, "1 to 65535", 0, 0 },
	{ "smtp://[::1]x", NULL, "may follow the address", 0, 0 },
	{ "smtp://", NULL, "is missing", 0, 0 },
	{ "h/x", NULL, "not the name", 0, 0 },
};

static void
reads_relay_urls(void **state)
{
	struct conf *c = parse(RULE);

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct conf_relay_url url;
		const char *why = "?";
		bool ok = conf_parse_relay_url(c, &url, urls[i].url, &why);

		if (ok != (urls[i].host != NULL) || (!ok && strstr(why, urls[i].label) == NULL))
			fail_msg("%s: %s", urls[i].url, why);
		if (!ok)
			continue;
		assert_string_equal(url.text, urls[i].url);
		assert_string_equal(url.host, urls[i].host);
		assert_string_equal(url.label, urls[i].label);
		assert_int_equal(url.tls, urls[i].tls);
		assert_int_equal(url.port, urls[i].port);
	}
	conf_free(c);
}

static void
verifies_wherever_a_password_is_sent(void **state)
{
	struct conf *c = parse("table s { l = \"u:p\" }\naccept for any relay via tls+auth://l@h.org auth <s>\n"
	    "accept for any relay via tls+auth://l@h.org auth <s> no-verify\naccept for any relay via tls://h.org\n"
	    "accept for any relay via tls://h.org verify\naccept for any relay tls verify\n");

	(void)state;
	assert_true(c->rules[0].relay.verify);
	assert_false(c->rules[1].relay.verify);
	assert_false(c->rules[2].relay.verify);
	assert_true(c->rules[3].relay.verify);
	assert_true(c->rules[4].relay.verify && c->rules[4].relay.require_tls);
	conf_free(c);
}

static void
makes_two_listeners_of_secure(void **state)
{
	struct conf *c = parse("pki x.org certificate \"/c\" key \"/k\"\nlisten on all secure pki x.org tag T\n" RULE);

	(void)state;
	assert_int_equal(c->nlistens, 2);
	assert_true(c->listens[0].starttls && !c->listens[0].smtps && c->listens[0].port == 25);
	assert_true(!c->listens[1].starttls && c->listens[1].smtps && c->listens[1].port == 465);
	conf_free(c);
}

static void
finds_the_listener_of_a_socket(void **state)
{
	struct conf *c = parse("listen on all tag all\nlisten on lo tag interface\nlisten on 127.0.0.1 tag address\n"
	    "listen on ::1 port 587 tag six\nlisten on all port 587 inet4 tag four\n"
	    "listen on mail.example.org port 2525 tag name\n" RULE);

	(void)state;
	assert_string_equal(conf_find_listen(c, "127.0.0.1", 25)->tag, "address");
	assert_string_equal(conf_find_listen(c, "192.0.2.1", 25)->tag, "all");
	assert_string_equal(conf_find_listen(c, "2001:db8::1", 25)->tag, "all");
	assert_string_equal(conf_find_listen(c, "0:0:0:0:0:0:0:1", 587)->tag, "six");
	assert_string_equal(conf_find_listen(c, "127.0.0.1", 587)->tag, "four");
	assert_null(conf_find_listen(c, "2001:db8::1", 587));
	assert_null(conf_find_listen(c, "127.0.0.1", 26));
	assert_string_equal(conf_find_listen(c, "192.0.2.1", 2525)->tag, "name");
	assert_string_equal(conf_find_listen_named(c, "six")->tag, "six");
	assert_string_equal(conf_find_listen_named(c, "lo")->tag, "interface");
	assert_string_equal(conf_find_listen_named(c, "mail.example.org:2525")->tag, "name");
	assert_null(conf_find_listen_named(c, "mail.example.org:25"));
	conf_free(c);
}

static void
lets_the_command_line_win(void **state)
{
	static const struct conf_macro macros[] = { { "who", "any" }, { "none", "x" } };
	static const char text[] = "who = \"local\"\naccept from $who for local deliver to mbox\n";
	struct conf *c = conf_parse("test.conf", text, sizeof text - 1, macros, 2);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->nerrors, 0);
	assert_int_equal(c->rules[0].from, FROM_ANY);
	conf_free(c);
}

static void
reads_included_files(void **state)
{
	char directory[] = "/tmp/conf-unit.XXXXXX", path[64], text[256];
	struct conf *c;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/part", directory);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "accept for local deliver to mbox\nnonsense");
	fclose(f);
	snprintf(text, sizeof text, "include \"%s\"\naccept for any relay\n", path);
	c = conf_parse("test.conf", text, strlen(text), NULL, 0);
	assert_non_null(c);
	assert_int_equal(c->nrules, 2);
	assert_int_equal(c->nerrors, 1);
	assert_string_equal(c->messages[0].at.file, path);
	assert_int_equal(c->messages[0].at.line, 2);
	conf_free(c);

	/* one that includes itself ends */
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "include \"%s\"\ninclude \"%s\"\n", path, path);
	fclose(f);
	c = conf_read(path, NULL, 0);
	assert_non_null(c);
	assert_true(c->nerrors > 0);
	assert_non_null(strstr(c->messages[0].text, "does a file include itself?"));
	conf_free(c);

	/* secrets in a file that everybody may read are refused */
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "accept for any relay via tls+auth://l@h auth { l = \"u:p\" }\n");
	fclose(f);
	assert_int_equal(chmod(path, 0644), 0);
	c = conf_read(path, NULL, 0);
	assert_non_null(c);
	assert_int_equal(c->nerrors, 1);
	assert_non_null(strstr(c->messages[0].text, "everybody can read"));
	conf_free(c);
	assert_int_equal(chmod(path, 0640), 0);
	c = conf_read(path, NULL, 0);
	assert_non_null(c);
	assert_int_equal(c->nerrors, 0);
	conf_free(c);
	unlink(path);
	rmdir(directory);
}

static void
names_a_file_that_cannot_be_read(void **state)
{
	struct conf *c = conf_read("/nonexistent/smtpd.conf", NULL, 0);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->nerrors, 1);
	assert_int_equal(c->messages[0].at.line, 0);
	assert_string_equal(c->messages[0].at.file, "/nonexistent/smtpd.conf");
	assert_int_equal(c->ntables, 1);
	conf_free(c);
}

/* Each limit is an error of its own, and none costs memory without bound. */
static void
bounds_what_it_reads(void **state)
{
	enum { BIG = 3 * 1024 * 1024 };
	char *text = malloc(BIG);
	struct conf *c;
	size_t n;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', BIG);
	c = conf_parse("test.conf", text, 9000, NULL, 0);
	assert_non_null(c);
	assert_non_null(strstr(c->messages[0].text, "more than 8095 octets"));
	conf_free(c);

	n = (size_t)snprintf(text, BIG, "x = \"%08000d\"\n", 0);
	while (n + 4 < BIG) {
		memcpy(text + n, "$x\n", 3);
		n += 3;
	}
	c = conf_parse("test.conf", text, n, NULL, 0);
	assert_non_null(c);
	assert_true(c->nerrors > 0);
	assert_true(c->nmessages <= 501);
	conf_free(c);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_wrong_and_nothing_else),
		cmocka_unit_test(gives_the_defaults),
		cmocka_unit_test(resolves_expire_after_the_whole_file),
		cmocka_unit_test(reads_rules_whole),
		cmocka_unit_test(reads_relay_urls),
		cmocka_unit_test(verifies_wherever_a_password_is_sent),
		cmocka_unit_test(makes_two_listeners_of_secure),
		cmocka_unit_test(finds_the_listener_of_a_socket),
		cmocka_unit_test(lets_the_command_line_win),
		cmocka_unit_test(reads_included_files),
		cmocka_unit_test(names_a_file_that_cannot_be_read),
		cmocka_unit_test(bounds_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
