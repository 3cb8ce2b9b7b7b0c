/* source: the entries of a map, read and checked. */
#ifndef CDB_TOOLS_SOURCE_H
#define CDB_TOOLS_SOURCE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "cdb-tools/build.h"
#include "lib/table_text.h"

struct source {
	const char *name;	/* in messages */
	bool is_file;		/* stat says whose it is, and how secret */
	struct stat stat;
	struct table_text text;
	struct table_index index;
	unsigned complaints;	/* lines of the text spoken about */
};

/* Opens, locks (shared) and reads m->source and checks every entry. False after
 * having said why on fd 2. The lock ends with the program. */
bool source_read(struct source *s, const struct map *m);
void source_free(struct source *s);

/* What a map of this type stores for the entry. */
const char *source_value(const struct map *m, const struct table_entry *e);

#endif
