/* address: see address.h.
 *
 * Two grammars share one scanner of local parts and domains: the strict one of
 * SMTP's paths, and header fields, which are first stripped of comments,
 * folding and display names until a mailbox is left. Nothing is guessed: what
 * does not fit is an error, and after one the output is not to be used. */
#include "lib/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/printable.h"

static bool
is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
is_high(char c)
{
	return (unsigned char)c > 127;
}

/* RFC 5322 3.2.3 */
static bool
is_atext(char c)
{
	return is_alphanumeric(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
fail(int error)
{
	errno = error;
	return false;
}

static bool
append(stralloc *to, const char *s, size_t len)
{
	return stralloc_catb(to, s, len) || fail(ENOMEM);
}

bool
address_is_international(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_high(s[i]))
			return true;
	return false;
}

void
address_lowercase(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
}

/* ---- local parts ---- */

/* Whether s, which is not empty, is a Dot-string (RFC 5321 4.1.2): it needs no quotes. */
static bool
is_dot_string(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' ? i == 0 || i + 1 == len || s[i - 1] == '.' : !is_atext(s[i]) && !is_high(s[i]))
			return false;
	}
	return true;
}

/* Reads atoms and dots. */
static bool
scan_bare_local(stralloc *to, size_t *used, const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (is_atext(s[i]) || s[i] == '.' || is_high(s[i]))) {
		size_t n = printable_character(s + i, len - i);

		if (n == 0)
			return fail(EILSEQ);
		i += n;
	}
	if (i == 0)
		return fail(EPROTO);
	*used = i;
	return append(to, s, i);
}

/* Puts the quotes around to->s[start..] that it needs, and a backslash before what needs one. */
static bool
requote(stralloc *to, size_t start)
{
	size_t extra = 2;

	if (to->len > start && is_dot_string(to->s + start, to->len - start))
		return true;
	for (size_t i = start; i < to->len; i++)
		extra += to->s[i] == '"' || to->s[i] == '\\';
	if (!stralloc_readyplus(to, extra))
		return fail(ENOMEM);

	/* from the end, so that nothing is overwritten before it was read */
	size_t from = to->len, at = to->len + extra;

	to->len = at;
	to->s[--at] = '"';
	while (from > start) {
		char c = to->s[--from];

		to->s[--at] = c;
		if (c == '"' || c == '\\')
			to->s[--at] = '\\';
	}
	to->s[--at] = '"';
	return true;
}

/* Reads a quoted string and appends it with no more quoting than it needs. */
static bool
scan_quoted_local(stralloc *to, size_t *used, const char *s, size_t len)
{
	size_t start = to->len, i = 1, n;

	for (; i < len && s[i] != '"'; i += n) {
		if (s[i] == '\\' && (++i == len || is_high(s[i])))
			return fail(EPROTO);
		n = printable_character(s + i, len - i);
		if (n == 0)
			return fail(is_high(s[i]) ? EILSEQ : EPROTO);
		if (!append(to, s + i, n))
			return false;
	}
	if (i == len)
		return fail(EPROTO);
	*used = i + 1;
	return requote(to, start);
}

static bool
scan_local(stralloc *to, size_t *used, const char *s, size_t len)
{
	size_t start = to->len;

	if (len == 0)
		return fail(EPROTO);
	if (!(s[0] == '"' ? scan_quoted_local : scan_bare_local)(to, used, s, len))
		return false;
	return to->len - start <= ADDRESS_LOCAL_MAX || fail(EMSGSIZE);
}

/* ---- domains ---- */

static bool
is_domain_octet(char c)
{
	return is_alphanumeric(c) || c == '-' || c == '_' || is_high(c);
}

/* How far what looks like a domain reaches. */
static size_t
domain_span(const char *s, size_t len)
{
	size_t i = 0;

	if (len > 0 && s[0] == '[') {
		const char *end = memchr(s, ']', len);

		return end == NULL ? 0 : (size_t)(end - s) + 1;
	}
	while (i < len && (is_domain_octet(s[i]) || s[i] == '.'))
		i++;
	return i;
}

bool
address_is_literal(const char *domain, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	int family = AF_INET;

	if (len < 2 || domain[0] != '[' || domain[len - 1] != ']')
		return false;
	domain++;
	len -= 2;
	if (len > 5 && strncasecmp(domain, "IPv6:", 5) == 0) {
		family = AF_INET6;
		domain += 5;
		len -= 5;
	}
	if (len >= sizeof text || memchr(domain, '\0', len) != NULL)
		return false;
	memcpy(text, domain, len);
	text[len] = '\0';
	return inet_pton(family, text, address) == 1;
}

static bool
is_label(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_domain_octet(s[i]))
			return false;
	return len > 0 && len <= ADDRESS_LABEL_MAX && s[0] != '-' && s[len - 1] != '-';
}

static bool
is_printable_utf8(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if ((n = printable_character(s + i, len - i)) == 0)
			return false;
	return true;
}

bool
address_is_domain(const char *s, size_t len)
{
	if (len == 0 || len > ADDRESS_DOMAIN_MAX)
		return false;
	if (s[0] == '[')
		return address_is_literal(s, len);
	if (!is_printable_utf8(s, len))
		return false;
	for (size_t start = 0;;) {
		const char *dot = memchr(s + start, '.', len - start);
		size_t end = dot == NULL ? len : (size_t)(dot - s);

		if (!is_label(s + start, end - start))
			return false;
		if (dot == NULL)
			return true;
		start = end + 1;
	}
}

/* Reads a domain and appends it. */
static bool
scan_domain(stralloc *to, size_t *used, const char *s, size_t len)
{
	size_t n = domain_span(s, len);

	if (n > ADDRESS_DOMAIN_MAX)
		return fail(EMSGSIZE);
	if (!is_printable_utf8(s, n))
		return fail(address_is_international(s, n) ? EILSEQ : EPROTO);
	if (!address_is_domain(s, n))
		return fail(EPROTO);
	*used = n;
	return append(to, s, n);
}

/* ---- mailboxes and paths ---- */

/* Reads local-part [ "@" domain ]. */
static bool
scan_mailbox(stralloc *to, size_t *used, const char *s, size_t len)
{
	size_t start = to->len, local, domain = 0;

	if (!scan_local(to, &local, s, len))
		return false;
	if (local < len && s[local] == '@') {
		if (!append(to, "@", 1) || !scan_domain(to, &domain, s + local + 1, len - local - 1))
			return false;
		domain++;
	}
	*used = local + domain;
	return to->len - start <= ADDRESS_PATH_MAX - 2 || fail(EMSGSIZE);
}

/* Steps over a source route, "@a,@b:" (RFC 5321 appendix C: read and ignored). */
static bool
skip_route(size_t *used, const char *s, size_t len)
{
	size_t i = 0;

	if (len == 0 || s[0] != '@') {
		*used = 0;
		return true;
	}
	while (i < len && s[i] == '@') {
		size_t n = domain_span(s + i + 1, len - i - 1);

		if (!address_is_domain(s + i + 1, n))
			return fail(EPROTO);
		i += 1 + n;
		if (i < len && s[i] == ':') {
			*used = i + 1;
			return true;
		}
		if (i < len && s[i] == ',')
			i++;
	}
	return fail(EPROTO);
}

bool
address_scan_path(stralloc *mailbox, size_t *used, const char *s, size_t len)
{
	size_t i = 1, n;

	mailbox->len = 0;
	if (len < 2 || s[0] != '<')
		return fail(EPROTO);
	if (s[1] == '>') {
		*used = 2;
		return true;
	}
	if (!skip_route(&n, s + i, len - i))
		return false;
	i += n;
	if (!scan_mailbox(mailbox, &n, s + i, len - i))
		return false;
	i += n;
	if (i == len || s[i] != '>')
		return fail(EPROTO);
	*used = i + 1;
	return true;
}

size_t
address_find_at(const char *s, size_t len)
{
	const char *at;
	size_t i = 0;

	if (len > 0 && s[0] == '"') {
		for (i = 1; i < len && s[i] != '"'; i++)
			if (s[i] == '\\' && i + 1 < len)
				i++;
	}
	at = i < len ? memrchr(s + i, '@', len - i) : NULL;
	return at == NULL ? len : (size_t)(at - s);
}

bool
address_is_mailbox(const char *s, size_t len)
{
	stralloc mailbox = STRALLOC_ZERO;
	size_t used;
	bool is_whole = scan_mailbox(&mailbox, &used, s, len) && used == len && address_find_at(s, len) < len;

	stralloc_free(&mailbox);
	return is_whole;
}

/* ---- address lists of header fields ---- */

/* One element of a list while it is read: the text that may be its mailbox. */
struct element {
	stralloc text;		/* words, dots and '@' without blanks and comments */
	bool is_phrase;		/* two words stood side by side: no mailbox, unless <> follows */
	bool after_word;
	bool in_angle;		/* between < and > */
	bool has_angle;		/* <...> is complete; text is what stood in it */
	bool is_bad;
};

static void
element_reset(struct element *e)
{
	stralloc text = e->text;

	text.len = 0;
	*e = (struct element){ .text = text };
}

/* Where the comment at s, which begins with '(', ends; len if it does not. */
static size_t
skip_comment(const char *s, size_t len)
{
	size_t depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '(')
			depth++;
		else if (s[i] == ')' && --depth == 0)
			return i + 1;
	}
	return len + 1;
}

/* Where what is quoted at s[0..len) ends, behind the closing octet; len + 1 if it does not. */
static size_t
skip_quoted(const char *s, size_t len, char close)
{
	for (size_t i = 1; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == close)
			return i + 1;
	}
	return len + 1;
}

static size_t
skip_atom(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (is_atext(s[i]) || is_high(s[i])))
		i++;
	return i;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Adds one word (atom, quoted string, domain literal), unfolded. */
static bool
element_add_word(struct element *e, const char *s, size_t len)
{
	if (e->has_angle)
		e->is_bad = true;
	if (e->after_word)
		e->is_phrase = true;
	e->after_word = true;
	for (size_t i = 0; i < len; i++)
		if (s[i] != '\r' && s[i] != '\n' && !append(&e->text, s + i, 1))
			return false;
	return true;
}

/* Takes a route "@a,@b:" in front of the mailbox in <>; it is ignored. */
static bool
element_is_route(const struct element *e)
{
	return e->in_angle && e->text.len > 0 && e->text.s[0] == '@';
}

static void
element_open_angle(struct element *e)
{
	if (e->in_angle || e->has_angle)
		e->is_bad = true;
	e->text.len = 0;	/* what stood before it was the display name */
	e->is_phrase = e->after_word = false;
	e->in_angle = true;
}

static void
element_close_angle(struct element *e)
{
	if (!e->in_angle)
		e->is_bad = true;
	e->in_angle = false;
	e->has_angle = true;
}

/* The end of an element: its mailbox, if it is one, goes to the list. */
static bool
element_finish(struct element *e, stralloc *to, bool *is_clean)
{
	size_t start = to->len, used = 0;
	bool is_empty = e->text.len == 0 && !e->has_angle && !e->in_angle;
	bool is_good = !e->is_bad && !e->in_angle && !e->is_phrase && e->text.len > 0;

	if (is_good) {
		is_good = scan_mailbox(to, &used, e->text.s, e->text.len) && used == e->text.len;
		if (!is_good && errno == ENOMEM)
			return false;
	}
	if (is_good) {
		if (!append(to, "", 1))
			return false;
	} else {
		to->len = start;
		if (!is_empty || e->is_bad)
			*is_clean = false;
	}
	element_reset(e);
	return true;
}

/* One octet that is a token of its own. */
static bool
element_special(struct element *e, char c, stralloc *to, bool *is_clean)
{
	switch (c) {
	case '<':
		element_open_angle(e);
		return true;
	case '>':
		element_close_angle(e);
		return true;
	case ':':	/* the end of a route, or of a group's name */
		if (e->in_angle && !element_is_route(e))
			e->is_bad = true;
		e->text.len = 0;
		e->is_phrase = e->after_word = false;
		return true;
	case ',':
		if (element_is_route(e)) {
			e->after_word = false;
			return true;
		}
		return element_finish(e, to, is_clean);
	case ';':
		return element_finish(e, to, is_clean);
	case '.':
	case '@':
		e->is_bad = e->is_bad || e->has_angle;
		e->after_word = false;
		return append(&e->text, &c, 1);
	default:
		e->is_bad = true;
		return true;
	}
}

/* Reads one token at s[0..len) and returns its length in *used. */
static bool
element_take(struct element *e, size_t *used, const char *s, size_t len, stralloc *to, bool *is_clean)
{
	size_t n = 1;
	bool done = true;

	if (s[0] == '(') {
		n = skip_comment(s, len);
	} else if (s[0] == '"' || s[0] == '[') {
		n = skip_quoted(s, len, s[0] == '"' ? '"' : ']');
		done = element_add_word(e, s, n > len ? len : n);
	} else if (is_atext(s[0]) || is_high(s[0])) {
		n = skip_atom(s, len);
		done = element_add_word(e, s, n);
	} else if (!is_blank(s[0])) {
		done = element_special(e, s[0], to, is_clean);
	}
	if (n > len) {		/* not closed */
		e->is_bad = true;
		n = len;
	}
	*used = n;
	return done;
}

bool
address_list_append(stralloc *to, bool *is_clean, const char *value, size_t len)
{
	struct element e = { .text = STRALLOC_ZERO };
	bool done = true;

	*is_clean = true;
	for (size_t i = 0, used; done && i < len; i += used)
		done = element_take(&e, &used, value + i, len - i, to, is_clean);
	done = done && element_finish(&e, to, is_clean);
	stralloc_free(&e.text);
	return done;
}
