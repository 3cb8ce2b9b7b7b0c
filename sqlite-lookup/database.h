/* database: the SQLite file, opened for reading, and the prepared queries.
 *
 * Nothing is ever written: not the database, nor files beside it. A question
 * has the four answers of lib/table.h, within LOOKUP_SECONDS. */
#ifndef SQLITE_LOOKUP_DATABASE_H
#define SQLITE_LOOKUP_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <skalibs/stralloc.h>
#include <sqlite3.h>

#include "lib/table.h"
#include "sqlite-lookup/config.h"

enum {
	LOOKUP_SECONDS = 5,		/* waiting for locks and running, for all that was asked at once */
	VALUE_OCTETS_MAX = 1 << 20,	/* of any string or blob while a query runs */
	TWINS_MAX = 16,			/* rows beyond the first that are compared with it */
};

struct database {
	const struct config *config;
	int64_t limit_ms;		/* LOOKUP_SECONDS, in milliseconds; the check has more */
	int64_t deadline_ms;		/* of this question, on the monotonic clock */

	sqlite3 *db;			/* NULL: closed */
	sqlite3_stmt *prepared[QUERY_COUNT];
	struct stat stamp;		/* of the file when it was opened */
	bool is_immutable;		/* SQLite takes no locks: we look whether the file changed */
};

struct answer {
	stralloc values;		/* strings that end with NUL; none where only the fact is known */
	stralloc why;			/* after LATER and BROKEN: one line, no NUL */
	bool has_twins;			/* more rows, and they differ: the first one was used */
};
#define ANSWER_ZERO { .values = STRALLOC_ZERO, .why = STRALLOC_ZERO }

/* Before anything else of SQLite is called. */
void database_configure_library(void);

void database_init(struct database *d, const struct config *c);
void database_close(struct database *d);

/* Asks for the keys in turn; the first that is there answers. Opens the
 * database when it is not, or was replaced. The clock must run. */
enum lookup database_ask(struct database *d, enum query q, const char *const keys[], size_t nkeys,
    struct answer *a);

/* For the check. Opens the database and reads from it. */
enum lookup database_open_readable(struct database *d, struct answer *a);

/* Prepares one query of an open database. *offset receives the place of the error in it, or -1. */
enum lookup database_prepare(struct database *d, enum query q, int *offset, struct answer *a);

/* Asks a prepared query, within the time that runs already. */
enum lookup database_ask_key(struct database *d, enum query q, const char *text, struct answer *a);

/* Starts the time of a question, or of several that came together. */
void database_start_clock(struct database *d);

#endif
