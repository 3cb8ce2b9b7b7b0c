/* source: see source.h.
 *
 * All bad lines are named in one run, so that a file is mended in one go. */
#include "cdb-tools/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <skalibs/stralloc.h>

#include "cdb-tools/progress.h"
#include "lib/die.h"
#include "lib/node.h"

static void complain_line(struct source *s, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One line about a line; after MAP_COMPLAINTS_MAX the rest is not told. */
static void
complain_line(struct source *s, unsigned line, const char *format, ...)
{
	char text[768];
	va_list args;

	if (s->complaints++ == MAP_COMPLAINTS_MAX)
		complain("%s: there is more to say, but this is enough for now", s->name);
	if (s->complaints > MAP_COMPLAINTS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	complain("%s:%u: %s", s->name, line, text);
}

/* ---- the file ---- */

static int
open_source(struct source *s, const struct map *m)
{
	int fd;

	s->name = m->source;
	if (strcmp(m->source, "-") == 0) {
		s->name = "stdin";
		return 0;
	}
	if (stat(m->source, &s->stat) == -1) {
		complain("stat: %s: %s", m->source, strerror(errno));
		return -1;
	}
	fd = open(m->source, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &s->stat) == -1) {
		complain("%s: %s", m->source, strerror(errno));
		return -1;
	}
	if (!S_ISREG(s->stat.st_mode)) {
		complain("%s is not a regular file", m->source);
		return -1;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) == -1) {
		complain(errno == EWOULDBLOCK ? "%s is locked" : "%s: flock failed", m->source);
		return -1;
	}
	s->is_file = true;
	return fd;
}

static bool
read_text(struct source *s, int fd)
{
	bool too_big = s->is_file && (uintmax_t)s->stat.st_size > TABLE_TEXT_MAX;

	if (!too_big && table_text_read(&s->text, fd))
		return true;
	if (too_big || errno == EFBIG)
		complain("%s is over 4 GiB", s->name);
	else
		complain("%s: %s", s->name, strerror(errno));
	return false;
}

/* ---- the entries ---- */

static void
tell_doubts(struct source *s)
{
	if (s->text.doubts & TABLE_DOUBT_COMMENT)
		complain_line(s, s->text.doubt_line, "warning: what stands behind ' #' is taken for a comment");
	if (s->text.doubts & TABLE_DOUBT_CONTINUED)
		complain_line(s, s->text.doubt_line,
		    "warning: the indented line is taken to continue the one before, which ends with a comma");
	if (s->text.doubts & TABLE_DOUBT_INDENTED)
		complain_line(s, s->text.doubt_line,
		    "warning: the indented line is an entry of its own, since no comma ends the one before");
}

/* What is wrong with an alias's value, or NULL. */
static const char *
check_alias(const char *value)
{
	stralloc nodes = STRALLOC_ZERO;
	const char *why;

	if (!node_list_append(&nodes, &why, value, strlen(value)))
		why = why != NULL ? why : "out of memory";
	else if (nodes.len == 0)
		why = "no name behind the colon";
	stralloc_free(&nodes);
	return why;
}

static const char *
check_entry(const struct map *m, const struct table_entry *e)
{
	if (m->type == MAP_SET)
		return NULL;
	if (e->value == NULL)
		return "there is no value";
	return m->type == MAP_ALIASES ? check_alias(e->value) : NULL;
}

/* False if memory has run out, else how the entry is is said in *errors. */
static bool
take_entry(struct source *s, const struct map *m, const struct table_entry *e, size_t *errors)
{
	const char *flaw = check_entry(m, e);
	size_t twin;

	tell_doubts(s);
	if (flaw != NULL) {
		complain_line(s, e->line, "invalid entry: %s", flaw);
		++*errors;
		return true;
	}
	if (!table_index_add(&s->index, e, &twin)) {
		complain("out of memory");
		return false;
	}
	if (twin != SIZE_MAX) {
		complain_line(s, e->line, "duplicate entry for %s", e->key);
		++*errors;
	}
	return true;
}

static bool
read_entries(struct source *s, const struct map *m)
{
	struct progress progress = { .what = "read" };
	struct table_entry e;
	enum table_step step;
	size_t errors = 0;
	bool ok = true;

	s->text.is_set = m->type == MAP_SET;
	s->text.has_begun = true;	/* the type says it all: no "# @list" */
	while (ok && (step = table_text_next(&s->text, &e)) != TABLE_STEP_END) {
		if (step == TABLE_STEP_INVALID) {
			complain_line(s, s->text.line, "invalid entry: %s", s->text.why);
			errors++;
			continue;
		}
		ok = take_entry(s, m, &e, &errors);
		progress_count(&progress, s->index.n);
	}
	progress_end(&progress);
	return ok && errors == 0;
}

bool
source_read(struct source *s, const struct map *m)
{
	int fd = open_source(s, m);

	return fd != -1 && read_text(s, fd) && read_entries(s, m);
}

void
source_free(struct source *s)
{
	table_index_free(&s->index);
	table_text_free(&s->text);
}

const char *
source_value(const struct map *m, const struct table_entry *e)
{
	return m->type == MAP_SET ? "<set>" : e->value;
}
