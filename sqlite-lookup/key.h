/* key: what a query's parameters stand for. Pure. */
#ifndef SQLITE_LOOKUP_KEY_H
#define SQLITE_LOOKUP_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/table_text.h"
#include "sqlite-lookup/config.h"

/* Pointers into text; NULL: the key has no such part. */
struct key {
	char text[TABLE_KEY_MAX + 1];	/* lower-cased */
	const char *user, *domain, *address;
	size_t user_len, domain_len;	/* the user ends before the '@' */
};

/* Takes the key of a question apart: at its last '@' (a quoted local-part may
 * hold others), or, for a domain query, it is the domain. False where it is
 * longer than any key, which means that it is not there. */
bool key_take(struct key *k, enum query q, const char *text);

enum parameter {
	PARAMETER_KEY,		/* "?" and "?1" */
	PARAMETER_USER,
	PARAMETER_DOMAIN,
	PARAMETER_ADDRESS,
	PARAMETER_NULL,		/* a second "?": stays NULL, as table-sqlite has it */
	PARAMETER_UNKNOWN,
};

/* What the parameter of that name (NULL: a bare "?") is; is_first: no bare one came before. */
enum parameter key_parameter(const char *name, bool is_first);

#endif
