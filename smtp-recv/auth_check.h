/* auth_check: what auth-check is asked to do, and what it works with. */
#ifndef SMTP_RECV_AUTH_CHECK_H
#define SMTP_RECV_AUTH_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf.h"
#include "lib/table.h"

enum {
	AUTH_SECONDS = 65,	/* for all of it: two table programs, or one and a command, end before */
	AUTH_MACROS_MAX = 64,
	AUTH_WORDS_MAX = 2048,	/* of a reason, with its NUL */
};

struct auth_check {
	bool is_relay;			/* -r: the secret of a label, for a relay */
	bool is_system;			/* -s: accounts of this system, not a table */
	const char *table;		/* its name in smtpd.conf */
	const char *label;
	const char *userbase;		/* -u: the table that knows uid, gid and home; NULL without */
	char *const *prog;		/* NULL: the exit status says it all */

	const char *conf_path;
	struct conf_macro macros[AUTH_MACROS_MAX];
	size_t nmacros;

	struct conf *conf;
	struct table_set *tables;
};

/* Reads smtpd.conf. False: words[AUTH_WORDS_MAX] says why not. */
bool auth_check_read_conf(struct auth_check *a, char *words);

/* The table of that name, or NULL with the words. */
const struct conf_table *auth_check_find_table(const struct auth_check *a, const char *name, char *words);

#endif
