/* row: one row of a result becomes one value. */
#ifndef SQLITE_LOOKUP_ROW_H
#define SQLITE_LOOKUP_ROW_H

#include <stdbool.h>

#include <skalibs/stralloc.h>
#include <sqlite3.h>

#include "sqlite-lookup/config.h"

enum row {
	ROW_VALUE,
	ROW_NOTHING,	/* NULL, or uid or gid 0 or -1: as if there were no row */
	ROW_INACTIVE,	/* its column "active" says no */
	ROW_BROKEN,	/* *why, a static string, says what is wrong with it */
	ROW_NO_MEMORY,
};

/* Whether the query has a column "active" behind those that it needs. */
bool row_has_active(sqlite3_stmt *s, enum query q);

/* Appends the value of the current row and a NUL: nothing where it is empty. */
enum row row_append(stralloc *to, sqlite3_stmt *s, enum query q, const char **why);

#endif
