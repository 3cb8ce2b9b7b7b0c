/* build: from a text of entries to a cdb file in its place. Shared by makemap
 * and newaliases. */
#ifndef CDB_TOOLS_BUILD_H
#define CDB_TOOLS_BUILD_H

#include <stdbool.h>
#include <stddef.h>

enum map_type {
	MAP_PLAIN,	/* every entry has a value */
	MAP_ALIASES,	/* and the value is a list of nodes (node.h) */
	MAP_SET,	/* every line is a key */
};

struct map {
	const char *source;	/* "-" is fd 0 */
	const char *output;
	enum map_type type;
	size_t entries;		/* receives how many there are */
};

/* Replaces m->output by a map of what m->source says, wholly and durably, or
 * leaves it as it was, says on fd 2 why (each bad line of the source, up to
 * MAP_COMPLAINTS_MAX of them) and returns false. A map without entries is
 * made, with a warning. A TERM, INT or HUP on the way leaves nothing behind. */
bool map_build(struct map *m);

enum { MAP_COMPLAINTS_MAX = 20 };

#endif
