/* request_line: the text of a request. Pure; see request.h. */
#include "queue-run/request.h"

#include <string.h>

#include "lib/address.h"

static const char *const verbs[] = {
	[REQUEST_SCHEDULE] = "schedule", [REQUEST_REMOVE] = "remove", [REQUEST_PAUSE] = "pause",
	[REQUEST_RESUME] = "resume",
};
enum { NVERBS = sizeof verbs / sizeof verbs[0], TARGET_MAX = REQUEST_DOMAIN_MAX + 8 };

static const char sender_mark[] = "from:";

static bool
set_domain(struct request *r, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > REQUEST_DOMAIN_MAX || strpbrk(text, " \t\n@/") != NULL)
		return false;
	memcpy(r->domain, text, len + 1);
	address_lowercase(r->domain, len);
	return true;
}

static bool
set_sender(struct request *r, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > REQUEST_SENDER_MAX || strpbrk(text, " \t\n") != NULL)
		return false;
	memcpy(r->sender, text, len + 1);
	return true;
}

bool
request_is_for_all(const struct request *r)
{
	return r->which.id_len == 0 && r->domain[0] == '\0' && r->sender[0] == '\0';
}

bool
request_set_target(struct request *r, const char *text)
{
	r->domain[0] = r->sender[0] = '\0';
	if (strncmp(text, sender_mark, sizeof sender_mark - 1) == 0)
		return selection_parse(&r->which, "") && set_sender(r, text + sizeof sender_mark - 1);
	if (text[0] == '@')
		return selection_parse(&r->which, "") && set_domain(r, text + 1);
	if (strcmp(text, "all") == 0)
		return selection_parse(&r->which, "");
	return text[0] != '\0' && selection_parse(&r->which, text);
}

/* Cuts the next word off: its length, from *at, which ends behind the blank that follows. */
static size_t
next_word(const char **word, size_t *at, const char *line, size_t len)
{
	const char *blank;
	size_t n;

	*word = line + *at;
	blank = memchr(*word, ' ', len - *at);
	n = blank != NULL ? (size_t)(blank - *word) : len - *at;
	*at += n + (blank != NULL);
	return n;
}

static bool
set_verb(struct request *r, const char *word, size_t len)
{
	for (size_t i = 0; i < NVERBS; i++)
		if (strlen(verbs[i]) == len && memcmp(word, verbs[i], len) == 0) {
			r->verb = (enum request_verb)i;
			return true;
		}
	return false;
}

/* Nothing but a name below one of the places; the id in it is the one that is meant. */
static bool
set_path(struct request *r, const char *word, size_t len)
{
	const char *name;

	if (len > REQUEST_PATH_MAX || memchr(word, '\0', len) != NULL)
		return false;
	memcpy(r->path, word, len);
	r->path[len] = '\0';
	name = strrchr(r->path, '/');
	return name != NULL && name != r->path && strstr(r->path, "//") == NULL && r->path[0] != '.' && r->path[0] != '/' &&
	    strstr(r->path, "/.") == NULL && selection_is_whole_id(&r->which) &&
	    selection_has_name(&r->which, name + 1, strlen(name + 1));
}

bool
request_parse(struct request *r, const char *line, size_t len)
{
	char target[TARGET_MAX + 1];
	const char *word;
	size_t at = 0, n;

	*r = (struct request){ .verb = REQUEST_SCHEDULE };
	if (memchr(line, '\n', len) != NULL)
		return false;
	n = next_word(&word, &at, line, len);
	if (!set_verb(r, word, n) || at >= len)
		return false;
	n = next_word(&word, &at, line, len);
	if (n == 0 || n > TARGET_MAX || memchr(word, '\0', n) != NULL)
		return false;
	memcpy(target, word, n);
	target[n] = '\0';
	if (!request_set_target(r, target))
		return false;
	if (at >= len)
		return true;
	n = next_word(&word, &at, line, len);
	return at == len && set_path(r, word, n);
}

static bool
append_target(stralloc *to, const struct request *r)
{
	char digits[24];
	size_t n = sizeof digits, left = r->which.recipient;

	if (r->domain[0] != '\0')
		return stralloc_cats(to, "@") && stralloc_cats(to, r->domain);
	if (r->sender[0] != '\0')
		return stralloc_cats(to, sender_mark) && stralloc_cats(to, r->sender);
	if (r->which.id_len == 0)
		return stralloc_cats(to, "all");
	if (!stralloc_catb(to, r->which.id, r->which.id_len) || !r->which.has_recipient)
		return !r->which.has_recipient;
	do
		digits[--n] = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	return stralloc_cats(to, ".") && stralloc_catb(to, digits + n, sizeof digits - n);
}

bool
request_append(stralloc *to, const struct request *r)
{
	return stralloc_cats(to, verbs[r->verb]) && stralloc_cats(to, " ") && append_target(to, r) &&
	    (r->path[0] == '\0' || (stralloc_cats(to, " ") && stralloc_cats(to, r->path))) && stralloc_cats(to, "\n");
}
