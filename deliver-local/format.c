/* format: see format.h.
 *
 * What a peer wrote never reaches a shell or a file name as it is: octets that
 * mean something there become ':'. What cannot be expanded defers the
 * recipient; nothing is guessed. */
#include "deliver-local/format.h"

#include <string.h>
#include <strings.h>

#include <skalibs/types.h>

/* OpenSMTPD's set, replaced unless the modifier `raw` is there. */
static const char hostile[] = "!#$%&'*/?^`{|}~";

/* What a shell acts on; in commands replaced even with `raw`. */
static const char shell_active[] = "!#$&'*/?`{|}~;()<>\"\\[] ";

/* One value on its way into the result. */
struct value {
	char s[FORMAT_MAX + 1];
	size_t len;
	bool is_directory;	/* the home: the administrator's word, slashes and all */
	bool is_raw;
};

struct slice {
	bool is_given;
	int begin, end;		/* end inclusive; negative counts from the end */
};

/* The text between the braces, in its parts. */
struct token {
	const char *name;
	size_t name_len;
	struct slice slice;
	const char *modifiers;		/* joined by '|' */
	size_t modifiers_len;
};

/* ---- values ---- */

const char *
format_find_tag(size_t *len, const char *address, char delimiter)
{
	const char *at = strrchr(address, '@');
	size_t local_len = at == NULL ? strlen(address) : (size_t)(at - address);
	const char *tag = delimiter == '\0' || local_len == 0 ? NULL : memchr(address, delimiter, local_len);

	if (tag == NULL || tag == address) {
		*len = 0;
		return address + local_len;
	}
	*len = local_len - (size_t)(tag + 1 - address);
	return tag + 1;
}

enum part { PART_WHOLE, PART_USER, PART_DOMAIN };

static bool
set_value(struct value *v, const char *s, size_t len)
{
	if (len > FORMAT_MAX)
		return false;
	memcpy(v->s, s, len);
	v->s[len] = '\0';
	v->len = len;
	return true;
}

static bool
set_address(struct value *v, const char *address, enum part part)
{
	const char *at = strrchr(address, '@');
	size_t len = strlen(address);

	if (part == PART_USER)
		return set_value(v, address, at == NULL ? len : (size_t)(at - address));
	if (part == PART_DOMAIN)
		return at == NULL ? set_value(v, "", 0) : set_value(v, at + 1, len - (size_t)(at + 1 - address));
	if (len == 0)
		return set_value(v, "@", 1);	/* the null reverse-path, as OpenSMTPD 5 writes it */
	return set_value(v, address, len);
}

static bool
is_name(const struct token *t, const char *name)
{
	return strlen(name) == t->name_len && strncasecmp(t->name, name, t->name_len) == 0;
}

/* False: there is no such name, or the value is too long. */
static bool
find_value(struct value *to, const struct token *t, const struct format_values *v)
{
	const struct {
		const char *name;
		const char *address;
		enum part part;
	} addresses[] = {
		{ "sender", v->sender, PART_WHOLE },
		{ "sender.user", v->sender, PART_USER },
		{ "sender.domain", v->sender, PART_DOMAIN },
		{ "rcpt", v->rcpt, PART_WHOLE },
		{ "rcpt.user", v->rcpt, PART_USER },
		{ "rcpt.domain", v->rcpt, PART_DOMAIN },
		{ "dest", v->dest, PART_WHOLE },
		{ "dest.user", v->dest, PART_USER },
		{ "dest.domain", v->dest, PART_DOMAIN },
	};

	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		if (is_name(t, addresses[i].name))
			return set_address(to, addresses[i].address, addresses[i].part);
	if (is_name(t, "user.username"))
		return set_value(to, v->username, strlen(v->username));
	to->is_directory = true;
	return is_name(t, "user.directory") && set_value(to, v->directory, strlen(v->directory));
}

/* ---- modifiers ---- */

/* Takes "+tag" out of the local part. */
static void
strip_tag(struct value *v, char delimiter)
{
	size_t tag_len;
	const char *tag = format_find_tag(&tag_len, v->s, delimiter);
	size_t at = (size_t)(tag - v->s);

	if (at == 0 || v->s[at - 1] != delimiter || delimiter == '\0')
		return;
	memmove(v->s + at - 1, v->s + at + tag_len, v->len - at - tag_len + 1);
	v->len -= tag_len + 1;
}

static void
change_case(struct value *v, char from, char to)
{
	for (size_t i = 0; i < v->len; i++)
		if (v->s[i] >= from && v->s[i] <= from + 25)
			v->s[i] = (char)(v->s[i] - from + to);
}

static bool
modify(struct value *v, const char *modifier, size_t len, char delimiter)
{
	const struct token m = { .name = modifier, .name_len = len };

	if (is_name(&m, "lowercase"))
		change_case(v, 'A', 'a');
	else if (is_name(&m, "uppercase"))
		change_case(v, 'a', 'A');
	else if (is_name(&m, "strip"))
		strip_tag(v, delimiter);
	else if (is_name(&m, "raw"))
		v->is_raw = true;
	else
		return false;
	return true;
}

static bool
apply_modifiers(struct value *v, const struct token *t, char delimiter)
{
	const char *s = t->modifiers, *end = s == NULL ? NULL : s + t->modifiers_len;

	while (s != NULL) {
		const char *bar = memchr(s, '|', (size_t)(end - s));

		if (!modify(v, s, (size_t)((bar == NULL ? end : bar) - s), delimiter))
			return false;
		s = bar == NULL ? NULL : bar + 1;
	}
	return true;
}

/* ---- slices ---- */

static bool
apply_slice(struct value *v, const struct slice *s)
{
	int len = (int)v->len, begin = s->begin, end = s->end;

	if (!s->is_given)
		return true;
	if (begin < 0)
		begin += len;
	if (end < 0)
		end += len - 1;
	else if (end >= len)
		end = len - 1;
	if (begin < 0 || begin >= len || end < begin)
		return false;
	v->len = (size_t)(end - begin + 1);
	memmove(v->s, v->s + begin, v->len);
	v->s[v->len] = '\0';
	return true;
}

static bool
scan_offset(int *n, const char *s, size_t len)
{
	char digits[8];

	if (len == 0 || len >= sizeof digits)
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	return int0_scan(digits, n) != 0 && *n >= -FORMAT_MAX && *n <= FORMAT_MAX;
}

/* "a", "a:b", "a:", ":b" */
static bool
scan_slice(struct slice *slice, const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t first = colon == NULL ? len : (size_t)(colon - s);

	slice->is_given = true;
	slice->begin = 0;
	slice->end = FORMAT_MAX;
	if (colon == NULL) {
		if (!scan_offset(&slice->begin, s, len))
			return false;
		/* One octet. Counted from the end, the inclusive -1 would be the last but one. */
		slice->end = slice->begin < 0 ? slice->begin + 1 : slice->begin;
		if (slice->begin == -1)
			slice->end = FORMAT_MAX;
		return true;
	}
	if (len == 1)
		return false;
	if (first > 0 && !scan_offset(&slice->begin, s, first))
		return false;
	return first + 1 == len || scan_offset(&slice->end, colon + 1, len - first - 1);
}

/* ---- tokens ---- */

/* Splits NAME[SLICE]:MODIFIER|MODIFIER. */
static bool
scan_token(struct token *t, const char *s, size_t len)
{
	const char *end = s + len, *p = s;

	t->name = s;
	while (p < end && *p != '[' && *p != ':')
		p++;
	t->name_len = (size_t)(p - s);
	t->slice.is_given = false;
	t->modifiers = NULL;
	if (p < end && *p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		if (close == NULL || !scan_slice(&t->slice, p + 1, (size_t)(close - p) - 1))
			return false;
		p = close + 1;
	}
	if (p < end && *p == ':') {
		t->modifiers = p + 1;
		t->modifiers_len = (size_t)(end - t->modifiers);
		p = end;
	}
	return p == end;
}

/* Replaces what must not come from a value. False where the home itself holds
 * something that a shell acts on: changing it would only name another place. */
static bool
clean(struct value *v, bool is_command)
{
	for (size_t i = 0; i < v->len; i++) {
		unsigned char c = (unsigned char)v->s[i];
		bool is_control = c < 0x20 || c == 0x7f;
		bool is_active = is_control || (is_command && strchr(shell_active, c) != NULL);

		if (v->is_directory) {
			if (is_control || (is_active && c != '/'))
				return false;
			continue;
		}
		if (is_active || c == '/' || (!v->is_raw && strchr(hostile, c) != NULL))
			v->s[i] = ':';
	}
	return true;
}

/* Whether a word of the command begins where the next octet goes. */
static bool
is_word_start(const char *to, size_t len)
{
	return len == 0 || strchr(" \t\n\"'=", to[len - 1]) != NULL;
}

static bool
expand_token(struct value *to, const char **why, const char *s, size_t len, const struct format_values *v)
{
	struct token t;

	to->is_directory = to->is_raw = false;
	*why = "format: not a token";
	if (!scan_token(&t, s, len))
		return false;
	*why = "format: unknown token";
	if (!find_value(to, &t, v))
		return false;
	*why = "format: unknown modifier";
	if (!apply_modifiers(to, &t, v->delimiter))
		return false;
	*why = "format: empty value";
	if (to->len == 0)
		return false;
	*why = "format: slice is out of range";
	if (!apply_slice(to, &t.slice))
		return false;
	*why = "format: home directory holds octets that a shell acts on";
	return clean(to, v->is_command);
}

/* Appends to to[0..*len). */
static bool
append(char *to, size_t *len, const char *s, size_t n)
{
	if (n > FORMAT_MAX - *len)
		return false;
	memcpy(to + *len, s, n);
	*len += n;
	to[*len] = '\0';
	return true;
}

/* Whether a component is "." or "..": an address of dots must not name another directory. */
static bool
has_dots(const char *path)
{
	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		if (len > 0 && len <= 2 && strspn(path, ".") == len)
			return true;
		path += len;
		path += strspn(path, "/");
	}
	return false;
}

/* Expands one "%{...}" at *format and steps over it. */
static bool
append_token(char *to, size_t *len, const char **why, const struct format_values *v, const char **format)
{
	struct value value = { .len = 0 };
	const char *s = *format + 2, *close = strchr(s, '}');

	*why = "format: %{ without }";
	if (close == NULL)
		return false;
	if (!expand_token(&value, why, s, (size_t)(close - s), v))
		return false;
	if (v->is_command && value.s[0] == '-' && is_word_start(to, *len))
		value.s[0] = ':';	/* an address is never an option */
	*format = close + 1;
	*why = "format: the result is too long";
	return append(to, len, value.s, value.len);
}

/* Appends literal octets up to the next '%' that means something. */
static bool
append_literal(char *to, size_t *len, const char **why, const char **format)
{
	size_t n = (*format)[0] == '%' ? 1 : strcspn(*format, "%");
	const char *s = *format;

	*format += n;
	if (s[0] == '%' && s[1] == '%')
		(*format)++;
	*why = "format: the result is too long";
	return append(to, len, s, n);
}

bool
format_expand(char to[FORMAT_MAX + 1], const char **why, const struct format_values *v, const char *format)
{
	size_t len = 0;

	to[0] = '\0';
	if (format[0] == '~' && format[1] == '/') {
		struct value home = { .is_directory = true };

		*why = "format: no usable home directory";
		if (v->directory[0] != '/' || !set_value(&home, v->directory, strlen(v->directory)) ||
		    !clean(&home, v->is_command) || !append(to, &len, home.s, home.len))
			return false;
		format++;
	}
	while (*format != '\0')
		if (format[0] == '%' && format[1] == '{' ? !append_token(to, &len, why, v, &format) :
		    !append_literal(to, &len, why, &format))
			return false;
	*why = "format: \".\" or \"..\" in a path";
	return v->is_command || !has_dots(to);
}
