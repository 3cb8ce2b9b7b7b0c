/* table_file: the kinds inline, file and db.
 *
 * A text file is read whole and hashed; a file with one bad line is BROKEN as
 * a whole, since the line that cannot be read may be the one that mattered. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/table_kind.h"

/* ---- inline ---- */

static enum lookup
find_inline(struct open_table *o, const char *key, stralloc *value, stralloc *why)
{
	for (size_t i = 0; i < o->t->nentries; i++) {
		const struct conf_pair *p = &o->t->entries[i];

		if (strcmp(p->key, key) != 0)
			continue;
		if (p->value != NULL && !stralloc_cats(value, p->value))
			return table_say_errno(why, o->t->name);
		return LOOKUP_FOUND;
	}
	return LOOKUP_ABSENT;
}

static enum lookup
each_inline(struct open_table *o, bool (*each)(void *arg, const char *key, const char *value), void *arg,
    stralloc *why)
{
	(void)why;
	for (size_t i = 0; i < o->t->nentries; i++)
		if (!each(arg, o->t->entries[i].key, o->t->entries[i].value))
			break;
	return LOOKUP_FOUND;
}

const struct table_kind table_kind_inline = { .find = find_inline, .each = each_inline };

/* ---- file ---- */

/* The first entry decides whether the file is a list or a mapping. */
static enum lookup
read_entries(struct open_table *o, stralloc *why)
{
	struct table_entry e;
	size_t twin;

	for (;;) {
		enum table_step step = table_text_next(&o->text, &e);

		if (step == TABLE_STEP_END)
			return LOOKUP_FOUND;
		if (step == TABLE_STEP_INVALID)
			return table_say(why, LOOKUP_BROKEN, "%s:%u: %s", o->t->path, o->text.line, o->text.why);
		if (o->index.n > 0 && (o->index.entries[0].value == NULL) != (e.value == NULL))
			return table_say(why, LOOKUP_BROKEN, "%s:%u: %s", o->t->path, e.line,
			    e.value == NULL ? "an entry without value among others that have one" :
			    "an entry with a value in a list");
		if (!table_index_add(&o->index, &e, &twin))
			return table_say_errno(why, o->t->path);
	}
}

static enum lookup
load_file(struct open_table *o, int fd, stralloc *why)
{
	enum lookup answer;
	struct stat after;

	if (!table_text_read(&o->text, fd))
		answer = errno == EFBIG ? table_say(why, LOOKUP_BROKEN, "%s: is over 4 GiB", o->t->path) :
		    table_say_errno(why, o->t->path);
	else if (fstat(fd, &after) == -1 || (size_t)after.st_size != o->text.len)
		answer = table_say(why, LOOKUP_LATER, "%s: is being written", o->t->path);
	else
		answer = read_entries(o, why);
	close(fd);
	return answer;
}

static void
unload_file(struct open_table *o)
{
	table_index_free(&o->index);
	table_text_free(&o->text);
}

static enum lookup
find_file(struct open_table *o, const char *key, stralloc *value, stralloc *why)
{
	const struct table_entry *e = table_index_find(&o->index, key);

	if (e == NULL)
		return LOOKUP_ABSENT;
	if (e->value != NULL && !stralloc_cats(value, e->value))
		return table_say_errno(why, o->t->path);
	return LOOKUP_FOUND;
}

static enum lookup
each_file(struct open_table *o, bool (*each)(void *arg, const char *key, const char *value), void *arg,
    stralloc *why)
{
	(void)why;
	for (size_t i = 0; i < o->index.n; i++)
		if (!each(arg, o->index.entries[i].key, o->index.entries[i].value))
			break;
	return LOOKUP_FOUND;
}

const struct table_kind table_kind_file = {
	.load = load_file, .unload = unload_file, .find = find_file, .each = each_file,
};

/* ---- db ---- */

static enum lookup
say_cdb(stralloc *why, const char *path)
{
	if (errno == EPROTO)
		return table_say(why, LOOKUP_BROKEN, "%s: is damaged: make it anew", path);
	if (errno == EMSGSIZE)
		return table_say(why, LOOKUP_BROKEN, "%s: holds an entry that is too long", path);
	return table_say_errno(why, path);
}

static enum lookup
load_db(struct open_table *o, int fd, stralloc *why)
{
	const char *flaw;

	if (table_cdb_open(&o->cdb, fd, &flaw))
		return LOOKUP_FOUND;
	if (flaw != NULL)
		return table_say(why, LOOKUP_BROKEN, "%s: %s", o->t->path, flaw);
	return table_say_errno(why, o->t->path);
}

static void
unload_db(struct open_table *o)
{
	table_cdb_close(&o->cdb);
}

static enum lookup
find_db(struct open_table *o, const char *key, stralloc *value, stralloc *why)
{
	bool is_there;

	if (!table_cdb_find(&o->cdb, &is_there, key, strlen(key), value))
		return say_cdb(why, o->t->path);
	return is_there ? LOOKUP_FOUND : LOOKUP_ABSENT;
}

static enum lookup
each_db(struct open_table *o, bool (*each)(void *arg, const char *key, const char *value), void *arg,
    stralloc *why)
{
	if (!table_cdb_each(&o->cdb, each, arg))
		return say_cdb(why, o->t->path);
	return LOOKUP_FOUND;
}

const struct table_kind table_kind_db = {
	.load = load_db, .unload = unload_db, .find = find_db, .each = each_db,
};
