/* conf_format: whether the %{...} of a command or path can ever be expanded.
 *
 * An unknown name would defer every message at its delivery; smtpd -n says so
 * before. What the expansion does is deliver-local's business. */
#include "lib/conf_internal.h"

#include <string.h>
#include <strings.h>

static bool
is_one_of(const char *s, size_t len, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strlen(*names) == len && strncasecmp(s, *names, len) == 0)
			return true;
	return false;
}

/* An optional minus and digits. */
static const char *
skip_number(const char *s, const char *end)
{
	if (s < end && *s == '-')
		s++;
	while (s < end && *s >= '0' && *s <= '9')
		s++;
	return s;
}

/* [N], [A:B], [A:] or [:B] at s; where it ends, or NULL. */
static const char *
skip_slice(const char *s, const char *end)
{
	if (s == end || *s != '[')
		return s;
	s = skip_number(s + 1, end);
	if (s < end && *s == ':')
		s = skip_number(s + 1, end);
	return s < end && *s == ']' ? s + 1 : NULL;
}

static bool
are_modifiers(const char *s, const char *end)
{
	static const char *const names[] = { "lowercase", "uppercase", "strip", "raw", NULL };

	while (s < end) {
		size_t len = strcspn(s, "|}");

		if (s + len > end)
			len = (size_t)(end - s);
		if (!is_one_of(s, len, names))
			return false;
		s += len + 1;
	}
	return true;
}

/* What stands between %{ and }. */
static const char *
problem(const char *s, const char *end)
{
	static const char *const names[] = {
		"sender", "sender.user", "sender.domain", "rcpt", "rcpt.user", "rcpt.domain",
		"dest", "dest.user", "dest.domain", "user.username", "user.directory", NULL,
	};
	size_t len = strcspn(s, "[:}");

	if (!is_one_of(s, len, names))
		return "there are sender, rcpt and dest, each also with .user and .domain, "
		       "user.username and user.directory";
	s = skip_slice(s + len, end);
	if (s == NULL)
		return "a part is written [FROM:TO], with numbers";
	if (s < end && (*s != ':' || !are_modifiers(s + 1, end) || s + 1 == end))
		return "behind the name may stand :lowercase, "
		       ":uppercase, :strip or :raw, joined by \"|\"";
	return NULL;
}

bool
format_check(struct parser *p, const char *what, const char *s, struct conf_place at)
{
	while ((s = strchr(s, '%')) != NULL) {
		const char *end, *why;

		if (s[1] != '{') {
			s += s[1] == '%' ? 2 : 1;
			continue;
		}
		s++;
		end = strchr(s, '}');
		if (end == NULL)
			return conf_error(p, at,
			    "%s: \"}\" is missing after \"%%{\"; "
			    "write %%%%{ for the characters themselves",
			    what);
		why = problem(s + 1, end);
		if (why != NULL)
			return conf_error(p, at, "%s: \"%%%.*s\" cannot be expanded: %s", what,
			    (int)(end - s + 1), s, why);
		s = end;
	}
	return true;
}
