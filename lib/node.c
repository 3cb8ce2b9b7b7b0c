/* node: see node.h.
 *
 * Splits and classifies; opens nothing. After a failure the list may have
 * grown by the elements before the bad one: the caller drops it. */
#include "lib/node.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- splitting ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Whether the quote character at s[i] opens a quoted part. */
static bool
is_opening(const char *s, size_t i)
{
	return s[i] == '"' || (s[i] == '\'' && (i == 0 || !is_word(s[i - 1])));
}

/* What the scanner has seen so far: one quote character or none is open. */
struct scan {
	char quote;
	size_t i;
};

/* Steps over one octet, or an escaped pair. True while s[i] as it was stood
 * outside all quotes and was not escaped, so that it may separate. */
static bool
scan_step(struct scan *scan, const char *s, size_t len)
{
	char c = s[scan->i];
	bool was_outside = scan->quote == '\0';

	if (c == '\\' && scan->i + 1 < len && scan->quote != '\'') {
		scan->i += 2;
		return false;
	}
	if (scan->quote != '\0') {
		if (c == scan->quote)
			scan->quote = '\0';
	} else if ((c == '"' || c == '\'') && is_opening(s, scan->i)) {
		scan->quote = c;
	}
	scan->i++;
	return was_outside;
}

/* The offset of the comma that ends the element at the start of s, or len.
 * False where a quote stays open. */
static bool
find_element_end(size_t *end, const char *s, size_t len)
{
	struct scan scan = { .i = 0 };

	while (scan.i < len) {
		size_t at = scan.i;

		if (scan_step(&scan, s, len) && s[at] == ',') {
			*end = at;
			return true;
		}
	}
	*end = len;
	return scan.quote == '\0';
}

/* The first line of s: *text octets of it are nodes, the rest a comment, and
 * with its newline it takes *used octets. */
static void
measure_line(size_t *used, size_t *text, const char *s, size_t len)
{
	struct scan scan = { .i = 0 };
	const char *newline;

	while (scan.i < len && s[scan.i] != '\n') {
		size_t at = scan.i;
		bool may_comment = at == 0 || is_blank(s[at - 1]) || s[at - 1] == ',';

		if (scan_step(&scan, s, len) && s[at] == '#' && may_comment) {
			scan.i = at;
			break;
		}
	}
	*text = scan.i;
	newline = memchr(s + scan.i, '\n', len - scan.i);
	*used = newline == NULL ? len : (size_t)(newline - s) + 1;
}

/* ---- one element ---- */

struct element {
	const char *s;
	size_t len;
};

static void
trim(struct element *e)
{
	while (e->len > 0 && is_blank(e->s[0]))
		e->s++, e->len--;
	while (e->len > 0 && (is_blank(e->s[e->len - 1]) || e->s[e->len - 1] == '\r'))
		e->len--;
}

/* Whether all of it stands in one pair of double quotes. */
static bool
is_quoted(const struct element *e)
{
	size_t i;

	if (e->len < 2 || e->s[0] != '"')
		return false;
	for (i = 1; i < e->len && e->s[i] != '"'; i++)
		if (e->s[i] == '\\')
			i++;
	return i == e->len - 1;
}

/* Appends what stands between the quotes, or all of it without quotes. A
 * backslash goes before every octet, or in a command only before those that
 * the quotes made it necessary for: the rest is the shell's. */
static bool
append_plain(stralloc *to, struct element e, bool is_command)
{
	bool quoted = is_quoted(&e);

	if (quoted)
		e.s++, e.len -= 2;
	for (size_t i = 0; i < e.len; i++) {
		bool escapes = e.s[i] == '\\' && i + 1 < e.len;

		if (escapes && is_command)
			escapes = quoted && (e.s[i + 1] == '"' || e.s[i + 1] == '\\');
		if (escapes)
			i++;
		if (!stralloc_append(to, e.s[i]))
			return false;
	}
	return true;
}

static const char *
check_error(const char *s)
{
	if ((s[0] != '4' && s[0] != '5') || !isdigit((unsigned char)s[1]) || !isdigit((unsigned char)s[2]))
		return "error: needs a code of three digits, 4xx or 5xx";
	if (s[3] != ' ' || !is_word(s[4]))
		return "error: needs one blank and words behind its code";
	return NULL;
}

static const char *
check_include(const char *s)
{
	return s[0] == '/' && s[1] != '\0' ? NULL : ":include: needs an absolute path";
}

static const char *
check_command(const char *s)
{
	return *s != '\0' ? NULL : "a command is missing behind the |";
}

static const char *
check_file(const char *s)
{
	return s[strlen(s) - 1] != '/' ? NULL : "a file name must not end with a slash";
}

static const char *
check_address(const char *s)
{
	static const char special[] = "!#$%*/?|^{}`~&'+-=_.";
	const char *at = strchr(s, '@');

	if (at == s || at[1] == '\0')
		return "an address needs something on both sides of the @";
	for (const char *p = s; p < at; p++)
		if (!is_word(*p) && strchr(special, *p) == NULL)
			return "an address has a character in its local part that is not allowed";
	for (const char *p = at + 1; *p != '\0'; p++)
		if (!is_word(*p) && *p != '-' && *p != '.')
			return "an address has a character in its domain that is not allowed";
	return NULL;
}

static const char *
check_user(const char *s)
{
	for (; *s != '\0'; s++)
		if (!is_word(*s) && strchr("_.-+", *s) == NULL)
			return "not a user name, address, /file, |command, :include:/file or error:CODE text";
	return NULL;
}

/* How each kind is written, in the order they are tried. A prefix is replaced
 * by the canonical one. */
static const struct form {
	enum node_kind kind;
	const char *prefix;
	const char *canonical;
	const char *(*check)(const char *text);
} forms[] = {
	{ NODE_ERROR,	":error:",	"error:",	check_error },
	{ NODE_ERROR,	"error:",	"error:",	check_error },
	{ NODE_INCLUDE,	":include:",	":include:",	check_include },
	{ NODE_INCLUDE,	"include:",	":include:",	check_include },
	{ NODE_PIPE,	"|",		"|",		check_command },
	{ NODE_FILE,	"/",		"/",		check_file },
	{ NODE_ADDRESS,	"",		"",		check_address },
	{ NODE_USER,	"",		"",		check_user },
};

static const struct form *
find_form(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const struct form *f = &forms[i];
		size_t n = strlen(f->prefix);

		if (len < n || strncasecmp(s, f->prefix, n) != 0)
			continue;
		if (f->kind == NODE_ADDRESS && memchr(s, '@', len) == NULL)
			continue;
		return f;
	}
	return &forms[sizeof forms / sizeof forms[0] - 1];
}

/* Names compare without regard to case: a user wholly, a domain too. */
static void
lowercase_node(enum node_kind kind, char *s)
{
	if (kind == NODE_ADDRESS)
		s = strchr(s, '@');
	if (kind == NODE_ADDRESS || kind == NODE_USER)
		for (; *s != '\0'; s++)
			if (*s >= 'A' && *s <= 'Z')
				*s = (char)(*s + ('a' - 'A'));
}

static const char *
check_octets(const char *s, size_t len)
{
	if (len > NODE_TEXT_MAX)
		return "an element is too long";
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return "an element has a control character";
	return NULL;
}

/* Appends the text of an element without quotes and needless backslashes. */
static bool
append_element(stralloc *list, struct element e)
{
	struct element inner = e;

	if (is_quoted(&e))
		inner.s++, inner.len -= 2;
	if (inner.len == 0 || inner.s[0] != '|')
		return append_plain(list, e, false);
	if (inner.s != e.s)
		return append_plain(list, e, true);	/* "|command" */
	e.s++, e.len--;
	trim(&e);
	return stralloc_append(list, '|') && append_plain(list, e, true);	/* |command, |"command" */
}

/* Appends one element as a canonical node. */
static bool
append_node(stralloc *list, const char **why, struct element e)
{
	size_t start = list->len, skip;
	const struct form *form;
	char *text;

	*why = check_octets(e.s, e.len);
	if (*why != NULL)
		return (errno = EPROTO, false);
	if (!append_element(list, e) || !stralloc_0(list))
		return (errno = ENOMEM, false);
	form = find_form(list->s + start, list->len - start - 1);
	skip = strlen(form->prefix);
	text = list->s + start + skip;
	*why = form->check(form->kind == NODE_FILE ? text - 1 : text);
	if (*why == NULL && form->kind == NODE_USER && *text == '\0')
		*why = "an empty pair of quotes";
	if (*why != NULL)
		return (errno = EPROTO, false);
	lowercase_node(form->kind, text);
	if (memcmp(list->s + start, form->canonical, strlen(form->canonical)) == 0)
		return true;
	/* error: for :error:, :include: for include:, and whatever case it had */
	if (!stralloc_insertb(list, start, form->canonical, strlen(form->canonical)))
		return (errno = ENOMEM, false);
	text = list->s + start + strlen(form->canonical);
	memmove(text, text + skip, list->len - (size_t)(text - list->s) - skip);
	list->len -= skip;
	return true;
}

static bool
append_elements(stralloc *list, const char **why, const char *s, size_t len, bool allow_include)
{
	while (len > 0) {
		struct element e = { .s = s };
		size_t start = list->len;
		size_t end;

		if (!find_element_end(&end, s, len)) {
			*why = "a quote is not closed";
			return (errno = EPROTO, false);
		}
		e.len = end;
		trim(&e);
		if (e.len > 0 && !append_node(list, why, e))
			return false;
		if (!allow_include && list->len > start && list->s[start] == ':')
			list->len = start;
		end += end < len;
		s += end;
		len -= end;
	}
	return true;
}

bool
node_list_append(stralloc *list, const char **why, const char *s, size_t len)
{
	*why = NULL;
	return append_elements(list, why, s, len, true);
}

/* Joins backslash-newline (and backslash-CRLF) into a blank-less whole. */
static bool
join_lines(stralloc *to, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len && s[i + 1] == '\n')
			i++;
		else if (s[i] == '\\' && i + 2 < len && s[i + 1] == '\r' && s[i + 2] == '\n')
			i += 2;
		else if (!stralloc_append(to, s[i]))
			return false;
	}
	return true;
}

bool
node_list_append_file(stralloc *list, const char **why, const char *s, size_t len, bool allow_include)
{
	stralloc joined = STRALLOC_ZERO;
	bool ok;
	int error;

	*why = NULL;
	ok = join_lines(&joined, s, len);
	errno = ENOMEM;
	for (size_t at = 0, used, text; ok && at < joined.len; at += used) {
		measure_line(&used, &text, joined.s + at, joined.len - at);
		ok = append_elements(list, why, joined.s + at, text, allow_include);
	}
	error = errno;
	stralloc_free(&joined);
	errno = error;
	return ok;
}

/* ---- reading a list ---- */

bool
node_list_next(struct node *n, size_t *at, const stralloc *list)
{
	const struct form *form;
	const char *s, *end;

	if (*at >= list->len)
		return false;
	s = list->s + *at;
	end = memchr(s, '\0', list->len - *at);
	if (end == NULL)
		return false;	/* not one of our lists */
	form = find_form(s, (size_t)(end - s));
	n->kind = form->kind;
	n->text = form->kind == NODE_FILE ? s : s + strlen(form->prefix);
	*at += (size_t)(end - s) + 1;
	return true;
}

size_t
node_list_count(const stralloc *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->len; i++)
		n += list->s[i] == '\0';
	return n;
}
