/* dump: see dump.h. */
#include "cdb-tools/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/die.h"
#include "lib/printable.h"
#include "lib/table_cdb.h"
#include "lib/table_text.h"

/* Where and how lines go. */
struct dump {
	bool is_terminal;
	bool has_failed;
};

static bool
print_text(const struct dump *d, const char *s, size_t len)
{
	stralloc clean = STRALLOC_ZERO;
	bool ok;

	if (!d->is_terminal)
		return fwrite(s, 1, len, stdout) == len;
	ok = printable_append(&clean, s, len) && fwrite(clean.s, 1, clean.len, stdout) == clean.len;
	stralloc_free(&clean);
	return ok;
}

static bool
print_entry(void *arg, const char *key, const char *value)
{
	struct dump *d = arg;

	d->has_failed = !print_text(d, key, strlen(key)) || putchar('\t') == EOF ||
	    !print_text(d, value, strlen(value)) || putchar('\n') == EOF;
	return !d->has_failed;
}

static enum readmap_exit
complain_file(const char *path, const char *flaw)
{
	if (errno != EPROTO && errno != EMSGSIZE) {
		complain("%s: %s", path, strerror(errno));
		return READMAP_LATER;
	}
	complain("%s %s", path, flaw != NULL ? flaw : "is damaged: make it anew");
	return READMAP_BROKEN;
}

static enum readmap_exit
open_map(struct table_cdb *c, const char *path)
{
	const char *flaw = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1 || !table_cdb_open(c, fd, &flaw))
		return complain_file(path, flaw);
	return READMAP_FOUND;
}

static enum readmap_exit
flush(bool has_failed)
{
	if (!has_failed && fflush(stdout) == 0)
		return READMAP_FOUND;
	complain("standard output: %s", strerror(errno));
	return READMAP_LATER;
}

enum readmap_exit
dump_all(const char *path)
{
	struct dump d = { .is_terminal = isatty(1) };
	struct table_cdb c = TABLE_CDB_ZERO;
	enum readmap_exit result = open_map(&c, path);

	if (result != READMAP_FOUND)
		return result;
	if (!table_cdb_each(&c, print_entry, &d))
		result = complain_file(path, NULL);
	table_cdb_close(&c);
	return result == READMAP_FOUND ? flush(d.has_failed) : result;
}

enum readmap_exit
dump_one(const char *path, const char *key)
{
	struct dump d = { .is_terminal = isatty(1) };
	struct table_cdb c = TABLE_CDB_ZERO;
	char lower[TABLE_KEY_MAX + 1];
	stralloc value = STRALLOC_ZERO;
	enum readmap_exit result = open_map(&c, path);
	size_t len = strlen(key);
	bool is_there = false;

	if (result != READMAP_FOUND)
		return result;
	if (len <= TABLE_KEY_MAX) {
		memcpy(lower, key, len);
		address_lowercase(lower, len);
		if (!table_cdb_find(&c, &is_there, lower, len, &value))
			result = complain_file(path, NULL);
	}
	table_cdb_close(&c);
	if (result == READMAP_FOUND && !is_there)
		result = READMAP_ABSENT;
	if (result == READMAP_FOUND)
		result = flush(!print_text(&d, value.s, value.len) || putchar('\n') == EOF);
	stralloc_free(&value);
	return result;
}
