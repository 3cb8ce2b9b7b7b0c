/* message: see message.h.
 *
 * A field is a name of printable octets (33 to 126 without the colon), blanks
 * perhaps (RFC 5322 4.5), a colon, and everything up to the first LF that no
 * blank follows. All functions but message_append_date() are pure. */
#include "lib/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum hops_state {
	HOPS_BEGIN,		/* before the first octet of the text */
	HOPS_LINE,		/* at the start of a further line */
	HOPS_NAME,		/* inside a field name */
	HOPS_BLANK,		/* between name and colon */
	HOPS_VALUE,		/* behind the colon, up to the end of the line */
};

static const char received[] = "received";

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_name_octet(char c)
{
	return c > 32 && c < 127 && c != ':';
}

/* The length of the name at s, and the offset of its colon. False: no field begins there. */
static bool
scan_name(size_t *name_len, size_t *colon, const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_name_octet(s[n]))
		n++;
	*name_len = n;
	while (n < len && is_blank(s[n]))
		n++;
	*colon = n;
	return *name_len > 0 && n < len && s[n] == ':';
}

/* The offset behind the LF that ends the field at s. */
static size_t
scan_folds(const char *s, size_t len)
{
	const char *end = s + len, *p = s;

	do {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			return len;
		p++;
	} while (p < end && is_blank(*p));
	return (size_t)(p - s);
}

bool
message_next_field(struct message_field *f, size_t *at, const char *text, size_t len)
{
	const char *s = text + *at;
	size_t left = len - *at, colon;

	if (!scan_name(&f->name_len, &colon, s, left))
		return false;
	f->start = f->name = s;
	f->len = scan_folds(s, left);
	f->value = s + colon + 1;
	f->value_len = f->len - colon - 1;
	*at += f->len;
	return true;
}

bool
message_field_is(const struct message_field *f, const char *name)
{
	return f->name_len == strlen(name) && strncasecmp(f->name, name, f->name_len) == 0;
}

/* One octet of the header. */
static void
hops_step(struct message_hops *h, char c)
{
	switch ((enum hops_state)h->state) {
	case HOPS_BEGIN:
	case HOPS_LINE:
		h->matched = 0;
		if (is_blank(c) && h->state == HOPS_LINE) {
			h->state = HOPS_VALUE;
			break;
		}
		if (!is_name_octet(c)) {
			h->is_past_header = true;
			break;
		}
		h->state = HOPS_NAME;
		/* fall through */
	case HOPS_NAME:
		if (is_name_octet(c)) {
			/* One octet too many, or one that differs, spoils it for good. */
			if (h->matched < sizeof received - 1 && (c | 0x20) == received[h->matched])
				h->matched++;
			else
				h->matched = sizeof received;
			break;
		}
		h->state = HOPS_BLANK;
		/* fall through */
	case HOPS_BLANK:
		if (c == ':') {
			h->hops += h->matched == sizeof received - 1;
			h->state = HOPS_VALUE;
		} else if (!is_blank(c)) {
			h->is_past_header = true;
		}
		break;
	case HOPS_VALUE:
		if (c == '\n')
			h->state = HOPS_LINE;
		break;
	}
}

void
message_hops_feed(struct message_hops *h, const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && !h->is_past_header) {
		if (h->state == HOPS_VALUE) {
			const char *lf = memchr(s + i, '\n', len - i);

			if (lf == NULL)
				return;
			i = (size_t)(lf - s);
		}
		hops_step(h, s[i++]);
	}
}

/* Takes blanks and line ends off both sides. */
static void
trim(const char **s, size_t *len)
{
	while (*len > 0 && (is_blank(**s) || **s == '\n')) {
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && (is_blank((*s)[*len - 1]) || (*s)[*len - 1] == '\n'))
		(*len)--;
}

bool
message_was_delivered_to(const char *text, size_t len, const char *address)
{
	struct message_field f;
	size_t at = 0, address_len = strlen(address);

	while (message_next_field(&f, &at, text, len)) {
		if (!message_field_is(&f, "Delivered-To"))
			continue;
		trim(&f.value, &f.value_len);
		if (f.value_len == address_len && strncasecmp(f.value, address, address_len) == 0)
			return true;
	}
	return false;
}

bool
message_append_date(stralloc *to, int64_t seconds)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};
	time_t t = (time_t)seconds;
	struct tm tm;
	char date[80];
	long offset;
	int n;

	if (localtime_r(&t, &tm) == NULL) {
		t = 0;	/* a year beyond int: no clock says that */
		gmtime_r(&t, &tm);
	}
	offset = tm.tm_gmtoff / 60;
	n = snprintf(date, sizeof date, "%s, %d %s %d %02d:%02d:%02d %c%02ld%02ld", days[tm.tm_wday], tm.tm_mday,
	    months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, offset < 0 ? '-' : '+',
	    labs(offset) / 60, labs(offset) % 60);
	return n > 0 && stralloc_catb(to, date, (size_t)n);
}
