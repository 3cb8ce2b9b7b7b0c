/* Any text as a table configuration: values stay inside it, errors are seen,
 * and every message can be said in one line. Its queries, with an error at any
 * place, can be shown; any key comes apart into parts of itself. */
#include "sqlite-lookup/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite-lookup/hint.h"
#include "sqlite-lookup/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_value(const struct config *c, const struct config_value *v, size_t size)
{
	if (v->text == NULL)
		return;
	if (v->text < c->text || v->text > c->text + size || v->text[0] == '\0' ||
	    strchr(v->text, '\n') != NULL || v->line == 0)
		abort();
}

static void
check_sql(const char *sql, int offset)
{
	stralloc s = STRALLOC_ZERO;

	hint_for(sql, offset);
	if (hint_place(sql, offset) > strlen(sql) || !hint_show(&s, sql, hint_place(sql, offset)))
		abort();
	stralloc_free(&s);
}

static void
check_key(enum query q, const char *text)
{
	struct key k;

	if (!key_take(&k, q, text))
		return;
	if ((k.user != NULL && k.user_len == 0) || (k.domain != NULL && *k.domain == '\0') ||
	    (k.address != NULL && (k.user == NULL || k.domain == NULL)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	stralloc s = STRALLOC_ZERO;
	struct config c;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	if (!config_parse(&c, "f", text, size))
		abort();
	check_value(&c, &c.dbpath, size);
	for (int q = 0; q < QUERY_COUNT; q++) {
		check_value(&c, &c.queries[q], size);
		if (c.queries[q].text != NULL) {
			check_sql(c.queries[q].text, size > 0 ? data[0] : -1);
			check_key((enum query)q, c.queries[q].text);
		}
	}
	for (size_t i = 0; i < c.nmessages; i++)
		if (!config_describe(&s, &c, &c.messages[i], ""))
			abort();
	if (s.len > 0 && memchr(s.s, '\n', s.len) != NULL)
		abort();
	if (config_error(&c) == NULL && (c.dbpath.text == NULL || c.dbpath.text[0] != '/'))
		abort();
	stralloc_free(&s);
	config_free(&c);
	return 0;
}
