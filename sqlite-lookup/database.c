/* database: see database.h.
 *
 * What SQLite reports becomes one of four answers: a lock, a missing file, an
 * I/O error or no memory is LATER; everything that stays wrong until somebody
 * mends it (SQL, schema, a damaged file) is BROKEN. ABSENT is said only after
 * every key was asked.
 *
 * A database in WAL mode that nobody has open can be read only by a process
 * that makes files beside it, or as "immutable", without locks. We do the
 * latter, and afterwards look whether anybody has changed it meanwhile. */
#include "sqlite-lookup/database.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/lookup.h"
#include "lib/printable.h"
#include "sqlite-lookup/file.h"
#include "sqlite-lookup/hint.h"
#include "sqlite-lookup/key.h"
#include "sqlite-lookup/row.h"

enum {
	STEPS_PER_LOOK = 2000,		/* of SQLite's machine, between two looks at the clock */
	WAIT_MS_MAX = 50,		/* between two attempts at a lock */
	SETTLE_MS = 100,		/* before a changed file is read once more */
	MESSAGE_MAX = 1024,
	WHY_MAX = 2000,			/* fits a reply */
};

void
database_configure_library(void)
{
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_URI, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);	/* pages as they are needed, not 20 at once */
}

void
database_init(struct database *d, const struct config *c)
{
	*d = (struct database){ .config = c, .limit_ms = LOOKUP_SECONDS * 1000 };
}

void
database_close(struct database *d)
{
	for (int q = 0; q < QUERY_COUNT; q++) {
		sqlite3_finalize(d->prepared[q]);
		d->prepared[q] = NULL;
	}
	sqlite3_close(d->db);
	d->db = NULL;
	d->is_immutable = false;
}

/* ---- words ---- */

/* Replaces a->why by "CONFIG:LINE: KEY: words" and returns answer. */
static enum lookup __attribute__((format(printf, 5, 6)))
say(struct database *d, struct answer *a, enum query q, enum lookup answer, const char *format, ...)
{
	char words[MESSAGE_MAX], line[32];
	bool is_query = q != QUERY_COUNT;
	const struct config_value *at = is_query ? &d->config->queries[q] : &d->config->dbpath;
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	snprintf(line, sizeof line, at->line == 0 ? ": " : ":%u: ", at->line);
	a->why.len = 0;
	/* Without memory: fewer words, the same answer. */
	if (printable_append(&a->why, d->config->path, strlen(d->config->path)) &&
	    stralloc_cats(&a->why, line) && stralloc_cats(&a->why, is_query ? query_kinds[q].key : "dbpath") &&
	    stralloc_cats(&a->why, ": "))
		printable_append(&a->why, words, strlen(words));
	if (a->why.len > WHY_MAX)
		a->why.len = WHY_MAX;
	return answer;
}

static enum lookup
answer_for(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
	case SQLITE_READONLY:
	case SQLITE_INTERRUPT:
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
	case SQLITE_SCHEMA:
	case SQLITE_PERM:
		return LOOKUP_LATER;
	default:
		return LOOKUP_BROKEN;
	}
}

/* The answer for SQLite's code, in its own words and ours. */
static enum lookup
say_sqlite(struct database *d, struct answer *a, enum query q, int code)
{
	const char *hint = q != QUERY_COUNT && d->db != NULL ?
	    hint_for(d->config->queries[q].text, sqlite3_error_offset(d->db)) : NULL;
	int error = d->db != NULL ? sqlite3_system_errno(d->db) : 0;
	const char *words = d->db != NULL ? sqlite3_errmsg(d->db) : sqlite3_errstr(code);

	if ((code & 0xff) == SQLITE_INTERRUPT)
		return say(d, a, q, LOOKUP_LATER, "stopped after %d seconds (an index may be missing)",
		    (int)(d->limit_ms / 1000));
	if ((code & 0xff) == SQLITE_CANTOPEN && file_has_companion(d->config->dbpath.text, "-wal"))
		return say(d, a, q, LOOKUP_LATER, "%s: its -wal has contents that nobody has brought in: "
		    "open it once with the program that writes it", words);
	if ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR)
		return say(d, a, q, LOOKUP_LATER, "%s: %s%s%s", d->config->dbpath.text, words,
		    error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	return say(d, a, q, answer_for(code), "%s%s%s", words, hint != NULL ? ": " : "",
	    hint != NULL ? hint : "");
}

/* ---- time ---- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static void
sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

void
database_start_clock(struct database *d)
{
	d->deadline_ms = now_ms() + d->limit_ms;
}

/* SQLite's progress handler: not 0 stops the query. */
static int
is_time_over(void *arg)
{
	struct database *d = arg;

	return now_ms() >= d->deadline_ms;
}

/* SQLite's busy handler: 0 gives up. */
static int
wait_for_lock(void *arg, int attempts)
{
	if (is_time_over(arg))
		return 0;
	sleep_ms(attempts < 5 ? 1 << attempts : WAIT_MS_MAX);
	return 1;
}

/* ---- opening ---- */

static void
set_up(struct database *d)
{
	sqlite3_extended_result_codes(d->db, 1);
	/* The how-to writes active="Y". Some builds of SQLite refuse that by default. */
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_DQS_DML, 1, NULL);
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_DQS_DDL, 1, NULL);
	/* Whoever may write the database decides about mail, not about this process. */
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(d->db, SQLITE_LIMIT_LENGTH, VALUE_OCTETS_MAX);
	sqlite3_busy_handler(d->db, wait_for_lock, d);
	sqlite3_progress_handler(d->db, STEPS_PER_LOOK, is_time_over, d);
}

static enum lookup
open_as(struct database *d, bool is_immutable, struct answer *a)
{
	const char *path = d->config->dbpath.text;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | (is_immutable ? SQLITE_OPEN_URI : 0), code;
	stralloc uri = STRALLOC_ZERO;

	database_close(d);
	if (is_immutable && !file_append_immutable_uri(&uri, path))
		return say(d, a, QUERY_COUNT, LOOKUP_LATER, "out of memory");
	code = sqlite3_open_v2(is_immutable ? uri.s : path, &d->db, flags, NULL);
	stralloc_free(&uri);
	if (code != SQLITE_OK) {
		enum lookup answer = say_sqlite(d, a, QUERY_COUNT, code);

		database_close(d);
		return answer;
	}
	d->is_immutable = is_immutable;
	set_up(d);
	return LOOKUP_FOUND;
}

/* Opens the file at dbpath, unless it is open already. */
static enum lookup
open_file(struct database *d, struct answer *a)
{
	const char *path = d->config->dbpath.text;
	struct stat now;

	if (stat(path, &now) == -1) {
		database_close(d);
		return say(d, a, QUERY_COUNT, LOOKUP_LATER, "%s: %s", path, strerror(errno));
	}
	if (d->db != NULL && d->stamp.st_dev == now.st_dev && d->stamp.st_ino == now.st_ino)
		return LOOKUP_FOUND;
	if (!S_ISREG(now.st_mode)) {	/* a FIFO would stop us */
		database_close(d);
		return say(d, a, QUERY_COUNT, LOOKUP_BROKEN, "%s: is not a regular file", path);
	}
	d->stamp = now;
	return open_as(d, file_is_wal_at_rest(path), a);
}

/* After a failed attempt: whether the database can be read as immutable only, and now is open so. */
static bool
reopen_immutable(struct database *d, struct answer *a)
{
	int code = d->db != NULL ? sqlite3_errcode(d->db) & 0xff : SQLITE_OK;
	const char *path = d->config->dbpath.text;

	if (d->is_immutable || (code != SQLITE_CANTOPEN && code != SQLITE_READONLY))
		return false;
	return !file_has_companion(path, "-wal") && !file_has_companion(path, "-journal") &&
	    stat(path, &d->stamp) == 0 && open_as(d, true, a) == LOOKUP_FOUND;
}

static enum lookup
read_schema(struct database *d, struct answer *a)
{
	int code = sqlite3_exec(d->db, "select 1 from sqlite_master limit 1", NULL, NULL, NULL);

	return code == SQLITE_OK ? LOOKUP_FOUND : say_sqlite(d, a, QUERY_COUNT, code);
}

enum lookup
database_open_readable(struct database *d, struct answer *a)
{
	enum lookup answer = open_file(d, a);

	if (answer == LOOKUP_FOUND)
		answer = read_schema(d, a);
	if (answer == LOOKUP_LATER && reopen_immutable(d, a))
		answer = read_schema(d, a);
	return answer;
}

/* ---- preparing ---- */

static enum lookup
check_parameters(struct database *d, enum query q, sqlite3_stmt *s, struct answer *a)
{
	int n = sqlite3_bind_parameter_count(s), useful = 0;
	bool is_first = true;

	if (q == QUERY_FETCH_SOURCE)
		return n == 0 ? LOOKUP_FOUND : say(d, a, q, LOOKUP_BROKEN, "has no key and takes no parameter");
	for (int i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);
		enum parameter p = key_parameter(name, is_first);

		if (p == PARAMETER_UNKNOWN)
			return say(d, a, q, LOOKUP_BROKEN,
			    "no parameter %s: there are ?, :user, :domain and :address", name);
		is_first = is_first && name != NULL;
		useful += p != PARAMETER_NULL;
	}
	return useful > 0 ? LOOKUP_FOUND :
	    say(d, a, q, LOOKUP_BROKEN, "asks for no key: write ? where it belongs");
}

static enum lookup
check_statement(struct database *d, enum query q, sqlite3_stmt *s, struct answer *a)
{
	const struct query_kind *kind = &query_kinds[q];
	int columns;

	if (s == NULL)
		return say(d, a, q, LOOKUP_BROKEN, "there is no statement");
	if (!sqlite3_stmt_readonly(s))
		return say(d, a, q, LOOKUP_BROKEN, "only select is allowed");
	columns = sqlite3_column_count(s);
	if (columns != kind->columns && !row_has_active(s, q))
		return say(d, a, q, LOOKUP_BROKEN, "gives %d column%s, %d needed: %s", columns,
		    columns == 1 ? "" : "s", kind->columns, kind->meaning);
	return check_parameters(d, q, s, a);
}

enum lookup
database_prepare(struct database *d, enum query q, int *offset, struct answer *a)
{
	const char *sql = d->config->queries[q].text;
	sqlite3_stmt *s = NULL;
	enum lookup answer;
	int code;

	*offset = -1;
	if (d->prepared[q] != NULL)
		return LOOKUP_FOUND;
	code = sqlite3_prepare_v2(d->db, sql, -1, &s, NULL);
	if (code != SQLITE_OK) {
		*offset = sqlite3_error_offset(d->db);
		return say_sqlite(d, a, q, code);
	}
	answer = check_statement(d, q, s, a);
	if (answer == LOOKUP_FOUND)
		d->prepared[q] = s;
	else
		sqlite3_finalize(s);
	return answer;
}

/* ---- asking ---- */

static int
bind_text(sqlite3_stmt *s, int i, const char *text, size_t len)
{
	return text == NULL ? sqlite3_bind_null(s, i) : sqlite3_bind_text(s, i, text, (int)len, SQLITE_STATIC);
}

/* The key is only ever bound. It must live until the statement is reset. */
static int
bind_key(sqlite3_stmt *s, const struct key *k)
{
	int n = sqlite3_bind_parameter_count(s), code = SQLITE_OK;
	bool is_first = true;

	for (int i = 1; i <= n && code == SQLITE_OK; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);

		switch (key_parameter(name, is_first)) {
		case PARAMETER_KEY: code = bind_text(s, i, k->text, strlen(k->text)); break;
		case PARAMETER_USER: code = bind_text(s, i, k->user, k->user_len); break;
		case PARAMETER_DOMAIN: code = bind_text(s, i, k->domain, k->domain_len); break;
		case PARAMETER_ADDRESS: code = bind_text(s, i, k->address, strlen(k->text)); break;
		case PARAMETER_NULL:
		case PARAMETER_UNKNOWN: code = sqlite3_bind_null(s, i); break;
		}
		is_first = is_first && name != NULL;
	}
	return code;
}

static enum lookup
say_row(struct database *d, enum query q, enum row row, const char *why, struct answer *a)
{
	if (row == ROW_NO_MEMORY)
		return say(d, a, q, LOOKUP_LATER, "out of memory");
	return say(d, a, q, LOOKUP_BROKEN, "%s", why);
}

/* All rows: a list of values. */
static enum lookup
take_list(struct database *d, enum query q, sqlite3_stmt *s, struct answer *a)
{
	const char *why = "";
	bool has_inactive = false;
	size_t n = 0;
	int code;

	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		enum row row = row_append(&a->values, s, q, &why);

		if (row == ROW_BROKEN || row == ROW_NO_MEMORY)
			return say_row(d, q, row, why, a);
		has_inactive = has_inactive || row == ROW_INACTIVE;
		n += row == ROW_VALUE;
		/* Joined with ", ", each value but the last takes one octet more than with its NUL. */
		if (a->values.len + n > LOOKUP_RESULT_MAX + 2)
			return say(d, a, q, LOOKUP_BROKEN, "the result has more than %d octets",
			    LOOKUP_RESULT_MAX);
	}
	if (code != SQLITE_DONE)
		return say_sqlite(d, a, q, code);
	return n > 0 ? LOOKUP_FOUND : has_inactive ? LOOKUP_INACTIVE : LOOKUP_ABSENT;
}

/* Whether one of the next rows differs from the value we have. */
static enum lookup
look_for_twins(struct database *d, enum query q, sqlite3_stmt *s, struct answer *a)
{
	stralloc other = STRALLOC_ZERO;
	const char *why = "";
	enum row row = ROW_VALUE;
	int code = SQLITE_DONE;

	for (int i = 0; i < TWINS_MAX && !a->has_twins && (code = sqlite3_step(s)) == SQLITE_ROW; i++) {
		other.len = 0;
		row = row_append(&other, s, q, &why);
		if (row == ROW_NO_MEMORY)
			break;
		if (row == ROW_INACTIVE)
			continue;
		a->has_twins = row != ROW_VALUE || other.len != a->values.len ||
		    (other.len > 0 && memcmp(other.s, a->values.s, other.len) != 0);
	}
	stralloc_free(&other);
	if (row == ROW_NO_MEMORY)
		return say_row(d, q, row, why, a);
	return code == SQLITE_ROW || code == SQLITE_DONE ? LOOKUP_FOUND : say_sqlite(d, a, q, code);
}

/* The first row that is not switched off: one value. */
static enum lookup
take_first(struct database *d, enum query q, sqlite3_stmt *s, struct answer *a)
{
	bool may_have_twins = q == QUERY_USERINFO || q == QUERY_CREDENTIALS || q == QUERY_DOMAIN;
	const char *why = "";
	enum lookup otherwise = LOOKUP_ABSENT;
	enum row row = ROW_NOTHING;
	int code;

	while ((code = sqlite3_step(s)) == SQLITE_ROW && (row = row_append(&a->values, s, q, &why)) == ROW_INACTIVE)
		otherwise = LOOKUP_INACTIVE;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return say_sqlite(d, a, q, code);
	if (code == SQLITE_DONE || row == ROW_NOTHING)
		return otherwise;
	if (row != ROW_VALUE)
		return say_row(d, q, row, why, a);
	if (a->values.len > LOOKUP_RESULT_MAX + 1)
		return say(d, a, q, LOOKUP_BROKEN, "the result has more than %d octets", LOOKUP_RESULT_MAX);
	return may_have_twins ? look_for_twins(d, q, s, a) : LOOKUP_FOUND;
}

enum lookup
database_ask_key(struct database *d, enum query q, const char *text, struct answer *a)
{
	sqlite3_stmt *s = d->prepared[q];
	struct key key;
	enum lookup answer;
	int code;

	a->has_twins = false;
	a->values.len = 0;
	if (!key_take(&key, q, text))
		return LOOKUP_ABSENT;
	code = bind_key(s, &key);
	if (code != SQLITE_OK)
		return say_sqlite(d, a, q, code);
	answer = query_kinds[q].is_list ? take_list(d, q, s, a) : take_first(d, q, s, a);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);	/* the key goes out of scope */
	return answer;
}

static enum lookup
ask_keys(struct database *d, enum query q, const char *const keys[], size_t nkeys, struct answer *a)
{
	enum lookup answer;
	int offset;

	answer = open_file(d, a);
	if (answer == LOOKUP_FOUND)
		answer = database_prepare(d, q, &offset, a);
	if (answer != LOOKUP_FOUND)
		return answer;
	answer = LOOKUP_ABSENT;
	for (size_t i = 0; i < nkeys && answer == LOOKUP_ABSENT; i++)
		answer = database_ask_key(d, q, keys[i], a);
	return answer;
}

/* Whether what was read without locks may be a mixture of old and new. */
static bool
is_doubtful(struct database *d)
{
	const char *path = d->config->dbpath.text;
	struct stat now;

	return stat(path, &now) == -1 || !file_is_unchanged(&d->stamp, &now) || file_is_fresh(&now) ||
	    file_has_companion(path, "-wal") || file_has_companion(path, "-journal");
}

/* One attempt, and whether its answer is as good as one under a lock. */
static enum lookup
attempt(struct database *d, enum query q, const char *const keys[], size_t nkeys, struct answer *a,
    bool *is_sound)
{
	enum lookup answer;

	a->has_twins = false;
	answer = ask_keys(d, q, keys, nkeys, a);
	if (answer == LOOKUP_LATER && reopen_immutable(d, a))
		answer = ask_keys(d, q, keys, nkeys, a);
	*is_sound = !d->is_immutable || !is_doubtful(d);
	if (d->is_immutable)
		database_close(d);	/* the next question looks anew who has it open */
	return answer;
}

enum lookup
database_ask(struct database *d, enum query q, const char *const keys[], size_t nkeys, struct answer *a)
{
	static const char *const no_key[] = { "" };
	enum lookup answer;
	bool is_sound;

	if (d->config->queries[q].text == NULL)
		return say(d, a, q, LOOKUP_BROKEN, "is not there, and the table was asked for %s",
		    query_kinds[q].service);
	if (q == QUERY_FETCH_SOURCE) {
		keys = no_key;
		nkeys = 1;
	}
	answer = attempt(d, q, keys, nkeys, a, &is_sound);
	if (is_sound)
		return answer;
	sleep_ms(SETTLE_MS);
	answer = attempt(d, q, keys, nkeys, a, &is_sound);
	if (is_sound)
		return answer;
	a->values.len = 0;
	return say(d, a, q, LOOKUP_LATER, "%s: changed while it was read", d->config->dbpath.text);
}
