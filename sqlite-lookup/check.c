/* check: see check.h.
 *
 * Everything is found in one pass. Warnings never make the check fail, and a
 * question for duplicates that takes too long is left without an answer. */
#include "sqlite-lookup/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/allreadwrite.h>

#include "lib/printable.h"
#include "sqlite-lookup/hint.h"
#include "sqlite-lookup/key.h"

enum {
	CHECK_SECONDS = 30,		/* for each question to the database */
	COLUMNS_MAX = 16,		/* of those a query reads, that may hold its key */
	DUPLICATES_MAX = 100,		/* of one column, tried as keys */
};

struct check {
	struct database *d;
	bool has_errors;
	stralloc out;
};

static void
flush(struct check *k)
{
	allwrite(2, k->out.s, k->out.len);
	k->out.len = 0;
}

/* Prints "CONFIG:LINE: warning: KEY: words". */
static void __attribute__((format(printf, 3, 4)))
warn(struct check *k, enum query q, const char *format, ...)
{
	const struct config *c = k->d->config;
	char words[1024], line[32];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	snprintf(line, sizeof line, ":%u: warning: ", c->queries[q].line);
	if (printable_append(&k->out, c->path, strlen(c->path)) && stralloc_cats(&k->out, line) &&
	    stralloc_cats(&k->out, query_kinds[q].key) && stralloc_cats(&k->out, ": ") &&
	    printable_append(&k->out, words, strlen(words)) && stralloc_cats(&k->out, "\n"))
		flush(k);
}

static void
print_config_message(struct check *k, const struct config_message *m)
{
	const struct config *c = k->d->config;
	bool is_error = config_is_error(m);

	k->has_errors = k->has_errors || is_error;
	if (config_describe(&k->out, c, m, is_error ? "" : "warning: ") && stralloc_cats(&k->out, "\n"))
		flush(k);
}

static void
print_error(struct check *k, struct answer *a)
{
	k->has_errors = true;
	if (stralloc_catb(&k->out, a->why.s, a->why.len) && stralloc_cats(&k->out, "\n"))
		flush(k);
}

/* ---- what is legal and yet often a mistake ---- */

static void
warn_of_parameters(struct check *k, enum query q)
{
	sqlite3_stmt *s = k->d->prepared[q];
	int n = sqlite3_bind_parameter_count(s);
	bool is_first = true;

	for (int i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);
		enum parameter p = key_parameter(name, is_first);

		if (p == PARAMETER_NULL)
			warn(k, q, "the parameter %s stays NULL and never matches: "
			    "write ?1 for the key in every place", name == NULL ? "? after the first" : name);
		else if (p != PARAMETER_KEY && !query_kinds[q].has_parts)
			warn(k, q, "%s stays NULL and never matches, since the key is no address of a user",
			    name);
		is_first = is_first && name != NULL;
	}
}

/* A query that needs "Y" to be a string is refused by builds and programs that do not allow it. */
static void
warn_of_double_quotes(struct check *k, enum query q)
{
	const char *sql = k->d->config->queries[q].text;
	sqlite3 *db = k->d->db;
	sqlite3_stmt *s = NULL;

	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		warn(k, q, "%s: a string stands in single quotes; double quotes are for names",
		    sqlite3_errmsg(db));
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 1, NULL);
	sqlite3_finalize(s);
}

static void
warn_of_tail(struct check *k, enum query q)
{
	sqlite3_stmt *s = NULL;
	const char *tail = "";

	if (sqlite3_prepare_v2(k->d->db, k->d->config->queries[q].text, -1, &s, &tail) == SQLITE_OK &&
	    tail[strspn(tail, " \t;")] != '\0')
		warn(k, q, "what follows the first statement is ignored: %.60s", tail);
	sqlite3_finalize(s);
}

/* ---- one name, several users ---- */

struct column {
	char *table, *name;
};

struct columns {
	struct column columns[COLUMNS_MAX];
	size_t n;
};

/* SQLite's authorizer: notes each column that a query reads. */
static int
note_column(void *arg, int action, const char *table, const char *name, const char *database, const char *view)
{
	struct columns *c = arg;

	(void)database, (void)view;
	if (action != SQLITE_READ || table == NULL || name == NULL || *name == '\0' || c->n == COLUMNS_MAX)
		return SQLITE_OK;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->columns[i].table, table) == 0 && strcmp(c->columns[i].name, name) == 0)
			return SQLITE_OK;
	c->columns[c->n] = (struct column){ strdup(table), strdup(name) };
	if (c->columns[c->n].table != NULL && c->columns[c->n].name != NULL)
		c->n++;
	return SQLITE_OK;
}

static void
read_columns(struct check *k, enum query q, struct columns *c)
{
	sqlite3_stmt *s = NULL;

	sqlite3_set_authorizer(k->d->db, note_column, c);
	sqlite3_prepare_v2(k->d->db, k->d->config->queries[q].text, -1, &s, NULL);
	sqlite3_set_authorizer(k->d->db, NULL, NULL);
	sqlite3_finalize(s);
}

/* Prepares a query for the values that a column holds more than once. */
static sqlite3_stmt *
prepare_duplicates(sqlite3 *db, const struct column *c)
{
	char *sql = sqlite3_mprintf("select \"%w\" from \"%w\" where typeof(\"%w\") = 'text' "
	    "group by 1 having count(*) > 1 limit %d", c->name, c->table, c->name, DUPLICATES_MAX);
	sqlite3_stmt *s = NULL;

	if (sql != NULL)
		sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	sqlite3_free(sql);
	return s;
}

/* Tries whether a value that the column holds twice is a key for which rows differ. */
static bool
has_ambiguous_key(struct check *k, enum query q, const struct column *c)
{
	sqlite3_stmt *s = prepare_duplicates(k->d->db, c);
	struct answer a = ANSWER_ZERO;
	bool is_found = false;
	const char *key;

	while (!is_found && s != NULL && sqlite3_step(s) == SQLITE_ROW &&
	    (key = (const char *)sqlite3_column_text(s, 0)) != NULL) {
		char *copy = strdup(key);

		if (copy == NULL)
			break;
		is_found = database_ask_key(k->d, q, copy, &a) == LOOKUP_FOUND && a.has_twins;
		if (is_found)
			warn(k, q, "'%s' has several rows that differ, and the first is used: to tell users of "
			    "several domains apart, compare with :user and :domain, or with :address", copy);
		free(copy);
	}
	sqlite3_finalize(s);
	stralloc_free(&a.values);
	stralloc_free(&a.why);
	return is_found;
}

static void
warn_of_ambiguous_keys(struct check *k, enum query q)
{
	struct columns c = { .n = 0 };
	bool is_found = false;

	read_columns(k, q, &c);
	database_start_clock(k->d);
	for (size_t i = 0; i < c.n; i++) {
		is_found = is_found || has_ambiguous_key(k, q, &c.columns[i]);
		free(c.columns[i].table);
		free(c.columns[i].name);
	}
}

/* ---- queries ---- */

static void
check_query(struct check *k, enum query q, const struct permission *p)
{
	struct answer a = ANSWER_ZERO;
	int offset;

	database_start_clock(k->d);
	if (database_prepare(k->d, q, &offset, &a) != LOOKUP_FOUND) {
		const char *sql = k->d->config->queries[q].text;

		print_error(k, &a);
		if (offset >= 0 && hint_show(&k->out, sql, hint_place(sql, offset)))
			flush(k);
	} else {
		warn_of_parameters(k, q);
		warn_of_double_quotes(k, q);
		warn_of_tail(k, q);
		if (q == QUERY_USERINFO || (q == QUERY_CREDENTIALS && permission_has(p, q)))
			warn_of_ambiguous_keys(k, q);
	}
	stralloc_free(&a.values);
	stralloc_free(&a.why);
}

static void
check_queries(struct check *k, const struct permission *p)
{
	struct answer a = ANSWER_ZERO;

	database_start_clock(k->d);
	if (database_open_readable(k->d, &a) != LOOKUP_FOUND) {
		print_error(k, &a);
	} else {
		for (int q = 0; q < QUERY_COUNT; q++)
			if (k->d->config->queries[q].text != NULL)
				check_query(k, (enum query)q, p);
	}
	stralloc_free(&a.why);
}

bool
check_config(struct database *d, const struct permission *p)
{
	struct check k = { .d = d, .out = STRALLOC_ZERO };
	const struct config *c = d->config;

	d->limit_ms = CHECK_SECONDS * 1000;
	for (size_t i = 0; i < c->nmessages; i++)
		print_config_message(&k, &c->messages[i]);
	if (config_error(c) == NULL)
		check_queries(&k, p);
	database_close(d);
	stralloc_free(&k.out);
	return !k.has_errors;
}
