/* table_kind: what the kinds of tables are to table.c. Private to lib/table*.c.
 *
 * A kind either gives single entries (find, each: inline, file, db) and
 * table.c does the rest, or answers whole questions itself (ask: the accounts
 * of the system, and helper programs such as sqlite-lookup). */
#ifndef PIPEPOST_TABLE_KIND_H
#define PIPEPOST_TABLE_KIND_H

#include <sys/stat.h>

#include <skalibs/genalloc.h>

#include "lib/table.h"
#include "lib/table_cdb.h"
#include "lib/table_helper.h"
#include "lib/table_match.h"
#include "lib/table_text.h"

struct open_table;

struct table_kind {
	/* Takes in what is behind the path, from its start; fd is closed by the
	 * callee or kept in o. NULL: there is no file. */
	enum lookup (*load)(struct open_table *o, int fd, stralloc *why);
	void (*unload)(struct open_table *o);

	/* key is lower-cased. value is appended to. */
	enum lookup (*find)(struct open_table *o, const char *key, stralloc *value, stralloc *why);
	enum lookup (*each)(struct open_table *o, bool (*each)(void *arg, const char *key, const char *value),
	    void *arg, stralloc *why);

	/* All keys of one question; instead of find and each. */
	enum lookup (*ask)(struct open_table *o, enum service service, const char *const keys[], size_t nkeys,
	    stralloc *value, size_t *which, stralloc *why);

	/* The n-th source address, counted round; instead of each. */
	enum lookup (*fetch)(struct open_table *o, size_t n, stralloc *value, stralloc *why);
};

struct open_table {
	struct open_table *next;
	const struct conf_table *t;
	const struct table_kind *kind;
	struct table_helpers *helpers;	/* of the set */

	bool is_loaded;
	struct stat stamp;		/* of the file that was loaded */
	enum lookup failure;		/* FOUND, or BROKEN until the file is replaced */
	stralloc failure_why;

	struct table_text text;		/* file */
	struct table_index index;
	struct table_cdb cdb;		/* db */

	bool has_globs, has_nets;	/* collected for table_match, on first use */
	genalloc globs;			/* char *: the keys with a '*' */
	genalloc nets;			/* struct table_net */
};

extern const struct table_kind table_kind_inline, table_kind_file, table_kind_db, table_kind_system,
    table_kind_helper;

const struct conf *table_set_conf(const struct table_set *set);
struct table_helpers *table_set_helpers(struct table_set *set);

/* Where questions are traced, or NULL; and one line of it. value and why may be NULL. */
stralloc *table_set_tracer(const struct table_set *set);
void table_trace(stralloc *trace, const struct conf_table *t, enum service service, const char *const keys[],
    size_t nkeys, enum lookup answer, const stralloc *value, const stralloc *why);

/* Whether one thing answers for both. */
bool table_shares_source(const struct conf_table *a, const struct conf_table *b);

/* The open table, as the file behind it is now. NULL with *answer LATER or BROKEN. */
struct open_table *table_open(struct table_set *set, const struct conf_table *t, enum lookup *answer,
    stralloc *why);

/* Replaces *why (if it is not NULL) by the line and returns answer. */
enum lookup table_say(stralloc *why, enum lookup answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The answer for a failed system call on the table's file: LATER. */
enum lookup table_say_errno(stralloc *why, const char *path);

void table_free_patterns(struct open_table *o);

#endif
