/* sendmail_header: see sendmail_header.h.
 *
 * Fields that stay are copied octet by octet: a header is not reformatted. */
#include "queue-inject/sendmail_header.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/address.h"
#include "lib/message.h"
#include "lib/printable.h"

enum {
	UNIQUE_LENGTH = 16,		/* characters of a Message-ID that nobody guesses */
	ENCODED_OCTETS_MAX = 42,	/* octets in one encoded word: 75 characters (RFC 2047 2) hold 45 */
};

/* ---- the text as it comes in ---- */

bool
sendmail_clean(struct sendmail_cleaner *c, stralloc *to, const char *s, size_t len, bool is_last)
{
	char *out;
	size_t n = 0;

	if (!stralloc_readyplus(to, len + 1))
		return false;
	out = to->s + to->len;
	for (size_t i = 0; i < len; i++) {
		if (c->has_cr && s[i] != '\n')
			out[n++] = '\r';
		c->has_cr = s[i] == '\r';
		if (!c->has_cr)
			out[n++] = s[i] == '\0' ? ' ' : s[i];
	}
	if (is_last && c->has_cr)
		out[n++] = '\r';
	to->len += n;
	return true;
}

/* *line_len receives the length of the mbox line at s, 0 where there is none.
 * False: more text is needed to tell. */
static bool
scan_mbox_line(size_t *line_len, const char *s, size_t len, bool is_last)
{
	static const char mark[] = "From ";
	size_t n = len < sizeof mark - 1 ? len : sizeof mark - 1;
	const char *lf;

	*line_len = 0;
	if (memcmp(s, mark, n) != 0)
		return true;
	lf = memchr(s, '\n', len);
	if (lf == NULL)
		return is_last;
	*line_len = (size_t)(lf - s) + 1;
	return true;
}

bool
sendmail_find_header(struct sendmail_span *span, const char *text, size_t len, bool is_last)
{
	struct message_field f;
	size_t at;

	if (!scan_mbox_line(&span->start, text, len, is_last))
		return false;
	at = span->start;
	while (message_next_field(&f, &at, text, len))
		;
	/* At the very end a field may go on in the next piece; before it, what
	 * stands there may become a field as long as its line is open. */
	if (!is_last && (at == len || memchr(text + at, '\n', len - at) == NULL))
		return false;
	span->end = span->body = at;
	if (at < len && text[at] == '\n')
		span->body++;
	return true;
}

/* ---- recipients ---- */

static const char *const resent_names[] = { "Resent-To", "Resent-Cc", "Resent-Bcc", NULL };
static const char *const plain_names[] = { "To", "Cc", "Bcc", NULL };

static bool
is_one_of(const struct message_field *f, const char *const *names)
{
	for (; *names != NULL; names++)
		if (message_field_is(f, *names))
			return true;
	return false;
}

static bool
has_any(const char *text, const struct sendmail_span *span, const char *const *names)
{
	struct message_field f;
	size_t at = span->start;

	while (message_next_field(&f, &at, text, span->end))
		if (is_one_of(&f, names))
			return true;
	return false;
}

bool
sendmail_append_recipients(stralloc *to, bool *is_clean, const char *text, const struct sendmail_span *span)
{
	const char *const *names = has_any(text, span, resent_names) ? resent_names : plain_names;
	struct message_field f;
	size_t at = span->start;
	bool is_field_clean;

	*is_clean = true;
	while (message_next_field(&f, &at, text, span->end)) {
		if (!is_one_of(&f, names))
			continue;
		if (!address_list_append(to, &is_field_clean, f.value, f.value_len))
			return false;
		*is_clean = *is_clean && is_field_clean;
	}
	return true;
}

/* ---- display names ---- */

static bool
is_atom_octet(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~ ", c) != NULL);
}

static bool
append_base64(stralloc *to, const unsigned char *s, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned second = left > 1 ? s[i + 1] : 0, third = left > 2 ? s[i + 2] : 0;
		unsigned n = (unsigned)s[i] << 16 | second << 8 | third;
		const char four[] = {
			digits[n >> 18], digits[n >> 12 & 63],
			left > 1 ? digits[n >> 6 & 63] : '=', left > 2 ? digits[n & 63] : '=',
		};

		if (!stralloc_catb(to, four, sizeof four))
			return false;
	}
	return true;
}

/* Encoded words of UTF-8, none of which cuts a character in two. */
static bool
append_encoded(stralloc *to, const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = len - i < ENCODED_OCTETS_MAX ? len - i : ENCODED_OCTETS_MAX;
		while (i + n < len && n > 1 && ((unsigned char)s[i + n] & 0xc0) == 0x80)
			n--;
		if (!stralloc_cats(to, i == 0 ? "=?UTF-8?B?" : "\n =?UTF-8?B?") ||
		    !append_base64(to, (const unsigned char *)s + i, n) || !stralloc_cats(to, "?="))
			return false;
	}
	return true;
}

static bool
append_quoted(stralloc *to, const char *s, size_t len)
{
	if (!stralloc_append(to, '"'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (((s[i] == '"' || s[i] == '\\') && !stralloc_append(to, '\\')) || !stralloc_append(to, s[i]))
			return false;
	return stralloc_append(to, '"');
}

bool
sendmail_append_phrase(stralloc *to, const char *name)
{
	stralloc clean = STRALLOC_ZERO;
	bool is_atoms = true, is_ascii = true, is_done;

	if (!stralloc_cats(&clean, name))
		return false;
	for (size_t i = 0; i < clean.len; i++) {
		unsigned char c = (unsigned char)clean.s[i];

		if (c < ' ' || c == 0x7f)
			clean.s[i] = ' ';
		is_ascii = is_ascii && c < 0x80;
		is_atoms = is_atoms && is_atom_octet((unsigned char)clean.s[i]);
	}
	if (!is_ascii)
		is_done = append_encoded(to, clean.s, clean.len);
	else if (is_atoms)
		is_done = stralloc_catb(to, clean.s, clean.len);
	else
		is_done = append_quoted(to, clean.s, clean.len);
	stralloc_free(&clean);
	return is_done;
}

/* ---- the header that is queued ---- */

/* The fields as they were, each ended by LF; those that say to whom in secret,
 * or what only the last host may say, are left out. */
static bool
append_fields(stralloc *to, const char *text, const struct sendmail_span *span)
{
	static const char *const dropped[] = { "Bcc", "Resent-Bcc", "Return-Path", NULL };
	struct message_field f;
	size_t at = span->start;

	while (message_next_field(&f, &at, text, span->end)) {
		if (is_one_of(&f, dropped))
			continue;
		if (!stralloc_catb(to, f.start, f.len))
			return false;
		if (f.start[f.len - 1] != '\n' && !stralloc_append(to, '\n'))
			return false;
	}
	return true;
}

static bool
append_from(stralloc *to, const struct sendmail_origin *o)
{
	if (!stralloc_cats(to, "From: "))
		return false;
	if (*o->full_name == '\0')
		return stralloc_cats(to, o->from) && stralloc_append(to, '\n');
	return sendmail_append_phrase(to, o->full_name) && stralloc_cats(to, " <") && stralloc_cats(to, o->from) &&
	    stralloc_cats(to, ">\n");
}

static bool
append_message_id(stralloc *to, const struct sendmail_origin *o)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char random[UNIQUE_LENGTH];
	char unique[UNIQUE_LENGTH], seconds[32];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	for (size_t i = 0; i < sizeof unique; i++)
		unique[i] = digits[random[i] % (sizeof digits - 1)];
	snprintf(seconds, sizeof seconds, "%lld.", (long long)o->now);
	return stralloc_cats(to, "Message-ID: <") && stralloc_cats(to, seconds) &&
	    stralloc_catb(to, unique, sizeof unique) && stralloc_cats(to, "@") && stralloc_cats(to, o->host) &&
	    stralloc_cats(to, ">\n");
}

static bool
append_date(stralloc *to, const struct sendmail_origin *o)
{
	return stralloc_cats(to, "Date: ") && message_append_date(to, o->now) && stralloc_append(to, '\n');
}

static bool
append_missing(stralloc *to, const char *text, const struct sendmail_span *span, const struct sendmail_origin *o)
{
	static const struct {
		const char *names[2];
		bool (*append)(stralloc *to, const struct sendmail_origin *o);
	} needed[] = {
		{ { "From", NULL }, append_from },
		{ { "Date", NULL }, append_date },
		{ { "Message-ID", NULL }, append_message_id },
	};

	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (!has_any(text, span, needed[i].names) && !needed[i].append(to, o))
			return false;
	return true;
}

bool
sendmail_append_header(stralloc *to, const char *text, const struct sendmail_span *span,
    const struct sendmail_origin *o)
{
	return append_fields(to, text, span) && append_missing(to, text, span, o) && stralloc_append(to, '\n');
}
