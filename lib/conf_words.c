/* conf_words: taking words from a directive, and saying what is wrong with them.
 *
 * Every function that fails has reported the error; its caller only leaves. */
#include "lib/conf_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

/* The words of the 5.x language: values only in quotes. */
static const char *const keywords[] = {
	"accept", "alias", "any", "as", "auth", "auth-optional", "authenticated", "backup",
	"bounce-warn", "ca", "certificate", "ciphers", "compression", "curve", "deliver", "dhe",
	"dhparams", "domain", "dsn-notify", "dsn-ret", "encryption", "enqueuer", "expire",
	"filter", "for", "forward-only", "from", "hostname", "hostnames", "include", "inet4",
	"inet6", "key", "limit", "listen", "lmtp", "local", "maildir", "mask-source",
	"masquerade", "max-message-size", "max-mta-deferred", "mbox", "mda", "mta", "no-dsn",
	"no-verify", "on", "pki", "port", "queue", "rcpt-to", "received-auth", "recipient",
	"reject", "relay", "scheduler", "secure", "sender", "senders", "session", "smtps",
	"socket", "source", "subaddressing-delimiter", "table", "tag", "tagged", "tls",
	"tls-require", "to", "userbase", "verify", "via", "virtual", NULL,
};

char *
conf_copy(struct parser *p, const char *s, size_t len)
{
	char *copy = arena_take(p->arena, len + 1);

	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

__attribute__((format(printf, 2, 0))) static char *
print(struct parser *p, const char *format, va_list args)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		n = 0;
	s = arena_take(p->arena, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, format, args);
	return s;
}

char *
conf_print(struct parser *p, const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	s = print(p, format, args);
	va_end(args);
	return s;
}

char *
conf_lowercase(struct parser *p, const char *s)
{
	char *copy = conf_copy(p, s, strlen(s));

	for (char *c = copy; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return copy;
}

static void
add_message(struct parser *p, struct conf_place at, bool is_error, bool is_note, const char *text)
{
	struct message_entry *e;

	p->c->nerrors += is_error;
	if (p->nmessages > CONF_MESSAGES_MAX)
		return;
	e = APPEND(p, p->messages, p->nmessages, p->message_room);
	if (p->nmessages > CONF_MESSAGES_MAX)
		text = "there are more messages; these come first";
	e->m = (struct conf_message){
		.at = at, .is_error = is_error, .is_note = is_note, .text = text
	};
	e->order = p->order;
}

bool
conf_error(struct parser *p, struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(p, at, true, false, print(p, format, args));
	va_end(args);
	return false;
}

void
conf_warn(struct parser *p, struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(p, at, false, false, print(p, format, args));
	va_end(args);
}

void
conf_note(struct parser *p, struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(p, at, false, true, print(p, format, args));
	va_end(args);
}

const struct word *
word_peek(const struct parser *p)
{
	return &p->words[p->next];
}

bool
word_is(const struct word *w, const char *text)
{
	return w->kind == WORD_BARE && strcmp(w->text, text) == 0;
}

bool
word_is_punct(const struct word *w, char c)
{
	return w->kind == WORD_PUNCT && w->text[0] == c;
}

bool
word_is_keyword(const struct word *w)
{
	for (const char *const *k = keywords; *k != NULL; k++)
		if (word_is(w, *k))
			return true;
	return false;
}

bool
word_take(struct parser *p, const char *text)
{
	if (!word_is(word_peek(p), text))
		return false;
	p->next++;
	return true;
}

bool
word_take_punct(struct parser *p, char c)
{
	if (!word_is_punct(word_peek(p), c))
		return false;
	p->next++;
	return true;
}

const char *
word_show(struct parser *p, const struct word *w)
{
	char shown[80];

	if (w->kind == WORD_END)
		return "the end of the line";
	printable_copy(shown, sizeof shown, w->text, strlen(w->text));
	return conf_print(p, "\"%s\"", shown);
}

const char *
word_take_value(struct parser *p, const char *what)
{
	const struct word *w = word_peek(p);

	if (w->kind == WORD_QUOTED || (w->kind == WORD_BARE && !word_is_keyword(w) &&
	    strchr("/.*~[-$+", w->text[0]) == NULL)) {
		p->next++;
		return w->text;
	}
	if (w->kind == WORD_BARE && !word_is_keyword(w))
		conf_error(p, w->at,
		    "%s: a word that begins with \"%c\" must stand in quotes: \"%s\"", what,
		    w->text[0], w->text);
	else if (w->kind == WORD_BARE)
		conf_error(p, w->at,
		    "%s is missing: \"%s\" is a word of this "
		    "language; if it is the value, quote it",
		    what, w->text);
	else
		conf_error(p, w->at, "%s is missing before %s", what, word_show(p, w));
	return NULL;
}

bool
word_scan_number(const char *s, uint64_t *n)
{
	*n = 0;
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || *n > (UINT64_MAX - 9) / 10)
			return false;
		*n = *n * 10 + (uint64_t)(*s - '0');
	}
	return true;
}

bool
word_take_number(struct parser *p, const char *what, uint32_t *n)
{
	struct conf_place at = word_peek(p)->at;
	const char *s = word_take_value(p, what);
	uint64_t number;

	if (s == NULL)
		return false;
	if (!word_scan_number(s, &number) || number > INT32_MAX)
		return conf_error(p, at, "%s: \"%s\" is not a whole number from 0 to %d", what, s,
		    INT32_MAX);
	*n = (uint32_t)number;
	return true;
}

/* Digits and one of s, m, h, d. */
static bool
scan_delay(const char *s, uint32_t *seconds)
{
	static const struct { char unit; uint32_t seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 60 * 60 }, { 'd', 24 * 60 * 60 },
	};
	uint64_t n = 0;

	for (; *s >= '0' && *s <= '9' && n < UINT32_MAX; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (s[0] != units[i].unit || s[1] != '\0' || n == 0 ||
		    n * units[i].seconds > INT32_MAX)
			continue;
		*seconds = (uint32_t)(n * units[i].seconds);
		return true;
	}
	return false;
}

bool
word_take_delay(struct parser *p, const char *what, uint32_t *seconds)
{
	struct conf_place at = word_peek(p)->at;
	const char *s = word_take_value(p, what);
	uint64_t n;

	if (s == NULL)
		return false;
	if (scan_delay(s, seconds))
		return true;
	if (word_scan_number(s, &n))
		return conf_error(p, at, "%s: \"%s\" has no unit; write %ss, %sm, %sh or %sd", what,
		    s, s, s, s, s);
	return conf_error(p, at,
	    "%s: \"%s\" is not a time; write a number of at "
	    "least 1 and one of s, m, h, d, such as 4h",
	    what, s);
}

bool
word_end(struct parser *p, const char *after)
{
	const struct word *w = word_peek(p);

	if (w->kind == WORD_END)
		return true;
	if (w->kind == WORD_BARE && w->text[0] == ';')
		return conf_error(p, w->at, "a directive ends with its line; remove the \";\"");
	return conf_error(p, w->at, "%s is not expected after %s; remove it, or begin a new line",
	    word_show(p, w), after);
}

bool
word_already(struct parser *p, const char *what, bool is_set)
{
	if (is_set)
		conf_error(p, word_peek(p)->at, "%s is given twice; keep one of them", what);
	return is_set;
}

/* Whether one change, one octet more or less, or two swapped make a into b. */
static bool
is_near(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), i = 0, tail = 0;

	if (la > lb + 1 || lb > la + 1)
		return false;
	while (a[i] != '\0' && a[i] == b[i])
		i++;
	while (tail < la - i && tail < lb - i && a[la - 1 - tail] == b[lb - 1 - tail])
		tail++;
	la -= i + tail;
	lb -= i + tail;
	return (la <= 1 && lb <= 1) || (la == 2 && lb == 2 && a[i] == b[i + 1] && a[i + 1] == b[i]);
}

const char *
word_guess(const char *s, const char *const *names)
{
	size_t len = strlen(s);

	for (const char *const *n = names; *n != NULL; n++) {
		if (len > 2 && is_near(s, *n))
			return *n;
		if (len > 1 && s[len - 1] == ';' && strlen(*n) == len - 1 &&
		    strncmp(s, *n, len - 1) == 0)
			return *n;
	}
	return NULL;
}
