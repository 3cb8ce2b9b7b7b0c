/* The how-to's configurations, asked about the mail they are meant for. */
#include "lib/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ALIASES "table aliases { root = calomel, webmaster = root }\n" \
	"table users { calomel = \"1000:1000:/home/calomel\" }\n"

static const char local_only[] = ALIASES
    "listen on 127.0.0.1 port 25 hostname example.com\n"
    "accept from local for local alias <aliases > userbase <users> deliver to mda \"/usr/bin/procmail -f -\"\n"
    "accept for all relay\n";

static const char smarthost[] = ALIASES
    "table secrets { label = \"user:password\" }\n"
    "listen on 127.0.0.1 port 25 hostname somehost.com\n"
    "accept from local for local alias <aliases> userbase <users> deliver to mda \"/usr/bin/procmail -f -\"\n"
    "accept from any for domain \"somehost.com\" alias <aliases> userbase <users> deliver to maildir\n"
    "accept from local for any relay via tls+auth://label@smtp.gmail.com:587 auth <secrets>\n";

static const struct {
	const char *conf;
	const char *client;	/* "": this host */
	const char *address;
	enum route_kind kind;
	unsigned line;		/* of the rule; 0: none */
} cases[] = {
	{ local_only, "", "webmaster@localhost", ROUTE_DELIVER, 4 },
	{ local_only, "127.0.0.1", "root@example.com", ROUTE_DELIVER, 4 },
	{ local_only, "", "nobody-here@localhost", ROUTE_NO_USER, 4 },
	{ local_only, "", "someone@elsewhere.org", ROUTE_RELAY, 5 },
	{ local_only, "203.0.113.1", "someone@elsewhere.org", ROUTE_REJECT, 0 },
	{ local_only, "203.0.113.1", "calomel@example.com", ROUTE_REJECT, 0 },
	{ local_only, "203.0.113.1", "postmaster@example.com", ROUTE_DELIVER, 4 },
	{ smarthost, "203.0.113.1", "calomel@somehost.com", ROUTE_DELIVER, 6 },
	{ smarthost, "203.0.113.1", "calomel@gmail.com", ROUTE_REJECT, 0 },
	{ smarthost, "", "calomel@gmail.com", ROUTE_RELAY, 7 },
	{ smarthost, "", "calomel@localhost", ROUTE_DELIVER, 5 },
};

static void
the_how_tos_configurations_route_as_their_text_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct conf *c = conf_parse("smtpd.conf", cases[i].conf, strlen(cases[i].conf), NULL, 0);
		struct table_set *set = table_set_new(c);
		struct facts facts = facts_unknown;
		struct route r = ROUTE_ZERO;
		struct route_question q = { .facts = &facts, .reverse_path = "a@b.example",
			.address = cases[i].address, .local_name = c->nlistens > 0 ? c->listens[0].hostname : "" };

		assert_int_equal(c->nerrors, 0);
		facts.origin = cases[i].client[0] == '\0' ? ORIGIN_LOCAL : ORIGIN_SMTP;
		facts.client = cases[i].client;
		route_check(&r, c, set, &q);
		if (r.kind != cases[i].kind || (r.rule == NULL ? 0 : r.rule->at.line) != cases[i].line)
			fail_msg("case %zu, <%s>: kind %d, why: %.*s", i, cases[i].address, (int)r.kind, (int)r.why.len,
			    r.why.s);
		route_free(&r);
		table_set_free(set);
		conf_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_how_tos_configurations_route_as_their_text_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
