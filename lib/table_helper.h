/* table_helper: tables that programs answer. Private to lib/table*.c.
 *
 *	sqlite	sqlite-lookup with requests on its fd 0 (lookup.h); tables with one
 *		configuration share a process
 *	exec	any program with sqlite-lookup's contract, started for each question (helper.h)
 *	proc	table-TYPE with OpenSMTPD's text protocol (table_proc.h), one for each table
 *
 * Whatever goes wrong with a program is LATER; BROKEN is only what it says itself. */
#ifndef PIPEPOST_TABLE_HELPER_H
#define PIPEPOST_TABLE_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <skalibs/tai.h>

#include "lib/coprocess.h"
#include "lib/table.h"

enum {
	HELPER_SLOW_SECONDS = 2,	/* who could not tell in so long ... */
	HELPER_REST_SECONDS = 3,	/* ... is left alone for so long ... */
	HELPER_LONG_REST_SECONDS = 10,	/* ... or so long after table_set_serve_many() */
};

/* What answers for a table. */
struct table_helper {
	struct table_helper *next;
	const struct conf_table *t;	/* sqlite: of the table that was the first to ask it */
	struct coprocess process;	/* sqlite, proc: it stays */
	struct stat config;		/* sqlite: the file when the process was started, st_ino 0 = not known */
	bool is_proven;			/* it has answered since its start */
	tain started;
	unsigned nrecipients;		/* that it has served */
	tain rests_until;
	stralloc rest_why;
	uint32_t next_id;		/* proc: of the next request */
	unsigned services;		/* proc: a bit for each service that it offers */
};

/* All that answer for the tables of one set. */
struct table_helpers {
	struct table_helper *first;
	bool serves_many;
};

void table_helpers_free(struct table_helpers *all);

/* One question, and what is known of its answer. */
struct table_question {
	const struct conf_table *t;
	enum service service;
	const char *const *keys;	/* nkeys 0: all there is (SOURCE) */
	size_t nkeys;
	tain deadline;
	stralloc *value;		/* of several results: each with LF behind it, but for the last */
	size_t *which;
	stralloc *why;
	bool is_lost;			/* the program cannot be talked to any more ... */
	bool has_ended;			/* ... because it has closed its end */
};

#endif
