/* listing: a recipient of a queued message as a line. */
#include "queue-run/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "queue-run/selection.h"

#define NAME "1244574723.MTwCoXNepGJtbMcJ,S=471"

/* A message with two recipients, the second of which the first has become. */
static struct queue_file file;
static struct listed m;

static int
set_up(void **state)
{
	struct queue_recipient r[] = {
		{ .text = "list@our_domain.org", .kind = RECIPIENT_ADDRESS, .parent = RECIPIENT_NO_PARENT,
		  .status = RECIPIENT_EXPANDED, .reason = "" },
		{ .text = "someguy@somedomain.org", .kind = RECIPIENT_ADDRESS, .parent = 0,
		  .status = RECIPIENT_PENDING, .reason = "" },
	};

	(void)state;
	file = (struct queue_file){ .fd = -1, .envelope = ENVELOPE_ZERO, .text_size = 471, .created = 1244574723 };
	file.facts = facts_unknown;
	file.facts.origin = ORIGIN_LOCAL;
	file.envelope.reverse_path = "user@our_domain.org";
	strcpy(file.name, NAME);
	file.id_len = strcspn(NAME, ",");
	for (size_t i = 0; i < 2; i++)
		if (!genalloc_append(struct queue_recipient, &file.recipients, &r[i]))
			return -1;
	m = (struct listed){ .file = &file, .place = QUEUE_LATER, .now = 1244583000, .due = 1244583600 };
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	genalloc_free(struct queue_recipient, &file.recipients);
	return 0;
}

static void
check(enum listing_form form, enum listing_agent agent, const char *expected)
{
	stralloc line = STRALLOC_ZERO;

	assert_true(listing_append(&line, form, &m, 1, agent, 1244920323) && stralloc_0(&line));
	assert_string_equal(line.s, expected);
	stralloc_free(&line);
}

static struct queue_recipient *
recipient(void)
{
	return queue_file_recipient(&file, 1);
}

static void
a_message_being_delivered_has_the_line_of_the_how_to(void **state)
{
	(void)state;
	m.place = QUEUE_CUR;
	m.is_runner_there = true;
	m.taken = 1244582934;
	check(LISTING_SEED, LISTING_MTA, "MTA|1244574723.MTwCoXNepGJtbMcJ.1|PROCESSING,ENQUEUED|user@our_domain.org|"
	    "someguy@somedomain.org|1244582934|0\n");
	m.is_runner_there = false;
	check(LISTING_SEED, LISTING_MTA, "MTA|1244574723.MTwCoXNepGJtbMcJ.1|SCHEDULED,ENQUEUED|user@our_domain.org|"
	    "someguy@somedomain.org|0|0\n");
}

static void
flags_say_what_it_waits_for(void **state)
{
	(void)state;
	check(LISTING_SEED, LISTING_MTA, "MTA|1244574723.MTwCoXNepGJtbMcJ.1|ENQUEUED|user@our_domain.org|"
	    "someguy@somedomain.org|0|0\n");
	recipient()->attempts = 3;
	file.last_attempt = 1244582934;
	file.facts.user = "user";
	check(LISTING_SEED, LISTING_MDA, "MDA|1244574723.MTwCoXNepGJtbMcJ.1|TEMPFAIL,AUTH,ENQUEUED|user@our_domain.org|"
	    "someguy@somedomain.org|1244582934|3\n");
	m.due = m.now;
	check(LISTING_SEED, LISTING_UNKNOWN, "UNKNOWN|1244574723.MTwCoXNepGJtbMcJ.1|TEMPFAIL,AUTH,SCHEDULED,ENQUEUED|"
	    "user@our_domain.org|someguy@somedomain.org|1244582934|3\n");
	m.place = QUEUE_HOLD;
	recipient()->attempts = 0;
	file.facts.user = "";
	check(LISTING_SEED, LISTING_MTA, "MTA|1244574723.MTwCoXNepGJtbMcJ.1|-|user@our_domain.org|"
	    "someguy@somedomain.org|0|0\n");
}

static void
a_notice_comes_from_the_daemon_and_from_nobody(void **state)
{
	(void)state;
	file.facts.origin = ORIGIN_NOTICE;
	file.envelope.reverse_path = "";
	check(LISTING_SEED, LISTING_MTA, "MTA-DAEMON|1244574723.MTwCoXNepGJtbMcJ.1|ENQUEUED|@|someguy@somedomain.org|0|0\n");
	check(LISTING_SEED, LISTING_MDA, "MDA-DAEMON|1244574723.MTwCoXNepGJtbMcJ.1|ENQUEUED|@|someguy@somedomain.org|0|0\n");
}

static void
nothing_from_a_peer_breaks_a_line_or_a_field(void **state)
{
	(void)state;
	file.envelope.reverse_path = "a|b@c\n|";
	recipient()->text = "\x1b[2J@x|";
	check(LISTING_SEED, LISTING_MTA, "MTA|1244574723.MTwCoXNepGJtbMcJ.1|ENQUEUED|a\\174b@c\\012\\174|"
	    "\\033[2J@x\\174|0|0\n");
}

static void
fourteen_fields(void **state)
{
	(void)state;
	recipient()->attempts = 2;
	recipient()->reason = "4.4.1 no|connection";
	file.last_attempt = 1244582934;
	check(LISTING_LONG, LISTING_MTA, "1244574723.MTwCoXNepGJtbMcJ.1|local|mta||user@our_domain.org|list@our_domain.org|"
	    "someguy@somedomain.org|1244574723|1244920323|1244582934|2|pending|600|4.4.1 no\\174connection\n");
	m.place = QUEUE_CUR;
	m.is_runner_there = true;
	m.taken = m.now - 7;
	file.facts.origin = ORIGIN_SMTP;
	file.facts.client = "2001:db8::1";
	file.facts.user = "u";
	recipient()->reason = "";
	check(LISTING_LONG, LISTING_MDA, "1244574723.MTwCoXNepGJtbMcJ.1|inet6|mda|auth|user@our_domain.org|"
	    "list@our_domain.org|someguy@somedomain.org|1244574723|1244920323|1244582993|2|inflight|7|\n");
	m.place = QUEUE_HOLD;
	file.facts.client = "192.0.2.1";
	recipient()->status = RECIPIENT_FAILED;
	check(LISTING_LONG, LISTING_MDA, "1244574723.MTwCoXNepGJtbMcJ.1|inet4|bounce|auth,suspend|user@our_domain.org|"
	    "list@our_domain.org|someguy@somedomain.org|1244574723|1244920323|1244582934|2|pending||\n");
}

static void
a_table_for_people(void **state)
{
	(void)state;
	recipient()->attempts = 2;
	recipient()->reason = "4.4.1 no connection";
	check(LISTING_TABLE, LISTING_MTA, "1244574723.MTwCoXNepGJtbMcJ.1     2h   471  waiting in 10m   "
	    "user@our_domain.org -> someguy@somedomain.org\n    4.4.1 no connection (attempt 2)\n");
	m.due = m.now + 100000;		/* a clock that was ahead: the runner takes it up now */
	recipient()->reason = "";
	file.envelope.reverse_path = "";
	check(LISTING_TABLE, LISTING_MTA, "1244574723.MTwCoXNepGJtbMcJ.1     2h   471  due     now      "
	    "<> -> someguy@somedomain.org\n");
}

static void
sizes_and_times_are_short(void **state)
{
	static const struct {
		uint64_t octets;
		const char *text;
	} sizes[] = { { 0, "0" }, { 999, "999" }, { 1000, "1.0K" }, { 12595, "12K" }, { 36700160, "35M" },
		{ UINT64_MAX, "16384P" } };
	static const struct {
		int64_t seconds;
		const char *text;
	} times[] = { { -5, "now" }, { 0, "now" }, { 1, "1s" }, { 99, "99s" }, { 100, "1m" }, { 5999, "99m" }, { 6000, "1h" },
		{ 172799, "47h" }, { 172800, "2d" }, { INT64_MAX, "106751991167300d" } };
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		assert_string_equal(listing_size(text, sizeof text, sizes[i].octets), sizes[i].text);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		assert_string_equal(listing_time(text, sizeof text, times[i].seconds), times[i].text);
}

static void
what_is_selected(void **state)
{
	static const struct {
		const char *text;
		bool is_right, is_whole, has_recipient;
		size_t recipient;
		bool has_the_name;
	} cases[] = {
		{ "", true, false, false, 0, true },
		{ "12", true, false, false, 0, true },
		{ "1244574723.", true, false, false, 0, true },
		{ "1244574723.MTw", true, false, false, 0, true },
		{ "1244574723.MTwCoXNepGJtbMcJ", true, true, false, 0, true },
		{ "1244574723.MTwCoXNepGJtbMcJ.0", true, true, true, 0, true },
		{ "1244574723.MTwCoXNepGJtbMcJ.441941725", true, true, true, 441941725, true },
		{ "1244574723.MTwCoXNepGJtbMcK", true, true, false, 0, false },
		{ "1244574723.MTwCoXNepGJtbMcJ.", false, false, false, 0, false },
		{ "1244574723.MTwCoXNepGJtbMcJ.x", false, false, false, 0, false },
		{ "1244574723.MTwCoXNepGJtbMcJ.12345678901", false, false, false, 0, false },
		{ "1244574723.MTwCoXNepGJtbMcJx", false, false, false, 0, false },
		{ "1244574723.MTw.1", false, false, false, 0, false },
		{ "123456789012345678901", false, false, false, 0, false },
		{ "../12", false, false, false, 0, false },
		{ "12/", false, false, false, 0, false },
		{ "x", false, false, false, 0, false },
		{ ".", false, false, false, 0, false },
	};
	struct selection s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(selection_parse(&s, cases[i].text), cases[i].is_right);
		if (!cases[i].is_right)
			continue;
		assert_int_equal(selection_is_whole_id(&s), cases[i].is_whole);
		assert_int_equal(s.has_recipient, cases[i].has_recipient);
		assert_int_equal(s.recipient, cases[i].recipient);
		assert_int_equal(selection_has_name(&s, NAME, file.id_len), cases[i].has_the_name);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_being_delivered_has_the_line_of_the_how_to),
		TEST(flags_say_what_it_waits_for),
		TEST(a_notice_comes_from_the_daemon_and_from_nobody),
		TEST(nothing_from_a_peer_breaks_a_line_or_a_field),
		TEST(fourteen_fields),
		TEST(a_table_for_people),
		TEST(sizes_and_times_are_short),
		TEST(what_is_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
