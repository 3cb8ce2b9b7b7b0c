/* auth_check: see auth_check.h. */
#include "smtp-recv/auth_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool
auth_check_read_conf(struct auth_check *a, char *words)
{
	const struct conf_message *m;

	a->conf = conf_read(a->conf_path, a->macros, a->nmacros);
	if (a->conf == NULL || (a->tables = table_set_new(a->conf)) == NULL) {
		snprintf(words, AUTH_WORDS_MAX, "%s: out of memory", a->conf_path);
		return false;
	}
	m = conf_first_error(a->conf);
	if (m != NULL)
		snprintf(words, AUTH_WORDS_MAX, "%s:%u: %s", m->at.file, m->at.line, m->text);
	return m == NULL;
}

const struct conf_table *
auth_check_find_table(const struct auth_check *a, const char *name, char *words)
{
	const struct conf_table *t = conf_find_table(a->conf, name);

	if (t == NULL)
		snprintf(words, AUTH_WORDS_MAX, "%s: there is no table <%s>", a->conf_path, name);
	return t;
}
