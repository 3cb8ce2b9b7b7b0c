/* Tables: the text format, what each kind answers, and how keys match. */
#include "lib/table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/table_cdb.h"
#include "lib/table_match.h"
#include "lib/table_text.h"

/* ---- a place for files ---- */

static char path[64];

static void
write_file(const char *name, const char *text, size_t len)
{
	char temporary[80];
	int fd;

	snprintf(temporary, sizeof temporary, "%s.new", name);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	assert_int_equal(rename(temporary, name), 0);
}

static void
write_text(const char *text)
{
	write_file(path, text, strlen(text));
}

static void
write_cdb(const char *const pairs[], size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct table_cdb_writer *w = table_cdb_begin(fd);

	assert_non_null(w);
	for (size_t i = 0; i < n; i++)
		assert_true(table_cdb_add(w, pairs[2 * i], pairs[2 * i + 1]));
	assert_true(table_cdb_finish(w));
	close(fd);
}

static int
make_place(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof path, "/tmp/pipepost-table-XXXXXX");
	fd = mkstemp(path);
	close(fd);
	return fd == -1;
}

static int
remove_place(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* ---- the text format ---- */

static const struct {
	const char *text, *entries;
} texts[] = {
	{ "root: calomel\nwebmaster:  calomel\n", "1 root=calomel;2 webmaster=calomel;" },
	{ "Root calomel\n", "1 root=calomel;" },
	{ "root : calomel\n", "1 root=calomel;" },
	{ "root:calomel", "1 root=calomel;" },
	{ "\n# comment\n  # indented\n\nexample.org\n", "5 example.org;" },
	{ "a: b # c\n", "1 a=b;" },
	{ "a: b#c\n", "1 a=b#c;" },
	{ "label user@x:pa#ss\n", "1 label=user@x:pa#ss;" },
	{ "a: \"|cmd # x\" # y\n", "1 a=\"|cmd # x\";" },
	{ "a: b \\\n c\nd: e\n", "1 a=b  c;3 d=e;" },
	{ "# comment \\\na: b\n", "2 a=b;" },
	{ "a: b,\n  c,\n# d\n\te\nf: g\n", "1 a=b, c, e;5 f=g;" },
	{ "a: b\n  c d\n", "1 a=b;2 c=d;" },
	{ "a: b,\nc: d\n", "1 a=b,;2 c=d;" },
	{ "bob: 1000:1000:/home/bob \t\r\n", "1 bob=1000:1000:/home/bob;" },
	{ "::1\n2001:DB8::/32\nipv6:::1\n[::1]\n10.0.0.0/8", "1 ::1;2 2001:db8::/32;3 ipv6:::1;4 [::1];5 10.0.0.0/8;" },
	{ "::1 host\n[::1]: host\n::1: x\n", "1 ::1=host;2 [::1]=host;3 ::1=x;" },
	{ "# @list\na b: c\n", "2 a b: c;" },
	{ "a: b\n# @list\nc: d\n", "1 a=b;3 c=d;" },
	{ "\xef\xbb\xbfroot: a\n", "1 root=a;" },
	{ "", "" },
	{ "\\\n", "" },
	{ ": a\n", "!1 the key is missing before the colon" },
	{ "a:\n", "!1 there is no value behind the colon" },
	{ "\"quoted user\": a\n", "!1 a key may not be quoted" },
	{ "a: b\nc: d\001\n", "1 a=b;!2 the line holds a control character" },
};

static void
render_text(char *to, size_t size, const char *s)
{
	struct table_text t = TABLE_TEXT_ZERO;
	struct table_entry e;
	enum table_step step;
	size_t n = 0;

	*to = '\0';
	assert_true(table_text_copy(&t, s, strlen(s)));
	while ((step = table_text_next(&t, &e)) == TABLE_STEP_ENTRY)
		n += (size_t)snprintf(to + n, size - n, "%u %s%s%s;", e.line, e.key, e.value == NULL ? "" : "=",
		    e.value == NULL ? "" : e.value);
	if (step == TABLE_STEP_INVALID)
		snprintf(to + n, size - n, "!%u %s", t.line, t.why);
	table_text_free(&t);
}

static void
a_table_file_is_read_line_by_line(void **state)
{
	char got[512];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		render_text(got, sizeof got, texts[i].text);
		assert_string_equal(got, texts[i].entries);
	}
}

static void
a_key_over_1023_octets_or_a_nul_is_invalid(void **state)
{
	char line[1100];
	char got[4096];
	struct table_text t = TABLE_TEXT_ZERO;
	struct table_entry e;

	(void)state;
	memset(line, 'a', sizeof line);
	line[1024] = '\0';
	render_text(got, sizeof got, line);
	assert_string_equal(got, "!1 the key is longer than 1023 octets");
	assert_true(table_text_copy(&t, "a\0b: c\n", 7));
	assert_int_equal(table_text_next(&t, &e), TABLE_STEP_INVALID);
	assert_string_equal(t.why, "the line holds a NUL");
	table_text_free(&t);
}

static void
doubtful_lines_are_pointed_out(void **state)
{
	static const char text[] = "a: b # c\nd: e,\n  f\n  g: h\n";
	static const unsigned doubts[] = { TABLE_DOUBT_COMMENT, TABLE_DOUBT_CONTINUED, TABLE_DOUBT_INDENTED };
	struct table_text t = TABLE_TEXT_ZERO;
	struct table_entry e;

	(void)state;
	assert_true(table_text_copy(&t, text, sizeof text - 1));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(table_text_next(&t, &e), TABLE_STEP_ENTRY);
		assert_int_equal(t.doubts, doubts[i]);
	}
	assert_int_equal(t.doubt_line, 4);
	table_text_free(&t);
}

/* ---- lookups ---- */

static enum lookup
look(struct table_set *set, const struct conf_table *t, enum service service, const char *key, char *got,
    size_t size)
{
	stralloc value = STRALLOC_ZERO, why = STRALLOC_ZERO;
	enum lookup answer = table_lookup(set, t, service, &key, 1, &value, NULL, &why);
	const stralloc *said = answer == LOOKUP_FOUND ? &value : &why;

	snprintf(got, size, "%.*s", (int)said->len, said->len > 0 ? said->s : "");
	stralloc_free(&value);
	stralloc_free(&why);
	return answer;
}

static const struct conf_table file_table = { .name = "aliases", .kind = TABLE_FILE, .type = "file", .path = path };
static const struct conf_table db_table = { .name = "aliases", .kind = TABLE_DB, .type = "db", .path = path };

static void
a_file_table_is_read_again_when_it_is_replaced(void **state)
{
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);
	char got[256], expected[256];

	(void)state;
	write_text("root: bob\n");
	assert_int_equal(look(set, &file_table, SERVICE_ALIAS, "ROOT", got, sizeof got), LOOKUP_FOUND);
	assert_string_equal(got, "bob");
	assert_int_equal(look(set, &file_table, SERVICE_ALIAS, "alice", got, sizeof got), LOOKUP_ABSENT);
	assert_string_equal(got, "");
	write_text("root: alice\n");
	assert_int_equal(look(set, &file_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_FOUND);
	assert_string_equal(got, "alice");
	write_text("root: alice\nbob\n");
	snprintf(expected, sizeof expected, "%s:2: an entry without value among others that have one", path);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(look(set, &file_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_BROKEN);
		assert_string_equal(got, expected);
	}
	unlink(path);
	assert_int_equal(look(set, &file_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_LATER);
	write_text("root: carol\n");
	assert_int_equal(look(set, &file_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_FOUND);
	table_set_free(set);
}

static void
the_first_key_that_is_there_decides(void **state)
{
	static const char *const keys[] = { "bob+tag", "bob", "root" };
	struct conf_pair pairs[] = { { "root", "x" }, { "bob", "y" } };
	struct conf_table t = { .name = "t", .kind = TABLE_INLINE, .entries = pairs, .nentries = 2 };
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);
	stralloc value = STRALLOC_ZERO;
	size_t which;

	(void)state;
	assert_int_equal(table_lookup(set, &t, SERVICE_ALIAS, keys, 3, &value, &which, NULL), LOOKUP_FOUND);
	assert_int_equal(which, 1);
	assert_memory_equal(value.s, "y", 1);
	stralloc_free(&value);
	table_set_free(set);
}

static void
a_db_table_answers_from_its_cdb_file(void **state)
{
	static const char *const pairs[] = { "root", "bob", "empty", "", "*.example.org", "<set>" };
	static const char *const other[] = { "root", "alice" };
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);
	char got[256];

	(void)state;
	write_cdb(pairs, 3);
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "Root", got, sizeof got), LOOKUP_FOUND);
	assert_string_equal(got, "bob");
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "empty", got, sizeof got), LOOKUP_FOUND);
	assert_string_equal(got, "");
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "x", got, sizeof got), LOOKUP_ABSENT);
	assert_int_equal(table_match(set, &db_table, SERVICE_DOMAIN, "a.b.Example.org", NULL), LOOKUP_FOUND);
	unlink(path);
	write_cdb(other, 1);
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_FOUND);
	assert_string_equal(got, "alice");
	assert_int_equal(table_match(set, &db_table, SERVICE_DOMAIN, "a.b.example.org", NULL), LOOKUP_ABSENT);
	table_set_free(set);
}

static void
what_is_no_cdb_file_is_broken_and_never_absent(void **state)
{
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);
	char junk[4096], got[256];

	(void)state;
	write_text("root: bob\n");
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_BROKEN);
	memset(junk, 0xff, sizeof junk);
	write_file(path, junk, sizeof junk);
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_BROKEN);
	memcpy(junk + 12, "\x61\x15\x06\x00", 4);
	write_file(path, junk, sizeof junk);
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_BROKEN);
	assert_non_null(strstr(got, "Berkeley DB"));
	unlink(path);
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_LATER);
	mkdir(path, 0700);
	assert_int_equal(look(set, &db_table, SERVICE_ALIAS, "root", got, sizeof got), LOOKUP_BROKEN);
	rmdir(path);
	table_set_free(set);
}

static void
a_cdb_file_cut_short_under_a_reader_is_an_error(void **state)
{
	static const char *const pairs[] = { "root", "bob" };
	struct table_cdb c = TABLE_CDB_ZERO;
	stralloc value = STRALLOC_ZERO;
	const char *why;
	bool is_there;

	(void)state;
	write_cdb(pairs, 1);
	assert_true(table_cdb_open(&c, open(path, O_RDONLY | O_CLOEXEC), &why));
	assert_int_equal(truncate(path, 2050), 0);
	assert_false(table_cdb_find(&c, &is_there, "root", 4, &value));
	table_cdb_close(&c);
	stralloc_free(&value);
}

static void
a_map_over_4_gib_does_not_fit(void **state)
{
	(void)state;
	assert_true(table_cdb_fits(2048, 0));
	assert_true(table_cdb_fits(UINT32_MAX - 16, 1));
	assert_false(table_cdb_fits(UINT32_MAX - 15, 1));
	assert_false(table_cdb_fits((uint64_t)UINT32_MAX + 1, 0));
}

static void
a_table_whose_program_is_missing_is_to_be_asked_later_and_says_so(void **state)
{
	struct conf_table t = { .name = "users", .kind = TABLE_SQLITE, .type = "sqlite", .path = "/etc/mail/sqlite" };
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);
	char got[256];

	(void)state;
	assert_int_equal(setenv("PIPEPOST_BIN", "/nowhere", 1), 0);
	assert_int_equal(look(set, &t, SERVICE_ALIAS, "bob", got, sizeof got), LOOKUP_LATER);
	assert_string_equal(got, "/etc/mail/sqlite: cannot run /nowhere/sqlite-lookup: No such file or directory");
	assert_true(table_may_wait(&t));
	assert_false(table_may_wait(&file_table));
	table_set_free(set);
}

/* ---- what may wait ---- */

static void
a_source_has_a_bit_and_tables_that_share_it_have_the_same(void **state)
{
	struct conf_table tables[70] = {
		{ .name = "getpwnam", .kind = TABLE_SYSTEM, .path = "" },
		{ .name = "domains", .kind = TABLE_SQLITE, .path = "/etc/one" },
		{ .name = "inline", .kind = TABLE_INLINE, .path = "" },
		{ .name = "users", .kind = TABLE_SQLITE, .path = "/etc/one" },
		{ .name = "others", .kind = TABLE_SQLITE, .path = "/etc/two" },
		{ .name = "program", .kind = TABLE_EXEC, .path = "/etc/one" },
	};
	struct conf c = { .path = "x", .tables = tables, .ntables = sizeof tables / sizeof tables[0] };

	(void)state;
	for (size_t i = 6; i < c.ntables; i++)
		tables[i] = (struct conf_table){ .name = "x", .kind = TABLE_EXEC, .path = "/etc/x" };
	assert_true(table_sources(&c, &tables[1]) == 2);
	assert_true(table_sources(&c, &tables[2]) == 0);
	assert_true(table_sources(&c, &tables[3]) == 2);
	assert_true(table_sources(&c, &tables[4]) == 16);
	assert_true(table_sources(&c, &tables[5]) == 32);
	assert_true(table_sources(&c, &tables[6]) == 64);
	assert_true(table_sources(&c, &tables[7]) == 128);
	assert_true(table_sources(&c, &tables[63]) == (uint64_t)1 << 63);
	assert_true(table_sources(&c, &tables[69]) == (uint64_t)1 << 63);
}

static void
a_table_that_may_wait_is_not_asked_where_that_is_not_permitted(void **state)
{
	struct conf_pair entry = { "bob", "x" };
	struct conf_table tables[] = {
		{ .name = "inline", .kind = TABLE_INLINE, .path = "", .entries = &entry, .nentries = 1 },
		{ .name = "one", .kind = TABLE_EXEC, .type = "exec", .path = "/nowhere/one" },
		{ .name = "two", .kind = TABLE_EXEC, .type = "exec", .path = "/nowhere/two" },
	};
	struct conf c = { .path = "x", .tables = tables, .ntables = 3 };
	struct table_set *set = table_set_new(&c);
	char got[256];

	(void)state;
	table_set_permit(set, 2);
	assert_int_equal(look(set, &tables[0], SERVICE_ALIAS, "bob", got, sizeof got), LOOKUP_FOUND);
	assert_int_equal(look(set, &tables[1], SERVICE_ALIAS, "bob", got, sizeof got), LOOKUP_LATER);
	assert_string_equal(got, "/nowhere/one: No such file or directory");	/* asked */
	assert_true(table_set_refused(set) == 0);
	assert_int_equal(look(set, &tables[2], SERVICE_ALIAS, "bob", got, sizeof got), LOOKUP_LATER);
	assert_int_equal(table_match(set, &tables[2], SERVICE_DOMAIN, "bob", NULL), LOOKUP_LATER);
	assert_true(table_set_refused(set) == 4);
	table_set_permit(set, 6);
	assert_true(table_set_refused(set) == 0);
	assert_int_equal(look(set, &tables[2], SERVICE_ALIAS, "bob", got, sizeof got), LOOKUP_LATER);
	assert_true(table_set_refused(set) == 0);
	table_set_free(set);
}

/* ---- matching ---- */

static void
match_all(enum service service, struct conf_pair *entries, size_t n, const char *const yes[], const char *const no[])
{
	struct conf_table t = { .name = "t", .kind = TABLE_INLINE, .entries = entries, .nentries = n };
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);

	for (; *yes != NULL; yes++)
		if (table_match(set, &t, service, *yes, NULL) != LOOKUP_FOUND)
			fail_msg("%s should match", *yes);
	for (; *no != NULL; no++)
		if (table_match(set, &t, service, *no, NULL) != LOOKUP_ABSENT)
			fail_msg("%s should not match", *no);
	table_set_free(set);
}

static void
domains_match_with_wildcards_over_any_number_of_labels(void **state)
{
	struct conf_pair entries[] = { { "example.org", NULL }, { "*.example.org", NULL }, { "mail.*.net", NULL } };
	static const char *const yes[] = { "example.org", "EXAMPLE.org", "a.example.org", "a.b.example.org",
		"mail.x.y.net", NULL };
	static const char *const no[] = { "", "org", "xexample.org", "example.org.evil", "mail.net", "*.example.com",
		NULL };

	(void)state;
	match_all(SERVICE_DOMAIN, entries, 3, yes, no);
}

static void
networks_match_in_binary_and_families_never_mix(void **state)
{
	struct conf_pair entries[] = { { "10.0.0.0/9", NULL }, { "192.0.2.7", NULL }, { "2001:db8::/33", NULL },
		{ "[::1]", NULL }, { "ipv6:fe80::1", NULL }, { "local", NULL } };
	static const char *const yes[] = { "10.127.0.1", "192.0.2.7", "2001:db8:7fff::1", "::1", "IPv6:::1", "[::1]",
		"0:0:0:0:0:0:0:1", "fe80::1", "local", NULL };
	static const char *const no[] = { "10.128.0.1", "192.0.2.8", "2001:db8:8000::1", "::2", "0.0.0.1",
		"::ffff:10.0.0.1", "unknown", NULL };

	(void)state;
	match_all(SERVICE_NETADDR, entries, 6, yes, no);
}

static void
a_network_table_with_something_else_in_it_is_broken(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33", "host.example.org", "10.0.0", "10.0.0.0/255.0.0.0", "::/129" };
	struct conf c = { .path = "x" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct conf_pair entry = { bad[i], NULL };
		struct conf_table t = { .name = "<n>", .kind = TABLE_INLINE, .entries = &entry, .nentries = 1 };
		struct table_set *set = table_set_new(&c);

		assert_int_equal(table_match(set, &t, SERVICE_NETADDR, "10.0.0.1", NULL), LOOKUP_BROKEN);
		table_set_free(set);
	}
}

static void
mail_addresses_match_whole_by_domain_or_by_user(void **state)
{
	struct conf_pair entries[] = { { "bob@example.org", NULL }, { "@example.net", NULL }, { "@*.example.net", NULL },
		{ "postmaster", NULL }, { "news@*.com", NULL } };
	static const char *const yes[] = { "Bob@Example.org", "x@example.net", "x@a.b.example.net", "postmaster@any.where",
		"news@x.com", NULL };
	static const char *const no[] = { "", "bob@example.com", "bob", "x@example.org", "x@yexample.net", "olds@x.com",
		NULL };
	struct conf_pair everyone[] = { { "@", NULL } };
	static const char *const all[] = { "", "a@b", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	match_all(SERVICE_MAILADDR, entries, 5, yes, no);
	match_all(SERVICE_MAILADDR, everyone, 1, all, none);
}

static void
a_pattern_of_many_stars_is_still_answered_at_once(void **state)
{
	char pattern[201], s[1001];

	(void)state;
	for (size_t i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[200] = '\0';
	memset(s, 'a', 1000);
	s[1000] = '\0';
	assert_true(table_glob(pattern, s));
	s[999] = 'b';
	assert_false(table_glob(pattern, s));
}

/* ---- users ---- */

static void
rows_of_users_are_checked(void **state)
{
	static const struct {
		const char *row;
		enum lookup answer;
	} rows[] = {
		{ "1000:1001:/home/bob", LOOKUP_FOUND }, { "0:1001:/home/bob", LOOKUP_ABSENT },
		{ "1000:0:/home/bob", LOOKUP_ABSENT }, { "-1:1:/h", LOOKUP_ABSENT }, { "1000:-1:/h", LOOKUP_ABSENT },
		{ "4294967295:1:/h", LOOKUP_ABSENT }, { "1000:1001:home", LOOKUP_BROKEN },
		{ "1000:1001:", LOOKUP_BROKEN }, { "1000:1001", LOOKUP_BROKEN }, { "x:1:/h", LOOKUP_BROKEN },
		{ "4294967296:1:/h", LOOKUP_BROKEN }, { "99:1001:/h", LOOKUP_BROKEN }, { "", LOOKUP_BROKEN },
	};
	struct conf c = { .path = "x", .min_uid = 100 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf_pair entry = { "bob", rows[i].row };
		struct conf_table t = { .name = "users", .kind = TABLE_INLINE, .entries = &entry, .nentries = 1 };
		struct table_set *set = table_set_new(&c);
		struct userinfo u;

		if (table_userinfo(set, &t, "bob", NULL, &u, NULL) != rows[i].answer)
			fail_msg("the row '%s'", rows[i].row);
		if (rows[i].answer == LOOKUP_FOUND) {
			assert_int_equal(u.uid, 1000);
			assert_int_equal(u.gid, 1001);
			assert_string_equal(u.home, "/home/bob");
			assert_string_equal(u.name, "bob");
			assert_false(u.is_system);
		}
		userinfo_free(&u);
		table_set_free(set);
	}
}

static void
the_accounts_of_this_system_are_a_table(void **state)
{
	struct conf_table t = { .name = "getpwnam", .kind = TABLE_SYSTEM, .type = "getpwnam", .path = "" };
	struct conf c = { .path = "x", .min_uid = 100 };
	struct table_set *set = table_set_new(&c);
	struct userinfo u;

	(void)state;
	assert_int_equal(table_userinfo(set, &t, "root", NULL, &u, NULL), LOOKUP_FOUND);
	assert_int_equal(u.uid, 0);
	assert_true(u.is_system);
	userinfo_free(&u);
	assert_int_equal(table_userinfo(set, &t, "no-such-user-here", NULL, &u, NULL), LOOKUP_ABSENT);
	assert_int_equal(table_userinfo(set, &t, "", NULL, &u, NULL), LOOKUP_ABSENT);
	assert_int_equal(table_userinfo(set, &t, "../root", NULL, &u, NULL), LOOKUP_ABSENT);
	table_set_free(set);
}

static void
source_addresses_are_taken_in_turn(void **state)
{
	struct conf_pair entries[] = { { "192.0.2.1", NULL }, { "[ipv6:2001:db8::1]", NULL } };
	struct conf_table t = { .name = "s", .kind = TABLE_INLINE, .entries = entries, .nentries = 2 };
	struct conf c = { .path = "x" };
	struct table_set *set = table_set_new(&c);
	stralloc value = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(table_fetch(set, &t, SERVICE_SOURCE, 7, &value, NULL), LOOKUP_FOUND);
	assert_int_equal(value.len, 11);
	assert_memory_equal(value.s, "2001:db8::1", 11);
	assert_int_equal(table_fetch(set, &t, SERVICE_SOURCE, 2, &value, NULL), LOOKUP_FOUND);
	assert_memory_equal(value.s, "192.0.2.1", 9);
	stralloc_free(&value);
	table_set_free(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_file_is_read_line_by_line),
		cmocka_unit_test(a_key_over_1023_octets_or_a_nul_is_invalid),
		cmocka_unit_test(doubtful_lines_are_pointed_out),
		cmocka_unit_test(a_file_table_is_read_again_when_it_is_replaced),
		cmocka_unit_test(the_first_key_that_is_there_decides),
		cmocka_unit_test(a_db_table_answers_from_its_cdb_file),
		cmocka_unit_test(what_is_no_cdb_file_is_broken_and_never_absent),
		cmocka_unit_test(a_cdb_file_cut_short_under_a_reader_is_an_error),
		cmocka_unit_test(a_map_over_4_gib_does_not_fit),
		cmocka_unit_test(a_table_whose_program_is_missing_is_to_be_asked_later_and_says_so),
		cmocka_unit_test(a_source_has_a_bit_and_tables_that_share_it_have_the_same),
		cmocka_unit_test(a_table_that_may_wait_is_not_asked_where_that_is_not_permitted),
		cmocka_unit_test(domains_match_with_wildcards_over_any_number_of_labels),
		cmocka_unit_test(networks_match_in_binary_and_families_never_mix),
		cmocka_unit_test(a_network_table_with_something_else_in_it_is_broken),
		cmocka_unit_test(mail_addresses_match_whole_by_domain_or_by_user),
		cmocka_unit_test(a_pattern_of_many_stars_is_still_answered_at_once),
		cmocka_unit_test(rows_of_users_are_checked),
		cmocka_unit_test(the_accounts_of_this_system_are_a_table),
		cmocka_unit_test(source_addresses_are_taken_in_turn),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
