/* check: what sqlite-lookup -n finds out about a table configuration. */
#ifndef SQLITE_LOOKUP_CHECK_H
#define SQLITE_LOOKUP_CHECK_H

#include <stdbool.h>

#include "sqlite-lookup/database.h"
#include "sqlite-lookup/permission.h"

/* Prints every error and warning to fd 2. False: there are errors. */
bool check_config(struct database *d, const struct permission *p);

#endif
