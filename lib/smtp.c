/* smtp: see smtp.h.
 *
 * What a peer sends is taken as octets with limits; every wait has an absolute
 * deadline. After a failure of a reader the connection is only good for a last
 * reply, except where smtp.h says that the line was consumed. */
#include "lib/smtp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/wait.h"

static bool
fail(int error)
{
	errno = error;
	return false;
}

/* ---- lines ---- */

/* Moves what is unread to the front. */
static bool
make_room(struct smtp_input *in)
{
	if (in->start == in->end) {
		in->start = in->end = 0;
	} else if (in->end == sizeof in->buffer) {
		if (in->start == 0)
			return fail(ENOBUFS);
		memmove(in->buffer, in->buffer + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	return true;
}

/* As a source does. */
static ssize_t
read_descriptor(int fd, char *s, size_t len, const tain *deadline)
{
	ssize_t n;

	do {
		if (deadline != NULL && !wait_readable(fd, deadline))
			return -1;
		n = read(fd, s, len);
	} while (n == -1 && (errno == EINTR || (errno == EAGAIN && deadline != NULL)));
	return n;
}

static ssize_t
read_input(struct smtp_input *in, const tain *deadline)
{
	char *s = in->buffer + in->end;
	size_t len = sizeof in->buffer - in->end;
	ssize_t n;

	n = in->source != NULL ? in->source->read(in->source, s, len, deadline) :
	    read_descriptor(in->fd, s, len, deadline);
	if (n > 0)
		in->end += (size_t)n;
	return n;
}

bool
smtp_fill(struct smtp_input *in, const tain *deadline)
{
	ssize_t n;

	if (!make_room(in))
		return false;
	n = read_input(in, deadline);
	return n > 0 || (n == 0 && fail(EPIPE));
}

size_t
smtp_discard_input(struct smtp_input *in)
{
	size_t n = in->end - in->start;

	in->start = in->end = 0;
	return n;
}

bool
smtp_has_input(struct smtp_input *in)
{
	if (in->start < in->end)
		return true;
	in->start = in->end = 0;
	return read_input(in, NULL) > 0;
}

/* Consumes the rest of a line that is too long. */
static bool
discard_line(struct smtp_input *in, const tain *deadline)
{
	for (;;) {
		char *s = in->buffer + in->start;
		size_t len = in->end - in->start;
		char *end = memmem(s, len, "\r\n", 2);

		if (end != NULL) {
			in->start = (size_t)(end + 2 - in->buffer);
			break;
		}
		in->start = len > 0 && s[len - 1] == '\r' ? in->end - 1 : in->end;
		if (!smtp_fill(in, deadline))
			break;
	}
	return fail(EMSGSIZE);
}

static bool
is_clean(const char *s, size_t len)
{
	return memchr(s, '\r', len) == NULL && memchr(s, '\n', len) == NULL && memchr(s, '\0', len) == NULL;
}

bool
smtp_read_line(struct smtp_input *in, const char **line, size_t *len, size_t max, const tain *deadline)
{
	size_t seen = 0;	/* octets that were searched before more came */

	for (;;) {
		char *s = in->buffer + in->start;
		size_t have = in->end - in->start;
		char *end = have > seen ? memmem(s + seen, have - seen, "\r\n", 2) : NULL;

		if (end != NULL) {
			*line = s;
			*len = (size_t)(end - s);
			in->start += *len + 2;
			if (*len + 2 > max)
				return fail(EMSGSIZE);
			return is_clean(s, *len) || fail(EPROTO);
		}
		if (have > seen && memchr(s + seen, '\n', have - seen) != NULL) {
			in->start = in->end;
			return fail(EPROTO);
		}
		if (have >= max)
			return discard_line(in, deadline);
		seen = have > 0 ? have - 1 : 0;		/* the last may be the CR */
		if (!smtp_fill(in, deadline))
			return false;
	}
}

/* ---- replies ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads the code in front of a reply line and whether more lines follow. */
static bool
scan_reply_line(unsigned *code, bool *is_last, const char *s, size_t len)
{
	if (len < 3 || s[0] < '2' || s[0] > '5' || !is_digit(s[1]) || !is_digit(s[2]))
		return false;
	if (len > 3 && s[3] != ' ' && s[3] != '-')
		return false;
	*code = (unsigned)((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
	*is_last = len == 3 || s[3] == ' ';
	return true;
}

bool
smtp_read_reply(struct smtp_input *in, struct smtp_reply *r, const tain *deadline)
{
	bool is_last = false;

	r->code = 0;
	r->text.len = 0;
	for (unsigned n = 0; !is_last; n++) {
		const char *line;
		unsigned code;
		size_t len;

		if (n == SMTP_REPLY_LINES_MAX)
			return fail(EMSGSIZE);
		if (!smtp_read_line(in, &line, &len, SMTP_REPLY_LINE_MAX, deadline))
			return false;
		if (!scan_reply_line(&code, &is_last, line, len) || (n > 0 && code != r->code))
			return fail(EPROTO);
		r->code = code;
		if ((n > 0 && !stralloc_catb(&r->text, "\n", 1)) ||
		    (len > 4 && !stralloc_catb(&r->text, line + 4, len - 4)))
			return fail(ENOMEM);
	}
	return true;
}

/* ---- decoding ---- */

enum data_state {
	LINE_START,	/* must be 0: a fresh struct smtp_data is here */
	IN_LINE,
	AFTER_CR,	/* the CR is held back */
	AFTER_DOT,	/* a dot began the line; it is taken off */
	AFTER_DOT_CR,	/* the CR is held back */
};

/* The octet that says which flaw text has, looked at one by one; runs of plain
 * octets never come here. */
static void
note_octet(struct smtp_data *d, char c)
{
	if (c == '\0')
		d->has_nul = true;
	else if ((unsigned char)c > 127)
		d->has_8bit = true;
	else if (c == '\n')
		d->has_bare_lf = true;
	d->line_len = c == '\n' ? 0 : d->line_len + 1;
}

/* How many octets from s on need no look: over CR (13) and under 128. */
static size_t
plain_run(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (signed char)s[i] > '\r')
		i++;
	return i;
}

/* Decodes in place: reads from s[*r], writes to s[*w], stops at the end of the
 * data. A held back CR that turns out to be bare needs a place in front of s[*r]:
 * the caller gives it out where there is none (see smtp_data_decode). */
static bool
decode_some(struct smtp_data *d, char *s, size_t len, size_t *r, size_t *w)
{
	while (*r < len) {
		char c = s[*r];
		size_t n;

		switch ((enum data_state)d->state) {
		case AFTER_DOT_CR:
			if (c == '\n') {
				++*r;
				return true;
			}
			d->state = AFTER_CR;
			continue;
		case AFTER_CR:
			if (c == '\n') {
				s[(*w)++] = '\n';
				d->state = LINE_START;
				d->line_len = 0;
				++*r;
				continue;
			}
			d->has_bare_cr = true;
			d->line_len++;
			d->state = IN_LINE;
			s[(*w)++] = '\r';
			continue;
		case LINE_START:
			d->state = c == '.' ? AFTER_DOT : IN_LINE;
			*r += c == '.';
			continue;
		case AFTER_DOT:
			d->state = c == '\r' ? AFTER_DOT_CR : IN_LINE;
			*r += c == '\r';
			continue;
		case IN_LINE:
			break;
		}
		n = plain_run(s + *r, len - *r);
		if (n > 0) {
			if (*w != *r)
				memmove(s + *w, s + *r, n);
			*w += n;
			*r += n;
			d->line_len += n;
		} else if (c == '\r') {
			d->state = AFTER_CR;
			++*r;
		} else {
			note_octet(d, c);
			s[(*w)++] = c;
			++*r;
		}
		if (d->line_len > SMTP_TEXT_LINE_MAX - 2)
			d->has_long_line = true;
	}
	return false;
}

void
smtp_data_decode(struct smtp_data *d, char *s, size_t len, size_t *used, struct smtp_span *out, size_t nspans,
    size_t *nout, bool *is_end)
{
	size_t r = 0, w = 0;

	*used = *nout = 0;
	*is_end = false;
	if (len == 0 || nspans == 0)
		return;
	/* A CR at the end of the piece before: if bare, it has no place in this one. */
	if ((d->state == AFTER_CR || d->state == AFTER_DOT_CR) && s[0] != '\n') {
		d->has_bare_cr = true;
		d->line_len++;
		d->state = IN_LINE;
		d->size++;
		out[(*nout)++] = (struct smtp_span){ .s = "\r", .len = 1 };
		if (nspans == 1)
			return;
	}
	*is_end = decode_some(d, s, len, &r, &w);
	*used = r;
	if (w > 0)
		out[(*nout)++] = (struct smtp_span){ .s = s, .len = w };
	d->size += w;
}

/* ---- encoding ---- */

enum { FOLD_AT = SMTP_TEXT_LINE_MAX - 2 };

/* How much of the line s[0..len) goes out before it must be folded. A UTF-8
 * sequence has at most 3 continuation octets; they stay with their first. */
static size_t
fold_point(const struct smtp_encoder *e, const char *s, size_t len)
{
	size_t n = FOLD_AT - e->line_len;

	if (len <= n)
		return len;
	for (size_t back = 0; back < 4 && back < n; back++)
		if (((unsigned char)s[n - back] & 0xc0) != 0x80)
			return n - back;
	return n;
}

/* Appends s[0..len), a piece of a line without its end. */
static bool
encode_piece(stralloc *to, struct smtp_encoder *e, const char *s, size_t len)
{
	size_t start;

	if (!e->in_line && s[0] == '.' && !stralloc_catb(to, ".", 1))
		return false;
	e->in_line = true;
	while (len > 0) {
		size_t n = fold_point(e, s, len);

		start = to->len;
		if (!stralloc_catb(to, s, n))
			return false;
		for (size_t i = start; i < to->len; i++)
			if (to->s[i] == '\r')
				to->s[i] = ' ';
		e->line_len += n;
		s += n;
		len -= n;
		if (len > 0) {
			if (!stralloc_catb(to, "\r\n ", 3))
				return false;
			e->line_len = 1;
		}
	}
	return true;
}

bool
smtp_data_encode(stralloc *to, struct smtp_encoder *e, const char *s, size_t len)
{
	while (len > 0) {
		const char *lf = memchr(s, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - s);

		if (n > 0 && !encode_piece(to, e, s, n))
			return fail(ENOMEM);
		if (lf != NULL) {
			if (!stralloc_catb(to, "\r\n", 2))
				return fail(ENOMEM);
			*e = (struct smtp_encoder){ .in_line = false };
			n++;
		}
		s += n;
		len -= n;
	}
	return true;
}

bool
smtp_data_end(stralloc *to, struct smtp_encoder *e)
{
	if (e->in_line && !stralloc_catb(to, "\r\n", 2))
		return fail(ENOMEM);
	*e = (struct smtp_encoder){ .in_line = false };
	return stralloc_catb(to, ".\r\n", 3) || fail(ENOMEM);
}
