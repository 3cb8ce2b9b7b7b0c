/* permission: what a caller may ask of a sqlite-lookup that is installed
 * set-group-id, and so reads databases that the caller may not. */
#ifndef SQLITE_LOOKUP_PERMISSION_H
#define SQLITE_LOOKUP_PERMISSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "sqlite-lookup/config.h"

struct permission {
	bool is_set_id;
	uid_t caller;
};

/* Notes who asks. Run set-id: forgets the environment and takes the group for
 * good. Fails with errno of setresgid. */
bool permission_take(struct permission *p);

/* Whether this table configuration may be read. If not, *why says why not
 * (words of memory that is never freed); *is_later: it could not be told. */
bool permission_allows_config(const struct permission *p, const char *path, const char **why, bool *is_later);

/* Whether the caller may ask this. Password hashes are for ppauth and root only. */
bool permission_has(const struct permission *p, enum query q);

/* From here on only the database can be touched, by its path or beside it (its
 * journals); nothing can be started, nobody connected to. Fails as confine() does. */
bool permission_keep_only(const char *dbpath);

#endif
