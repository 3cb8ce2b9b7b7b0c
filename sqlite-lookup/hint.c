/* hint: see hint.h. */
#include "sqlite-lookup/hint.h"

#include <string.h>
#include <strings.h>

#include "lib/printable.h"

enum { SHOWN_BEFORE = 64, SHOWN_AFTER = 24 };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether the comma at the end of sql[0..n), blanks aside, is followed by "from" at sql[n]. */
static bool
has_stray_comma(const char *sql, size_t n, size_t *comma)
{
	if (strncasecmp(sql + n, "from", 4) != 0)
		return false;
	while (n > 0 && is_blank(sql[n - 1]))
		n--;
	*comma = n - 1;
	return n > 0 && sql[n - 1] == ',';
}

static bool
is_inside(const char *sql, int offset)
{
	return offset >= 0 && (size_t)offset <= strlen(sql);
}

size_t
hint_place(const char *sql, int offset)
{
	size_t comma;

	if (!is_inside(sql, offset))
		return 0;
	return has_stray_comma(sql, (size_t)offset, &comma) ? comma : (size_t)offset;
}

const char *
hint_for(const char *sql, int offset)
{
	size_t comma;

	if (is_inside(sql, offset) && has_stray_comma(sql, (size_t)offset, &comma))
		return "remove the comma before from";
	return NULL;
}

/* Appends s[0..len) printable, a tab as a blank; *width counts its characters. */
static bool
show(stralloc *to, const char *s, size_t len, size_t *width)
{
	size_t start = to->len;

	for (size_t i = 0; i < len; i++) {
		size_t n = printable_character(s + i, len - i);

		if (!printable_append(to, s[i] == '\t' ? " " : s + i, n > 0 ? n : 1))
			return false;
		i += n > 0 ? n - 1 : 0;
	}
	*width = 0;
	for (size_t i = start; i < to->len; i++)
		*width += ((unsigned char)to->s[i] & 0xc0) != 0x80;
	return true;
}

bool
hint_show(stralloc *to, const char *sql, size_t place)
{
	size_t start = place > SHOWN_BEFORE ? place - SHOWN_BEFORE : 0;
	size_t after = strnlen(sql + place, SHOWN_AFTER);
	size_t width = 0, unused;

	if (!stralloc_cats(to, "\t") || !show(to, sql + start, place - start, &width) ||
	    !show(to, sql + place, after, &unused) || !stralloc_cats(to, "\n\t"))
		return false;
	for (size_t i = 0; i < width; i++)
		if (!stralloc_cats(to, " "))
			return false;
	return stralloc_cats(to, "^\n");
}
