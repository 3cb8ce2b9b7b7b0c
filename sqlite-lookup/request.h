/* request: questions from the command line, or one after the other on fd 0. */
#ifndef SQLITE_LOOKUP_REQUEST_H
#define SQLITE_LOOKUP_REQUEST_H

#include <stddef.h>

#include "sqlite-lookup/database.h"
#include "sqlite-lookup/permission.h"

struct asker {
	struct database *database;
	const struct permission *permission;
	unsigned warned;	/* bit q: that the rows of this query differ was said */
};

/* One question: result lines on fd 1, a reason on fd 2. Returns the exit code. */
int request_answer(struct asker *asker, const char *service, const char *const keys[], size_t nkeys);

/* Serves requests until the end of fd 0. Returns the exit code. */
int request_serve(struct asker *asker);

#endif
