/* bounce_text: see bounce_text.h. */
#include "queue-run/bounce_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The octets of text that are shown, no UTF-8 character cut in two. */
static size_t
shown_length(const char *text)
{
	size_t n = strnlen(text, NOTICE_REASON_MAX + 1);

	if (n <= NOTICE_REASON_MAX)
		return n;
	for (n = NOTICE_REASON_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

/* Columns of the line that *to ends with. */
static size_t
column(const stralloc *to)
{
	size_t n = 0;

	while (n < to->len && to->s[to->len - 1 - n] != '\n')
		n++;
	return n;
}

/* One word, on this line or the next. */
static bool
append_word(stralloc *to, const char *indent, const char *word, size_t len)
{
	size_t at = column(to);
	bool has_blank = at > 0 && is_space(to->s[to->len - 1]);

	if (at > strlen(indent) && at + 1 + len > BOUNCE_WRAP_AT && !stralloc_cats(to, "\n"))
		return false;
	at = column(to);
	if (at == 0 ? !stralloc_cats(to, indent) : !has_blank && !stralloc_cats(to, " "))
		return false;
	return stralloc_catb(to, word, len);
}

bool
bounce_append_wrapped(stralloc *to, const char *indent, const char *text, bool keeps_8bit)
{
	size_t len = shown_length(text);
	stralloc word = STRALLOC_ZERO;
	bool is_done = true;

	for (size_t i = 0, n; is_done && i < len; i += n) {
		if (is_space(text[i])) {
			n = 1;
			continue;
		}
		for (n = 0; i + n < len && !is_space(text[i + n]); n++)
			;
		word.len = 0;
		is_done = printable_append(&word, text + i, n);
		for (size_t k = 0; !keeps_8bit && k < word.len; k++)
			if ((unsigned char)word.s[k] > 126)
				word.s[k] = '?';
		for (size_t k = 0, piece; is_done && k < word.len; k += piece) {
			piece = word.len - k < BOUNCE_LINE_MAX ? word.len - k : BOUNCE_LINE_MAX;
			while (k + piece < word.len && piece > 1 && ((unsigned char)word.s[k + piece] & 0xc0) == 0x80)
				piece--;
			is_done = append_word(to, indent, word.s + k, piece);
		}
	}
	stralloc_free(&word);
	return is_done && stralloc_cats(to, "\n");
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
bounce_append_xtext_decoded(stralloc *to, const char *xtext)
{
	for (; *xtext != '\0'; xtext++) {
		char c = *xtext;

		if (c == '+' && hex_value(xtext[1]) > 0 && hex_value(xtext[2]) >= 0) {
			c = (char)(hex_value(xtext[1]) << 4 | hex_value(xtext[2]));
			xtext += 2;
		}
		if (!stralloc_append(to, c))
			return false;
	}
	return true;
}

/* The code point of the UTF-8 sequence at s; *used its octets. What is no UTF-8 stands for itself. */
static unsigned long
scan_utf8(const unsigned char *s, size_t *used)
{
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 1;
	unsigned long point = n == 1 ? s[0] : s[0] & (0xffU >> (n + 1));

	*used = 1;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return s[0];
		point = point << 6 | (s[i] & 0x3fU);
	}
	*used = n;
	return point;
}

bool
bounce_append_utf8_xtext(stralloc *to, const char *address)
{
	size_t used;

	for (; *address != '\0'; address += used) {
		unsigned long point = scan_utf8((const unsigned char *)address, &used);
		char code[24];

		if (point > 0x20 && point < 0x7f && point != '\\' && point != '+' && point != '=')
			snprintf(code, sizeof code, "%c", (char)point);
		else
			snprintf(code, sizeof code, "\\x{%lX}", point);
		if (!stralloc_cats(to, code))
			return false;
	}
	return true;
}

/* ---- status codes ---- */

/* The length of the enhanced status code at s, 0 where there is none. */
static size_t
scan_status(const char *s)
{
	size_t i = 1, digits;

	if (s[0] != '2' && s[0] != '4' && s[0] != '5')
		return 0;
	for (int part = 0; part < 2; part++) {
		if (s[i++] != '.')
			return 0;
		for (digits = 0; s[i] >= '0' && s[i] <= '9'; i++)
			digits++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return s[i] == '\0' || is_space(s[i]) ? i : 0;
}

/* Behind the three digits of an SMTP reply, if the reason begins with them. */
static const char *
skip_reply_code(const char *s)
{
	for (size_t i = 0; i < 3; i++)
		if (s[i] < '0' || s[i] > '9')
			return s;
	return s[3] == ' ' || s[3] == '-' ? s + 4 : s;
}

static const char *
default_status(enum notice_action action)
{
	switch (action) {
	case NOTICE_FAILED:
		return "5.0.0";
	case NOTICE_DELAYED:
		return "4.0.0";
	case NOTICE_DELIVERED:
	case NOTICE_RELAYED:
	case NOTICE_EXPANDED:
		return "2.0.0";
	}
	return "5.0.0";
}

const char *
bounce_find_status(char status[BOUNCE_STATUS_MAX], const struct notice_recipient *r)
{
	const char *s = r->status;
	size_t len = scan_status(s);

	if (len == 0) {
		s = skip_reply_code(r->reason);
		len = scan_status(s);
	}
	if (len == 0) {
		s = default_status(r->action);
		len = strlen(s);
	}
	snprintf(status, BOUNCE_STATUS_MAX, "%.*s", (int)len, s);
	return status;
}

/* The length of the directories in front of "NAME:LINE" at s; 0 where none is. */
static size_t
directories_length(const char *s)
{
	size_t len = *s == '/' ? strcspn(s, " \t():") : 0, digits = s[len] == ':' ? strspn(s + len + 1, "0123456789") : 0;
	const char *slash = memrchr(s, '/', len);

	if (digits == 0 || strchr(" :,;)", s[len + 1 + digits]) == NULL)
		return 0;
	return (size_t)(slash - s) + 1;
}

void
bounce_hide_directories(char *reason)
{
	bool is_start = true;

	for (char *s = reason; *s != '\0'; s++) {
		size_t n = is_start ? directories_length(s) : 0;

		if (n > 0)
			memmove(s, s + n, strlen(s + n) + 1);
		is_start = *s == ' ' || *s == '(';
	}
}

/* ---- replies ---- */

/* The length of "HOST[ADDRESS]" at s; 0 where none is. *host is that of the name. */
static size_t
scan_peer(size_t *host, const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
	size_t address;

	*host = strspn(s, letters);
	if (*host == 0 || s[*host] != '[')
		return 0;
	address = strspn(s + *host + 1, "0123456789abcdefABCDEF.:");
	return address > 0 && s[*host + 1 + address] == ']' ? *host + address + 2 : 0;
}

static bool
is_reply(const char *s)
{
	return (*s == '2' || *s == '4' || *s == '5') && (skip_reply_code(s) != s || strlen(s) == 3);
}

void
bounce_split_reply(struct notice_recipient *r)
{
	char *reason = (char *)(uintptr_t)r->reason, *peer;	/* in the request's memory */
	size_t code = scan_status(reason), host, len;

	if (*r->remote != '\0' || code == 0 || reason[code] != ' ')
		return;
	peer = reason + code + 1;
	len = scan_peer(&host, peer);
	if (len == 0 || strncmp(peer + len, ": ", 2) != 0 || !is_reply(peer + len + 2))
		return;
	reason[code] = '\0';
	peer[host] = '\0';
	if (*r->status == '\0')
		r->status = reason;
	r->remote = peer;
	r->reason = peer + len + 2;
}
