/* table_source: what stands behind a table and may keep those waiting who ask it.
 *
 * Two tables with one source (a database, the name service) wait for the same
 * thing; tables with different ones never wait for each other. */
#include <string.h>

#include "lib/passwd.h"
#include "lib/table_kind.h"

enum { SOURCE_BITS = 64 };

bool
table_may_wait(const struct conf_table *t)
{
	if (t->kind == TABLE_SYSTEM)
		return !passwd_is_all();
	return t->kind == TABLE_SQLITE || t->kind == TABLE_EXEC || t->kind == TABLE_PROC;
}

bool
table_shares_source(const struct conf_table *a, const struct conf_table *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind)
		return false;
	return a->kind == TABLE_SYSTEM || (a->kind == TABLE_SQLITE && strcmp(a->path, b->path) == 0);
}

uint64_t
table_sources(const struct conf *c, const struct conf_table *t)
{
	size_t n = 0;

	if (!table_may_wait(t))
		return 0;
	while (n < c->ntables && !table_shares_source(&c->tables[n], t))
		n++;
	/* Those that are too many for a bit each share the last one. */
	return (uint64_t)1 << (n < SOURCE_BITS ? n : SOURCE_BITS - 1);
}
