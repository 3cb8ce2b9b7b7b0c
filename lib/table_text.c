/* table_text: see table_text.h.
 *
 * Nothing is believed of the text: a NUL, a control octet, a key or value that
 * is too long make the entry invalid, with a reason and a line. */
#include "lib/table_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { FIRST_ROOM = 65536, ADDRESS_TEXT_MAX = 64 };

/* ---- reading ---- */

static bool
grow(struct table_text *t, size_t *room)
{
	size_t wanted = *room == 0 ? FIRST_ROOM : *room * 2;
	char *s;

	if (wanted > (size_t)TABLE_TEXT_MAX + 2)
		wanted = (size_t)TABLE_TEXT_MAX + 2;	/* one octet more to notice the excess, one for NUL */
	s = realloc(t->s, wanted);
	if (s == NULL)
		return (errno = ENOMEM, false);
	t->s = s;
	*room = wanted;
	return true;
}

/* Ends the text and steps over a byte order mark. */
static void
begin(struct table_text *t)
{
	t->s[t->len] = '\0';
	if (t->len >= 3 && memcmp(t->s, "\xef\xbb\xbf", 3) == 0)
		t->at = 3;
}

bool
table_text_read(struct table_text *t, int fd)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (t->len + 1 >= room && !grow(t, &room))
			return false;
		n = read(fd, t->s + t->len, room - t->len - 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		if (n == 0)
			break;
		t->len += (size_t)n;
		if (t->len > TABLE_TEXT_MAX)
			return (errno = EFBIG, false);
	}
	begin(t);
	return true;
}

bool
table_text_copy(struct table_text *t, const char *s, size_t len)
{
	if (len > TABLE_TEXT_MAX)
		return (errno = EFBIG, false);
	t->s = malloc(len + 1);
	if (t->s == NULL)
		return (errno = ENOMEM, false);
	if (len > 0)
		memcpy(t->s, s, len);
	t->len = len;
	begin(t);
	return true;
}

void
table_text_free(struct table_text *t)
{
	free(t->s);
	*t = (struct table_text)TABLE_TEXT_ZERO;
}

/* ---- logical lines ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A piece of the text, always followed by an octet that may be overwritten. */
struct span {
	char *s;
	size_t len;
};

static void
trim(struct span *l)
{
	while (l->len > 0 && is_blank(l->s[0]))
		l->s++, l->len--;
	while (l->len > 0 && is_blank(l->s[l->len - 1]))
		l->len--;
}

/* Takes lines joined by backslash-newline off the text, as one. A comment line
 * joins nothing. */
static struct span
take_joined(struct table_text *t)
{
	struct span l = { .s = t->s + t->at };
	size_t first = strspn(l.s, " \t");
	bool is_comment = l.s[first] == '#';

	for (;;) {
		char *from = t->s + t->at, *newline = memchr(from, '\n', t->len - t->at);
		size_t n = newline == NULL ? t->len - t->at : (size_t)(newline - from);

		memmove(l.s + l.len, from, n);
		l.len += n;
		t->at += n + (newline != NULL);
		t->line++;
		if (n > 0 && l.s[l.len - 1] == '\r')
			l.len--;
		if (is_comment || newline == NULL || n == 0 || l.len == 0 || l.s[l.len - 1] != '\\')
			return l;
		l.len--;
	}
}

/* The length of the double-quoted part at s, 0 if it is not closed. */
static size_t
quoted_length(const char *s, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Cuts off a comment: '#' at the start or behind a blank, not in quotes. */
static bool
cut_comment(struct span *l)
{
	for (size_t i = 0; i < l->len; i++) {
		if (l->s[i] == '"') {
			size_t n = quoted_length(l->s + i, l->len - i);

			i += n > 0 ? n - 1 : 0;
		} else if (l->s[i] == '#' && (i == 0 || is_blank(l->s[i - 1]))) {
			l->len = i;
			return true;
		}
	}
	return false;
}

/* Whether the next line is indented and holds more than a comment. */
static bool
next_is_indented(const struct table_text *t)
{
	const char *s = t->s + t->at;
	size_t n = strspn(s, " \t");

	return n > 0 && s[n] != '\0' && s[n] != '#' && s[n] != '\n' && s[n] != '\r';
}

static bool
skip_comment_line(struct table_text *t)
{
	size_t n = strspn(t->s + t->at, " \t");

	if (t->at >= t->len || t->s[t->at + n] != '#')
		return false;
	take_joined(t);
	return true;
}

static void
doubt(struct table_text *t, enum table_doubt d)
{
	t->doubts |= d;
	t->doubt_line = t->line;
}

/* The next entry's text without comment and continuations, or an empty span at the end. */
static struct span
take_logical(struct table_text *t, unsigned *line)
{
	struct span l = { .s = t->s + t->at };

	while (l.len == 0 && t->at < t->len) {
		bool indented = next_is_indented(t), commented;

		*line = t->line + 1;
		l = take_joined(t);
		trim(&l);
		if (!t->has_begun && l.len == strlen("# @list") && memcmp(l.s, "# @list", l.len) == 0)
			t->is_set = true;
		commented = cut_comment(&l);
		trim(&l);
		if (l.len > 0 && commented)
			doubt(t, TABLE_DOUBT_COMMENT);
		if (l.len > 0 && indented)
			doubt(t, TABLE_DOUBT_INDENTED);
	}
	while (l.len > 0 && l.s[l.len - 1] == ',') {
		struct span more;

		while (skip_comment_line(t))
			;
		if (!next_is_indented(t))
			break;
		more = take_joined(t);
		cut_comment(&more);
		trim(&more);
		l.s[l.len++] = ' ';
		memmove(l.s + l.len, more.s, more.len);
		l.len += more.len;
		doubt(t, TABLE_DOUBT_CONTINUED);
	}
	return l;
}

/* ---- one entry ---- */

/* Whether s[0..len) is an IP address with or without brackets, "ipv6:", and /bits: its colons end no key. */
static bool
is_address(const char *s, size_t len)
{
	unsigned char binary[16];
	char text[ADDRESS_TEXT_MAX];
	const char *slash = memchr(s, '/', len);

	if (slash != NULL)
		len = (size_t)(slash - s);
	if (len > 5 && strncasecmp(s, "ipv6:", 5) == 0)
		s += 5, len -= 5;
	if (len >= sizeof text)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, binary) == 1;
}

static size_t
key_length(const struct span *l)
{
	size_t word = 0, n;

	while (word < l->len && !is_blank(l->s[word]))
		word++;
	if (l->s[0] == '[') {
		const char *end = memchr(l->s, ']', word);

		if (end != NULL && (end + 1 == l->s + word || end[1] == ':'))
			return (size_t)(end - l->s) + 1;
	}
	if (is_address(l->s, word))
		return word;
	if (l->s[word - 1] == ':' && is_address(l->s, word - 1))
		return word - 1;
	for (n = 0; n < word && l->s[n] != ':'; n++)
		;
	return n;
}

static const char *
check_octets(const struct span *l)
{
	for (size_t i = 0; i < l->len; i++) {
		unsigned char c = (unsigned char)l->s[i];

		if (c == '\0')
			return "the line holds a NUL";
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return "the line holds a control character";
	}
	return NULL;
}

static void
lowercase(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
}

/* Splits the logical line, NULs added in place. Returns what is wrong, or NULL. */
static const char *
split(const struct table_text *t, struct table_entry *e, struct span l)
{
	size_t n = t->is_set ? l.len : key_length(&l);
	bool has_colon = false;
	struct span value = { .s = l.s + n, .len = l.len - n };

	if (n == 0)
		return "the key is missing before the colon";
	if (l.s[0] == '"' && !t->is_set)
		return "a key may not be quoted";
	if (n > TABLE_KEY_MAX)
		return "the key is longer than 1023 octets";
	trim(&value);
	if (value.len > 0 && value.s[0] == ':') {
		has_colon = true;
		value.s++, value.len--;
		trim(&value);
	}
	if (has_colon && value.len == 0)
		return "there is no value behind the colon";
	if (value.len > TABLE_VALUE_MAX)
		return "the value is longer than 65535 octets";
	e->value = value.len > 0 ? value.s : NULL;
	value.s[value.len] = '\0';
	l.s[n] = '\0';
	lowercase(l.s);
	e->key = l.s;
	return NULL;
}

enum table_step
table_text_next(struct table_text *t, struct table_entry *e)
{
	struct span l;

	t->doubts = 0;
	t->why = NULL;
	l = take_logical(t, &e->line);
	if (l.len == 0)
		return TABLE_STEP_END;
	t->has_begun = true;
	t->why = check_octets(&l);
	if (t->why == NULL)
		t->why = split(t, e, l);
	return t->why == NULL ? TABLE_STEP_ENTRY : TABLE_STEP_INVALID;
}

/* ---- the index ---- */

/* FNV-1a. */
static size_t
hash(const char *key)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3;
	return (size_t)(h ^ (h >> 32));
}

/* The slot that holds the key, or the free one where it would go. */
static uint32_t *
find_slot(const struct table_index *x, const char *key)
{
	size_t i = hash(key) & (x->nslots - 1);

	while (x->slots[i] != 0 && strcmp(x->entries[x->slots[i] - 1].key, key) != 0)
		i = (i + 1) & (x->nslots - 1);
	return &x->slots[i];
}

static bool
make_room(struct table_index *x)
{
	size_t room = x->room == 0 ? 64 : x->room * 2;
	struct table_entry *entries;
	uint32_t *slots;

	if (x->n < x->room)
		return true;
	entries = reallocarray(x->entries, room, sizeof *entries);
	if (entries == NULL)
		return (errno = ENOMEM, false);
	x->entries = entries;
	slots = calloc(room * 2, sizeof *slots);
	if (slots == NULL)
		return (errno = ENOMEM, false);
	free(x->slots);
	x->slots = slots;
	x->nslots = room * 2;
	x->room = room;
	for (size_t i = 0; i < x->n; i++)
		*find_slot(x, x->entries[i].key) = (uint32_t)i + 1;	/* the last twin stays */
	return true;
}

bool
table_index_add(struct table_index *x, const struct table_entry *e, size_t *twin)
{
	uint32_t *slot;

	if (!make_room(x))
		return false;
	slot = find_slot(x, e->key);
	*twin = *slot == 0 ? SIZE_MAX : *slot - 1;
	x->entries[x->n] = *e;
	*slot = (uint32_t)++x->n;
	return true;
}

const struct table_entry *
table_index_find(const struct table_index *x, const char *key)
{
	uint32_t *slot;

	if (x->n == 0)
		return NULL;
	slot = find_slot(x, key);
	return *slot == 0 ? NULL : &x->entries[*slot - 1];
}

void
table_index_free(struct table_index *x)
{
	free(x->entries);
	free(x->slots);
	*x = (struct table_index)TABLE_INDEX_ZERO;
}
