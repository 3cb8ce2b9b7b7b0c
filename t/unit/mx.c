/* mx: which servers are tried for a destination, and what is said where there are none. */
#include "lib/mx.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A world in which DNS says these things and nothing else. */
struct entry {
	const char *name;
	enum dns_type type;
	enum dns_status status;
	const char *data;	/* "10 mx.example" or an address; several: ", " between two */
};

struct world {
	const struct entry *entries;
	uint32_t choice;	/* what `below` says, as far as it may */
	unsigned asked, asked_host;
};

static void
take_data(struct dns_answer *a, enum dns_type type, const char *data)
{
	char copy[4096], *rest = copy, *one;

	assert_true(strlen(data) < sizeof copy);
	memcpy(copy, data, strlen(data) + 1);
	while ((one = strsep(&rest, ",")) != NULL) {
		struct dns_record *r = &a->records[a->n++];

		one += strspn(one, " ");
		memset(r, 0, sizeof *r);
		if (type == DNS_MX) {
			r->preference = (uint16_t)strtoul(one, &one, 10);
			snprintf(r->name, sizeof r->name, "%s", one + 1);
		} else {
			assert_int_equal(inet_pton(type == DNS_A ? AF_INET : AF_INET6, one, r->address), 1);
		}
	}
}

static enum dns_status
look(struct world *w, struct dns_answer *a, const char *name, enum dns_type type)
{
	bool is_known = false;

	memset(a, 0, sizeof *a);
	for (const struct entry *e = w->entries; e->name != NULL; e++) {
		if (strcmp(e->name, name) != 0)
			continue;
		is_known = true;
		if (e->type != type)
			continue;
		snprintf(a->why, sizeof a->why, "%s", e->status == DNS_FOUND ? "" : "SERVFAIL");
		if (e->status == DNS_FOUND)
			take_data(a, type, e->data);
		return e->status;
	}
	return is_known ? DNS_NO_DATA : DNS_NO_NAME;
}

static enum dns_status
ask(void *arg, struct dns_answer *a, const char *name, enum dns_type type)
{
	((struct world *)arg)->asked++;
	return look(arg, a, name, type);
}

static enum dns_status
ask_host(void *arg, struct dns_answer *a, const char *name, enum dns_type type)
{
	((struct world *)arg)->asked_host++;
	return look(arg, a, name, type);
}

static uint32_t
below(void *arg, uint32_t n)
{
	return ((struct world *)arg)->choice % n;
}

static struct relay
by_mx(const char *domain)
{
	struct relay r;

	relay_init(&r);
	r.host = domain;
	r.is_mx = true;
	r.own_name = "mail.here.example";
	r.helo = "out.here.example";
	return r;
}

static struct relay
via(const char *host)
{
	struct relay r = by_mx(host);

	r.is_mx = false;
	return r;
}

/* Searches, and tells the outcome as text: "10 mx.example 192.0.2.1 25\n…", or the reason. */
static const char *
search(struct world *w, const struct relay *relay)
{
	static char text[8192];
	struct mx_resolver r = { .ask = ask, .ask_host = ask_host, .below = below, .arg = w };
	genalloc targets = GENALLOC_ZERO;
	char why[MX_WHY_MAX];
	enum mx_status status = mx_find(&targets, why, &r, relay, 25);
	size_t n = genalloc_len(struct mx_target, &targets), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const struct mx_target *t = &genalloc_s(struct mx_target, &targets)[i];
		char address[INET6_ADDRSTRLEN] = "?", host[INET6_ADDRSTRLEN];
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)&t->address;
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&t->address;

		snprintf(host, sizeof host, "%s", t->address.ss_family == AF_INET ?
		    inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address) :
		    inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address));
		assert_int_equal(t->len, t->address.ss_family == AF_INET ? sizeof *v4 : sizeof *v6);
		assert_int_equal(ntohs(v4->sin_port), 25);
		at += (size_t)snprintf(text + at, sizeof text - at, "%u %s %s\n", t->preference, t->name, host);
	}
	if (status == MX_FOUND) {
		assert_true(n > 0);
		assert_string_equal(why, "");
	} else {
		assert_int_equal(n, 0);
		assert_int_equal(why[0], status == MX_PERMANENT ? '5' : '4');
		snprintf(text, sizeof text, "%s", why);
	}
	genalloc_free(struct mx_target, &targets);
	return text;
}

/* What is said of a destination begins with this. */
#define assert_says(w, relay, start) \
	do { \
		const char *said_ = search(w, relay); \
		if (strncmp(said_, start, strlen(start)) != 0) \
			fail_msg("said: %s\nnot: %s", said_, start); \
	} while (0)

#define END { NULL, DNS_A, DNS_FOUND, NULL }

static const struct entry usual[] = {
	{ "example.org", DNS_MX, DNS_FOUND, "20 b.example, 10 a.example, 30 c.example" },
	{ "example.org", DNS_A, DNS_FOUND, "192.0.2.99" },
	{ "a.example", DNS_A, DNS_FOUND, "192.0.2.1, 192.0.2.2" },
	{ "a.example", DNS_AAAA, DNS_FOUND, "2001:db8::1" },
	{ "b.example", DNS_A, DNS_FOUND, "192.0.2.3" },
	{ "c.example", DNS_AAAA, DNS_FOUND, "2001:db8::3, 2001:db8::4" },
	{ "xn--mnchen-3ya.example", DNS_MX, DNS_FOUND, "5 b.example" },
	END,
};

/* ---- the order ---- */

static void
servers_come_by_preference_with_ipv6_and_ipv4_in_turn(void **state)
{
	struct world w = { .entries = usual };
	struct relay r = by_mx("example.org");

	(void)state;
	assert_string_equal(search(&w, &r),
	    "10 a.example 2001:db8::1\n10 a.example 192.0.2.1\n10 a.example 192.0.2.2\n"
	    "20 b.example 192.0.2.3\n30 c.example 2001:db8::3\n30 c.example 2001:db8::4\n");
	assert_int_equal(w.asked_host, 0);
}

static void
servers_of_one_preference_are_shuffled(void **state)
{
	static const struct entry entries[] = {
		{ "example.org", DNS_MX, DNS_FOUND, "10 a.example, 10 b.example, 5 c.example" },
		{ "a.example", DNS_A, DNS_FOUND, "192.0.2.1" },
		{ "b.example", DNS_A, DNS_FOUND, "192.0.2.2" },
		{ "c.example", DNS_A, DNS_FOUND, "192.0.2.3" },
		END,
	};
	struct relay r = by_mx("example.org");
	bool saw_a_first = false, saw_b_first = false;

	(void)state;
	for (uint32_t choice = 0; choice < 6; choice++) {
		struct world w = { .entries = entries, .choice = choice };
		const char *said = search(&w, &r);

		assert_memory_equal(said, "5 c.example", 11);
		saw_a_first |= strstr(said, "a.example") < strstr(said, "b.example");
		saw_b_first |= strstr(said, "a.example") > strstr(said, "b.example");
	}
	assert_true(saw_a_first && saw_b_first);
}

static void
a_domain_without_mx_is_its_own_server(void **state)
{
	struct world w = { .entries = usual };
	struct relay r = by_mx("b.example");

	(void)state;
	assert_string_equal(search(&w, &r), "0 b.example 192.0.2.3\n");
}

static void
a_domain_with_mx_is_not_its_own_server(void **state)
{
	static const struct entry entries[] = {
		{ "example.org", DNS_MX, DNS_FOUND, "10 gone.example, 20 empty.example" },
		{ "example.org", DNS_A, DNS_FOUND, "192.0.2.99" },
		{ "empty.example", DNS_MX, DNS_FOUND, "10 gone.example" },
		END,
	};
	struct world w = { .entries = entries };
	struct relay r = by_mx("example.org");

	(void)state;
	assert_says(&w, &r, "5.4.4 No mail server of example.org (gone.example and others) has an address");
}

static void
a_family_that_the_rule_excludes_is_not_asked_for(void **state)
{
	struct world w = { .entries = usual };
	struct relay r = by_mx("example.org");

	(void)state;
	r.inet4_only = true;
	assert_string_equal(search(&w, &r),
	    "10 a.example 192.0.2.1\n10 a.example 192.0.2.2\n20 b.example 192.0.2.3\n");
	assert_int_equal(w.asked, 1 + 3);
	r.inet4_only = false;
	r.inet6_only = true;
	assert_string_equal(search(&w, &r),
	    "10 a.example 2001:db8::1\n30 c.example 2001:db8::3\n30 c.example 2001:db8::4\n");
	r.host = "b.example";
	assert_says(&w, &r, "4.4.4 No mail server of b.example has an IPv6 address");
}

static void
an_international_domain_is_asked_for_in_ascii(void **state)
{
	struct world w = { .entries = usual };
	struct relay r = by_mx("M\xc3\x9cnchen.example");

	(void)state;
	assert_string_equal(search(&w, &r), "5 b.example 192.0.2.3\n");
	r.host = "\xc2\xae.example";
	assert_says(&w, &r, "5.1.2 \xc2\xae.example is no domain name");
}

/* ---- limits ---- */

static void
of_many_servers_the_best_are_taken_and_no_more(void **state)
{
	static char data[4096], wide[4096];
	struct entry entries[80] = { { "example.org", DNS_MX, DNS_FOUND, data } };
	static char names[64][32];
	struct world w = { .entries = entries };
	struct relay r = by_mx("example.org");
	const char *said;
	size_t at = 0, lines = 0;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		at += (size_t)snprintf(data + at, sizeof data - at, "%s%u mx%u.example", i == 0 ? "" : ", ", 64 - i, i);
		snprintf(names[i], sizeof names[i], "mx%u.example", i);
		entries[i + 1] = (struct entry){ names[i], DNS_A, DNS_FOUND, "192.0.2.1" };
	}
	said = search(&w, &r);
	assert_memory_equal(said, "1 mx63.example", 14);
	for (const char *s = said; (s = strchr(s, '\n')) != NULL; s++)
		lines++;
	assert_int_equal(lines, MX_HOSTS_MAX);
	assert_int_equal(w.asked, 1 + 2 * MX_HOSTS_MAX);

	for (at = 0; at + 20 < 40 * 12; )
		at += (size_t)snprintf(wide + at, sizeof wide - at, "%s192.0.2.%zu", at == 0 ? "" : ", ", at % 200 + 1);
	for (unsigned i = 0; i < 64; i++)
		entries[i + 1].data = wide;
	said = search(&w, &r);
	lines = 0;
	for (const char *s = said; (s = strchr(s, '\n')) != NULL; s++)
		lines++;
	assert_int_equal(lines, MX_TARGETS_MAX);
	assert_non_null(strstr(said, "mx61.example"));	/* no one has more than MX_HOST_ADDRESSES_MAX of them */
}

static void
addresses_of_nobody_and_of_many_are_none(void **state)
{
	static const struct entry entries[] = {
		{ "example.org", DNS_MX, DNS_FOUND, "10 a.example" },
		{ "a.example", DNS_A, DNS_FOUND, "0.0.0.0, 224.0.0.1, 255.255.255.255" },
		{ "a.example", DNS_AAAA, DNS_FOUND, "::, ff02::1" },
		END,
	};
	struct world w = { .entries = entries };
	struct relay r = by_mx("example.org");

	(void)state;
	assert_says(&w, &r, "5.4.4 No mail server of example.org (a.example) has an address");
}

/* Nobody else can have mail handed to us as if it came from here; the administrator may. */
static void
a_stranger_s_mail_server_is_never_this_host(void **state)
{
	static const struct entry entries[] = {
		{ "example.org", DNS_MX, DNS_FOUND, "10 a.example" },
		{ "a.example", DNS_A, DNS_FOUND, "127.0.0.1, 127.1.2.3" },
		{ "a.example", DNS_AAAA, DNS_FOUND, "::1, ::ffff:127.0.0.1" },
		END,
	};
	struct world w = { .entries = entries };
	struct relay r = by_mx("example.org"), named = via("a.example");

	(void)state;
	assert_says(&w, &r, "5.4.4 No mail server of example.org (a.example) has an address");
	assert_non_null(strstr(search(&w, &named), "127.0.0.1"));
}

/* ---- failures ---- */

static const struct {
	const char *name;
	struct entry entries[4];
	const char *says;
} failures[] = {
	{ "no such domain", { END }, "5.1.2 There is no domain example.org" },
	{ "no MX and no address", { { "example.org", DNS_PTR, DNS_FOUND, "" }, END },
	  "5.1.2 The domain example.org has no mail server and no address" },
	{ "null MX", { { "example.org", DNS_MX, DNS_FOUND, "0 ." }, { "example.org", DNS_A, DNS_FOUND, "192.0.2.1" }, END },
	  "5.1.10 The domain example.org accepts no mail (null MX)" },
	{ "null MX beside another", { { "example.org", DNS_MX, DNS_FOUND, "0 ., 10 a.example" },
	  { "a.example", DNS_A, DNS_FOUND, "192.0.2.1" }, END }, "10 a.example 192.0.2.1" },
	{ "MX records without a name", { { "example.org", DNS_MX, DNS_FOUND, "0 , 10 " }, END },
	  "5.4.4 The MX records of example.org name no host" },
	{ "name server fails for MX", { { "example.org", DNS_MX, DNS_LATER, NULL },
	  { "example.org", DNS_A, DNS_FOUND, "192.0.2.1" }, END }, "4.4.3 SERVFAIL" },
	{ "aliases in a ring", { { "example.org", DNS_MX, DNS_BROKEN, NULL }, END }, "4.4.3 " },
	{ "name server fails for the only address", { { "example.org", DNS_MX, DNS_FOUND, "10 a.example" },
	  { "a.example", DNS_A, DNS_LATER, NULL }, END }, "4.4.3 SERVFAIL" },
	{ "one server is gone, of the other nothing is known", { { "example.org", DNS_MX, DNS_FOUND, "10 a.example, 5 gone.example" },
	  { "a.example", DNS_AAAA, DNS_LATER, NULL }, END }, "4.4.3 SERVFAIL" },
	{ "IPv6 could not be told, IPv4 could", { { "example.org", DNS_MX, DNS_FOUND, "10 a.example" },
	  { "a.example", DNS_AAAA, DNS_LATER, NULL }, { "a.example", DNS_A, DNS_FOUND, "192.0.2.1" }, END },
	  "10 a.example 192.0.2.1" },
	{ "no IPv6 at a server that denies its own name", { { "example.org", DNS_MX, DNS_FOUND, "10 a.example" },
	  { "a.example", DNS_AAAA, DNS_NO_NAME, NULL }, { "a.example", DNS_A, DNS_FOUND, "192.0.2.1" }, END },
	  "10 a.example 192.0.2.1" },
};

static void
each_failure_has_its_code_and_is_permanent_only_when_proven(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		struct world w = { .entries = failures[i].entries };
		struct relay r = by_mx("example.org");
		const char *said = search(&w, &r);

		if (strncmp(said, failures[i].says, strlen(failures[i].says)) != 0)
			fail_msg("%s: said: %s", failures[i].name, said);
	}
}

/* ---- ourselves ---- */

static const struct entry with_us[] = {
	{ "example.org", DNS_MX, DNS_FOUND, "30 c.example, 20 b.example, 10 a.example, 20 MAIL.here.example, 20 d.example" },
	{ "best.example", DNS_MX, DNS_FOUND, "10 out.here.example, 10 a.example, 20 b.example" },
	{ "mail.here.example", DNS_A, DNS_FOUND, "192.0.2.99" },
	{ "out.here.example", DNS_A, DNS_FOUND, "192.0.2.99" },
	{ "a.example", DNS_A, DNS_FOUND, "192.0.2.1" },
	{ "b.example", DNS_A, DNS_FOUND, "192.0.2.2" },
	{ "c.example", DNS_A, DNS_FOUND, "192.0.2.3" },
	{ "d.example", DNS_A, DNS_FOUND, "192.0.2.4" },
	END,
};

static void
only_servers_better_than_this_host_are_tried(void **state)
{
	struct relay r = by_mx("example.org");

	(void)state;
	for (uint32_t choice = 0; choice < 5; choice++) {
		struct world w = { .entries = with_us, .choice = choice };

		assert_string_equal(search(&w, &r), "10 a.example 192.0.2.1\n");
	}
}

static void
where_this_host_is_the_best_server_mail_would_loop(void **state)
{
	struct world w = { .entries = with_us };
	struct relay r = by_mx("best.example");

	(void)state;
	assert_says(&w, &r, "5.4.6 Mail for best.example loops back to this host");
	r.host = "mail.here.example";
	assert_says(&w, &r, "5.4.6 ");
	r.host = "a.example";
	assert_true(relay_add_name(&r, "192.0.2.7", "a.example"));
	assert_says(&w, &r, "5.4.6 ");
	relay_free(&r);
}

static void
a_backup_relays_to_better_servers_only(void **state)
{
	struct world w = { .entries = with_us };
	struct relay r = by_mx("best.example");

	(void)state;
	r.own_name = r.helo = "elsewhere.example";
	r.is_backup = true;
	r.backup_mx = "B.example";
	assert_says(&w, &r, "10 ");
	assert_null(strstr(search(&w, &r), "b.example"));
	r.backup_mx = "a.example";
	assert_says(&w, &r, "5.4.6 ");
	r.backup_mx = "unlisted.example";
	assert_non_null(strstr(search(&w, &r), "b.example"));
}

/* ---- addresses, and hosts of the configuration ---- */

static const struct {
	const char *host;
	bool is_mx;
	const char *says;
} literals[] = {
	{ "[192.0.2.1]", true, "0 192.0.2.1 192.0.2.1\n" },
	{ "[IPv6:2001:db8::1]", true, "0 2001:db8::1 2001:db8::1\n" },
	{ "[ipv6:2001:DB8::1]", true, "0 2001:DB8::1 2001:db8::1\n" },
	{ "[192.0.2.256]", true, "5.1.2 [192.0.2.256] is no address" },
	{ "[]", true, "5.1.2 " },
	{ "[", true, "5.1.2 " },
	{ "[IPv6:]", true, "5.1.2 " },
	{ "192.0.2.1", true, "5.1.2 There is no domain 192.0.2.1" },
	{ "192.0.2.1", false, "0 192.0.2.1 192.0.2.1\n" },
	{ "2001:db8::1", false, "0 2001:db8::1 2001:db8::1\n" },
	{ "[192.0.2.1]", false, "0 192.0.2.1 192.0.2.1\n" },
	{ "[192.0.2]", false, "4.3.5 [192.0.2], which smtpd.conf names, is no address" },
};

static void
address_literals_need_no_dns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
		struct world w = { .entries = usual };
		struct relay r = literals[i].is_mx ? by_mx(literals[i].host) : via(literals[i].host);

		assert_says(&w, &r, literals[i].says);
		if (literals[i].host[0] == '[' || !literals[i].is_mx)
			assert_int_equal(w.asked + w.asked_host, 0);
	}
}

static void
an_address_of_an_excluded_family_waits_for_the_administrator(void **state)
{
	struct world w = { .entries = usual };
	struct relay r = via("192.0.2.1");

	(void)state;
	r.inet6_only = true;
	assert_says(&w, &r, "4.4.4 ");
}

static void
a_host_of_the_configuration_is_asked_of_the_system_and_not_by_mx(void **state)
{
	struct world w = { .entries = usual };
	struct relay r = via("example.org");

	(void)state;
	assert_string_equal(search(&w, &r), "0 example.org 192.0.2.99\n");
	assert_int_equal(w.asked, 0);
	assert_int_equal(w.asked_host, 2);
	r.own_name = "example.org";	/* whoever names himself there means it */
	assert_string_equal(search(&w, &r), "0 example.org 192.0.2.99\n");
}

static void
what_the_configuration_names_is_never_a_reason_to_bounce(void **state)
{
	static const struct entry entries[] = {
		{ "fails.example", DNS_A, DNS_LATER, NULL },
		{ "fails.example", DNS_AAAA, DNS_LATER, NULL },
		{ "empty.example", DNS_MX, DNS_FOUND, "10 a.example" },
		END,
	};
	struct world w = { .entries = entries };
	struct relay r = via("gone.example");

	(void)state;
	assert_says(&w, &r, "4.3.5 The host gone.example, which smtpd.conf names, has no address");
	r.host = "empty.example";
	assert_says(&w, &r, "4.3.5 ");
	r.host = "fails.example";
	assert_says(&w, &r, "4.4.3 SERVFAIL");
	r.inet4_only = true;
	r.host = "gone.example";
	assert_says(&w, &r, "4.3.5 The host gone.example, which smtpd.conf names, has no IPv4 address");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_come_by_preference_with_ipv6_and_ipv4_in_turn),
		cmocka_unit_test(servers_of_one_preference_are_shuffled),
		cmocka_unit_test(a_domain_without_mx_is_its_own_server),
		cmocka_unit_test(a_domain_with_mx_is_not_its_own_server),
		cmocka_unit_test(a_family_that_the_rule_excludes_is_not_asked_for),
		cmocka_unit_test(an_international_domain_is_asked_for_in_ascii),
		cmocka_unit_test(of_many_servers_the_best_are_taken_and_no_more),
		cmocka_unit_test(addresses_of_nobody_and_of_many_are_none),
		cmocka_unit_test(a_stranger_s_mail_server_is_never_this_host),
		cmocka_unit_test(each_failure_has_its_code_and_is_permanent_only_when_proven),
		cmocka_unit_test(only_servers_better_than_this_host_are_tried),
		cmocka_unit_test(where_this_host_is_the_best_server_mail_would_loop),
		cmocka_unit_test(a_backup_relays_to_better_servers_only),
		cmocka_unit_test(address_literals_need_no_dns),
		cmocka_unit_test(an_address_of_an_excluded_family_waits_for_the_administrator),
		cmocka_unit_test(a_host_of_the_configuration_is_asked_of_the_system_and_not_by_mx),
		cmocka_unit_test(what_the_configuration_names_is_never_a_reason_to_bounce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
