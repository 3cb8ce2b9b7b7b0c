/* row: see row.h.
 *
 * What comes from the database is data: a value that could break the line it
 * is printed on, or that its reader could take for something else, is broken. */
#include "sqlite-lookup/row.h"

#include <stdint.h>
#include <string.h>

enum { ID_DIGITS_MAX = 10 };

/* Appends a column as text. */
static enum row
append_text(stralloc *to, sqlite3_stmt *s, int column, const char **why)
{
	int type = sqlite3_column_type(s, column);
	const char *text;
	size_t len;

	if (type == SQLITE_NULL)
		return ROW_NOTHING;
	text = (const char *)sqlite3_column_text(s, column);
	len = (size_t)sqlite3_column_bytes(s, column);
	if (text == NULL)	/* an empty blob, too */
		return type == SQLITE_BLOB ? ROW_VALUE : ROW_NO_MEMORY;
	if (memchr(text, '\0', len) != NULL || memchr(text, '\n', len) != NULL ||
	    memchr(text, '\r', len) != NULL) {
		*why = "the result holds a line end or NUL";
		return ROW_BROKEN;
	}
	return stralloc_catb(to, text, len) ? ROW_VALUE : ROW_NO_MEMORY;
}

/* Reads an id: an integer, or text that is one. *id is -1 for every id that means nobody. */
static enum row
read_id(int64_t *id, sqlite3_stmt *s, int column, const char **why)
{
	const char *text;
	size_t n;

	switch (sqlite3_column_type(s, column)) {
	case SQLITE_NULL:
		return ROW_NOTHING;
	case SQLITE_INTEGER:
		break;
	case SQLITE_TEXT:
		text = (const char *)sqlite3_column_text(s, column);
		if (text == NULL)
			return ROW_NO_MEMORY;
		n = strspn(text + (*text == '-'), "0123456789");
		if (n > 0 && n <= ID_DIGITS_MAX && text[n + (*text == '-')] == '\0')
			break;
		/* fall through */
	default:
		*why = "uid and gid must be whole numbers";
		return ROW_BROKEN;
	}
	*id = sqlite3_column_int64(s, column);
	if (*id == 0 || *id == -1 || *id == UINT32_MAX)
		return ROW_NOTHING;
	if (*id > 0 && *id < UINT32_MAX)
		return ROW_VALUE;
	*why = "uid and gid must be in the range of user ids";
	return ROW_BROKEN;
}

static enum row
append_userinfo(stralloc *to, sqlite3_stmt *s, const char **why)
{
	char ids[2 * ID_DIGITS_MAX + 3];
	int64_t uid = 0, gid = 0;
	enum row row = read_id(&uid, s, 0, why);
	size_t home;

	if (row == ROW_VALUE)
		row = read_id(&gid, s, 1, why);
	if (row != ROW_VALUE)
		return row;
	sqlite3_snprintf(sizeof ids, ids, "%lld:%lld:", (sqlite3_int64)uid, (sqlite3_int64)gid);
	if (!stralloc_cats(to, ids))
		return ROW_NO_MEMORY;
	home = to->len;
	row = append_text(to, s, 2, why);
	if (row == ROW_NOTHING || (row == ROW_VALUE && (to->len == home || to->s[home] != '/'))) {
		*why = "home must be an absolute path";
		return ROW_BROKEN;
	}
	return row;
}

static enum row
append_credentials(stralloc *to, sqlite3_stmt *s, const char **why)
{
	size_t login = to->len, hash;
	enum row row = append_text(to, s, 0, why);

	if (row == ROW_BROKEN || row == ROW_NO_MEMORY)
		return row;
	if (to->len == login || memchr(to->s + login, ':', to->len - login) != NULL) {
		*why = "the login must not be empty or hold a colon";
		return ROW_BROKEN;
	}
	if (!stralloc_catb(to, ":", 1))
		return ROW_NO_MEMORY;
	hash = to->len;
	row = append_text(to, s, 1, why);
	if (row == ROW_NOTHING || (row == ROW_VALUE && to->len == hash)) {
		*why = "the password hash is empty";
		return ROW_BROKEN;
	}
	return row;
}

bool
row_has_active(sqlite3_stmt *s, enum query q)
{
	int place = query_kinds[q].columns;
	const char *name;

	if (!query_kinds[q].may_be_inactive || sqlite3_column_count(s) != place + 1)
		return false;
	name = sqlite3_column_name(s, place);
	return name != NULL && sqlite3_stricmp(name, "active") == 0;
}

/* What could mean anything is no reason to refuse mail for good. */
static enum row
read_active(sqlite3_stmt *s, int column, const char **why)
{
	static const char *const words[] = { "Y", "1", "N", "0", "" };
	const char *text;

	if (sqlite3_column_type(s, column) == SQLITE_NULL)
		return ROW_INACTIVE;
	text = (const char *)sqlite3_column_text(s, column);
	if (text == NULL)
		return ROW_NO_MEMORY;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sqlite3_stricmp(text, words[i]) == 0)
			return i < 2 ? ROW_VALUE : ROW_INACTIVE;
	*why = "active must be Y or 1, N or 0";
	return ROW_BROKEN;
}

enum row
row_append(stralloc *to, sqlite3_stmt *s, enum query q, const char **why)
{
	size_t before = to->len;
	enum row row = ROW_VALUE;

	if (row_has_active(s, q))
		row = read_active(s, query_kinds[q].columns, why);
	if (row != ROW_VALUE)
		return row;
	switch (q) {
	case QUERY_USERINFO: row = append_userinfo(to, s, why); break;
	case QUERY_CREDENTIALS: row = append_credentials(to, s, why); break;
	default: row = append_text(to, s, 0, why);
	}
	if (row == ROW_VALUE && to->len == before)	/* empty: only a fact */
		return query_kinds[q].is_list ? ROW_NOTHING : ROW_VALUE;
	if (row == ROW_VALUE && !stralloc_catb(to, "", 1))
		row = ROW_NO_MEMORY;
	if (row != ROW_VALUE)
		to->len = before;
	return row;
}
