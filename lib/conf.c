/* conf: the way through a configuration file.
 *
 * Directive after directive is read and parsed; an error costs its directive
 * and not the rest. Fails (NULL, ENOMEM) only for want of memory. */
#include "lib/conf_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
begin(struct parser *p, const char *path, const struct conf_macro *macros, size_t nmacros)
{
	p->c = arena_take(p->arena, sizeof *p->c);
	p->c->arena = p->arena;
	p->c->path = conf_copy(p, path, strlen(path));
	p->last = (struct conf_place){ p->c->path, 0 };
	parse_defaults(p->c, p);
	parse_accounts(p);
	for (size_t i = 0; i < nmacros; i++)
		lex_define(p, conf_copy(p, macros[i].name, strlen(macros[i].name)),
		    conf_copy(p, macros[i].value, strlen(macros[i].value)), p->last, true);
}

static bool
open_file(struct parser *p)
{
	bool is_too_big;

	if (lex_push_file(p, p->c->path, &is_too_big))
		return true;
	if (is_too_big)
		return conf_error(p, p->last,
		    "the file has more than %d octets; put long lists into tables", CONF_FILE_MAX);
	if (errno == ENOMEM)
		longjmp(p->arena->no_memory, 1);
	return conf_error(p, p->last, "cannot read the configuration: %s", strerror(errno));
}

/* s is NULL where the file is to be read. */
static struct conf *
parse(struct parser *p, const char *path, const char *s, size_t len,
    const struct conf_macro *macros, size_t nmacros)
{
	if (setjmp(p->arena->no_memory) != 0) {
		arena_free(p->arena);
		free(p->arena);
		errno = ENOMEM;
		return NULL;
	}
	begin(p, path, macros, nmacros);
	if (s != NULL)
		lex_push(p, conf_copy(p, s, len), len, (struct conf_place){ p->c->path, 1 }, false,
		    false);
	if (s != NULL || open_file(p)) {
		while (lex_directive(p))
			parse_directive(p);
		conf_finish(p);
	} else {
		conf_shape(p);
	}
	return p->c;
}

static struct conf *
parse_from(const char *path, const char *s, size_t len, const struct conf_macro *macros,
    size_t nmacros)
{
	struct parser p = { .arena = calloc(1, sizeof *p.arena) };

	return p.arena == NULL ? NULL : parse(&p, path, s, len, macros, nmacros);
}

struct conf *
conf_read(const char *path, const struct conf_macro *macros, size_t nmacros)
{
	return parse_from(path, NULL, 0, macros, nmacros);
}

struct conf *
conf_parse(const char *path, const char *s, size_t len, const struct conf_macro *macros,
    size_t nmacros)
{
	return parse_from(path, s, len, macros, nmacros);
}

bool
conf_parse_relay_url(struct conf *c, struct conf_relay_url *url, const char *text, const char **why)
{
	return relay_parse_url(c->arena, url, text, why);
}

void
conf_free(struct conf *c)
{
	struct arena *a = c == NULL ? NULL : c->arena;

	if (a == NULL)
		return;
	arena_free(a);
	free(a);
}
