/* file: the database as the file system sees it. Pure but for stat() and one read. */
#ifndef SQLITE_LOOKUP_FILE_H
#define SQLITE_LOOKUP_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include <skalibs/stralloc.h>

/* Whether both are the same file with the same contents, as far as stat() tells. */
bool file_is_unchanged(const struct stat *a, const struct stat *b);

/* Whether the file was written so lately that its time would not show it if
 * that happened again. */
bool file_is_fresh(const struct stat *st);

/* Whether path + suffix ("-wal", "-journal") has contents, or cannot be looked at. */
bool file_has_companion(const char *path, const char *suffix);

/* Whether the database is in WAL mode and nobody has it open: no -wal, no -journal. */
bool file_is_wal_at_rest(const char *path);

/* Appends the path as SQLite's URI for a file that does not change, and a NUL. Fails with errno ENOMEM. */
bool file_append_immutable_uri(stralloc *to, const char *path);

#endif
