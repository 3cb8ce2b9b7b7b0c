/* hint: what a person may have meant by SQL that SQLite does not take. Pure. */
#ifndef SQLITE_LOOKUP_HINT_H
#define SQLITE_LOOKUP_HINT_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

/* Where the mistake is that shows at sql[offset]: a comma before "from", else offset itself. */
size_t hint_place(const char *sql, int offset);

/* A static string, or NULL. offset is -1 where SQLite gave none. */
const char *hint_for(const char *sql, int offset);

/* Appends two lines: the SQL around the place, and a mark below it. Fails with errno ENOMEM. */
bool hint_show(stralloc *to, const char *sql, size_t place);

#endif
