/* table_cdb: cdb files, written and read. Keys and values without NUL, as
 * every cdb tool has them.
 *
 * Read with pread and read, never mapped: a file that somebody cuts short in
 * place costs an error, not a SIGBUS. */
#ifndef PIPEPOST_TABLE_CDB_H
#define PIPEPOST_TABLE_CDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

struct table_cdb {
	int fd;			/* -1: closed */
	uint32_t end;		/* of the records: where the first hash table begins */
};
#define TABLE_CDB_ZERO { .fd = -1 }

/* Takes over fd. Fails with errno EPROTO (not a cdb file; *why, a static
 * string, says what it is instead) or that of read; fd is closed then. */
bool table_cdb_open(struct table_cdb *c, int fd, const char **why);
void table_cdb_close(struct table_cdb *c);

/* Appends the value of the first record with this key to *value and sets *is_there.
 * Fails with errno EPROTO (damaged), EMSGSIZE (a value over TABLE_VALUE_MAX),
 * ENOMEM or that of read. */
bool table_cdb_find(struct table_cdb *c, bool *is_there, const char *key, size_t len, stralloc *value);

/* Calls each(arg, key, value) for every record, in the order they were
 * written, NUL-ended, until it returns false. Fails as above. */
bool table_cdb_each(struct table_cdb *c, bool (*each)(void *arg, const char *key, const char *value), void *arg);

/* A cdb file being written. */
struct table_cdb_writer;

/* Writes to fd, which must be empty and seekable. NULL with errno ENOMEM or that of lseek. */
struct table_cdb_writer *table_cdb_begin(int fd);

/* Fails with errno EFBIG (the file would be over 4 GiB) or that of write. */
bool table_cdb_add(struct table_cdb_writer *w, const char *key, const char *value);

/* Writes the tables and frees w, whatever the outcome. fd stays open and is
 * not synced. Fails as table_cdb_add does. */
bool table_cdb_finish(struct table_cdb_writer *w);

/* Frees w and leaves the file incomplete. */
void table_cdb_abandon(struct table_cdb_writer *w);

/* Whether a file with so many octets of records (the first 2048 octets
 * included) and so many records stays within 4 GiB. */
bool table_cdb_fits(uint64_t octets, uint64_t records);

#endif
