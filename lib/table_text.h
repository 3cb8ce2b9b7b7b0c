/* table_text: the text of a table file, entry by entry. The one reader for
 * file tables, makemap and newaliases.
 *
 * An entry is a line: a key, or a key, blanks or one colon, and a value. The
 * text is read whole and changed in place, so that entries are pointers into it. */
#ifndef PIPEPOST_TABLE_TEXT_H
#define PIPEPOST_TABLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TABLE_KEY_MAX = 1023,		/* octets */
	TABLE_VALUE_MAX = 65535,	/* octets */
};

/* Octets of a whole file: offsets have 32 bits here and in a cdb file. */
#define TABLE_TEXT_MAX UINT32_MAX

struct table_entry {
	const char *key;	/* lower-cased, NUL-ended, in the text's memory */
	const char *value;	/* NULL where there is none */
	unsigned line;		/* the first is 1; the line the entry begins on */
};

/* What is legal and yet often a mistake. */
enum table_doubt {
	TABLE_DOUBT_COMMENT = 1,	/* a blank and '#' ended the entry */
	TABLE_DOUBT_CONTINUED = 2,	/* an indented line was added, since a comma came before it */
	TABLE_DOUBT_INDENTED = 4,	/* the entry is indented and yet an entry of its own */
};

enum table_step { TABLE_STEP_ENTRY, TABLE_STEP_END, TABLE_STEP_INVALID };

struct table_text {
	char *s;
	size_t len, at;
	unsigned line;		/* the last one looked at */
	bool has_begun;		/* an entry was seen */
	bool is_set;		/* the whole line is the key: makemap -t set, or "# @list" before the first entry */
	unsigned doubts;	/* enum table_doubt of the last entry */
	unsigned doubt_line;	/* where the last of them is */
	const char *why;	/* after INVALID: a static string; `line` is the place */
};
#define TABLE_TEXT_ZERO { .s = NULL }

/* Reads fd to its end. Fails with errno EFBIG (over TABLE_TEXT_MAX), ENOMEM or
 * that of read. */
bool table_text_read(struct table_text *t, int fd);

/* The same from memory, which is copied. Fails with ENOMEM, EFBIG. */
bool table_text_copy(struct table_text *t, const char *s, size_t len);
void table_text_free(struct table_text *t);

/* The next entry. After INVALID the caller stops, or goes on behind that line. */
enum table_step table_text_next(struct table_text *t, struct table_entry *e);

/* Many entries, found by key. The strings belong to a table_text. */
struct table_index {
	struct table_entry *entries;
	size_t n, room;
	uint32_t *slots;	/* 1 + a position in entries; 0: free */
	size_t nslots;		/* a power of two, at least twice n */
};
#define TABLE_INDEX_ZERO { .entries = NULL }

/* Adds an entry; *twin receives the position of an earlier one with the same
 * key (which is found no longer), or SIZE_MAX. Fails with ENOMEM. */
bool table_index_add(struct table_index *x, const struct table_entry *e, size_t *twin);

/* NULL where the key is not there. */
const struct table_entry *table_index_find(const struct table_index *x, const char *key);
void table_index_free(struct table_index *x);

#endif
