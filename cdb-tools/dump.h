/* dump: what a map holds, printed. Shared by makemap -U and readmap. */
#ifndef CDB_TOOLS_DUMP_H
#define CDB_TOOLS_DUMP_H

#include <stddef.h>

/* As sqlite-lookup has them. */
enum readmap_exit {
	READMAP_FOUND = 0,
	READMAP_ABSENT = 1,
	READMAP_BROKEN = 100,
	READMAP_LATER = 111,
};

/* Prints "key TAB value" for every entry of the cdb file, in the order they
 * were written; control octets are escaped where fd 1 is a terminal. Says on
 * fd 2 what is wrong. */
enum readmap_exit dump_all(const char *path);

/* Prints the value of the first entry with this key (lower-cased). */
enum readmap_exit dump_one(const char *path, const char *key);

#endif
