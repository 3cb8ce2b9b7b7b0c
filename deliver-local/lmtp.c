/* lmtp: see lmtp.h.
 *
 * Whatever goes wrong before a recipient's own reply defers it. After the text
 * each accepted recipient has a reply of its own; those whose reply does not
 * come are deferred, though the server may have delivered to them. */
#include "deliver-local/lmtp.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <skalibs/types.h>
#include <skalibs/uint64.h>

#include "lib/address.h"
#include "lib/log.h"
#include "lib/printable.h"
#include "lib/smtp.h"

/* One connection, one transaction. */
struct lmtp {
	const struct job *job;
	struct text *text;
	struct outcome *o;		/* one per recipient */
	bool *is_open;			/* its outcome is not known yet */
	size_t nrecipients;
	stralloc out;			/* what is to be sent */
	struct smtp_reply reply;
	bool has_size, has_8bitmime, has_smtputf8;
	bool is_lost;			/* the connection is not good for a QUIT */
	struct smtp_input in;
};

static const struct job_recipient *
recipient(const struct lmtp *l, size_t i)
{
	return &genalloc_s(struct job_recipient, &l->job->recipients)[i];
}

/* ---- outcomes ---- */

static void
defer_open(struct lmtp *l, const struct outcome *why)
{
	for (size_t i = 0; i < l->nrecipients; i++)
		if (l->is_open[i]) {
			l->o[i] = *why;
			l->is_open[i] = false;
		}
}

/* The connection failed; errno tells. False, for the caller to return. */
static bool
lose(struct lmtp *l, const char *what)
{
	struct outcome o;
	int error = errno;

	l->is_lost = true;
	if (l->text->is_broken)
		outcome_set(&o, VERDICT_DEFERRED, "4.3.0 The message broke off");
	else if (error == EPIPE)
		outcome_set(&o, VERDICT_DEFERRED, "4.4.2 LMTP %s: %s: connection closed", l->job->param, what);
	else if (error == ETIMEDOUT)
		outcome_set(&o, VERDICT_DEFERRED, "4.4.2 LMTP %s: %s: no answer in time", l->job->param, what);
	else if (error == EPROTO || error == EMSGSIZE)
		outcome_set(&o, VERDICT_DEFERRED, "4.5.0 LMTP %s: %s: not a reply", l->job->param, what);
	else
		outcome_set(&o, VERDICT_DEFERRED, "4.4.2 LMTP %s: %s: %s", l->job->param, what, strerror(error));
	defer_open(l, &o);
	return false;
}

/* The length of the enhanced status code at s, where it is of this class; else 0. */
static size_t
scan_enhanced(const char *s, size_t len, char class)
{
	size_t i = 1, digits;

	if (len < 5 || s[0] != class)
		return 0;
	for (int part = 0; part < 2; part++) {
		if (i >= len || s[i] != '.')
			return 0;
		for (digits = 0, i++; i < len && s[i] >= '0' && s[i] <= '9'; i++)
			digits++;
		if (digits == 0 || digits > 3)
			return 0;
	}
	return i == len || s[i] == ' ' ? i : 0;
}

/* The reply as a reason: "CODE LMTP DESTINATION: 550 words", its lines joined by blanks. */
static void
set_from_reply(struct outcome *o, enum verdict v, const struct lmtp *l)
{
	char words[512];
	char class = v == VERDICT_DELIVERED ? '2' : v == VERDICT_FAILED ? '5' : '4';
	size_t code_len = scan_enhanced(l->reply.text.s, l->reply.text.len, class);

	printable_copy(words, sizeof words, l->reply.text.s + code_len, l->reply.text.len - code_len);
	outcome_set(o, v, "%.*s%s LMTP %s: %u%s%s", (int)code_len, l->reply.text.s,
	    code_len > 0 ? "" : class == '2' ? "2.0.0" : class == '5' ? "5.0.0" : "4.0.0", l->job->param,
	    l->reply.code, words[0] == ' ' ? "" : " ", words);
}

/* A reply that is about the whole transaction and not what it should be. */
static bool
give_up(struct lmtp *l)
{
	struct outcome o;

	set_from_reply(&o, VERDICT_DEFERRED, l);
	defer_open(l, &o);
	return false;
}

/* A recipient's own reply. */
static void
settle(struct lmtp *l, size_t i)
{
	unsigned class = l->reply.code / 100;

	set_from_reply(&l->o[i], class == 2 ? VERDICT_DELIVERED : class == 5 ? VERDICT_FAILED : VERDICT_DEFERRED, l);
	l->is_open[i] = false;
}

/* ---- the conversation ---- */

static bool
send_out(struct lmtp *l, unsigned seconds, const char *what)
{
	tain deadline;
	size_t len = l->out.len;

	stream_deadline(&deadline, seconds, &l->text->deadline);
	l->out.len = 0;
	return stream_send(l->in.fd, l->out.s, len, &deadline) || lose(l, what);
}

/* A reply, its lines joined by LF. */
static bool
read_lines(struct lmtp *l, unsigned seconds, const char *what)
{
	tain deadline;

	stream_deadline(&deadline, seconds, &l->text->deadline);
	if (!smtp_read_reply(&l->in, &l->reply, &deadline))
		return lose(l, what);
	log_verbose("%s: LMTP <<< %u %.*s", l->job->id, l->reply.code, (int)l->reply.text.len, l->reply.text.s);
	return true;
}

/* A reply, its lines joined by blanks. */
static bool
read_reply(struct lmtp *l, unsigned seconds, const char *what)
{
	if (!read_lines(l, seconds, what))
		return false;
	for (size_t i = 0; i < l->reply.text.len; i++)
		if (l->reply.text.s[i] == '\n')
			l->reply.text.s[i] = ' ';
	return true;
}

/* Sends the command line in out. */
static bool
send_command(struct lmtp *l, unsigned seconds, const char *what)
{
	log_verbose("%s: LMTP >>> %.*s", l->job->id, (int)l->out.len, l->out.s);
	if (!stralloc_catb(&l->out, "\r\n", 2)) {
		errno = ENOMEM;
		return lose(l, what);
	}
	return send_out(l, seconds, what);
}

static bool
ask(struct lmtp *l, unsigned seconds, const char *what)
{
	return send_command(l, seconds, what) && read_reply(l, seconds, what);
}

/* Notes the extensions of a reply to LHLO, whose lines were joined by LF. */
static void
note_extensions(struct lmtp *l)
{
	const char *s = l->reply.text.s, *end = s + l->reply.text.len;

	while (s < end) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));
		size_t line = (size_t)((lf == NULL ? end : lf) - s);
		const char *blank = memchr(s, ' ', line);
		size_t word = blank == NULL ? line : (size_t)(blank - s);

		l->has_size |= word == 4 && strncasecmp(s, "SIZE", 4) == 0;
		l->has_8bitmime |= word == 8 && strncasecmp(s, "8BITMIME", 8) == 0;
		l->has_smtputf8 |= word == 8 && strncasecmp(s, "SMTPUTF8", 8) == 0;
		s += line + 1;
	}
}

static bool
greet(struct lmtp *l)
{
	char name[HOST_NAME_MAX + 1] = "";

	if (!read_reply(l, LMTP_GREETING_SECONDS, "greeting"))
		return false;
	if (l->reply.code != 220)
		return give_up(l);
	if (gethostname(name, sizeof name) == -1 || !address_is_domain(name, strnlen(name, HOST_NAME_MAX)))
		snprintf(name, sizeof name, "localhost");
	if (!stralloc_cats(&l->out, "LHLO ") || !stralloc_cats(&l->out, name)) {
		errno = ENOMEM;
		return lose(l, "LHLO");
	}
	if (!send_command(l, LMTP_GREETING_SECONDS, "LHLO") || !read_lines(l, LMTP_GREETING_SECONDS, "LHLO"))
		return false;
	if (l->reply.code != 250)
		return give_up(l);
	note_extensions(l);
	return true;
}

static bool
needs_smtputf8(const struct lmtp *l)
{
	if (address_is_international(l->job->reverse_path, strlen(l->job->reverse_path)))
		return true;
	for (size_t i = 0; i < l->nrecipients; i++) {
		const char *address = l->job->lmtp_rcpt_to ? recipient(l, i)->address : l->job->user;

		if (l->is_open[i] && address_is_international(address, strlen(address)))
			return true;
	}
	return address_is_international(l->text->raw.s, l->text->header_len);
}

/* The size with the line ends of the wire, as far as it is known: what was
 * added in front and the text; LF counts as two from a guess of 50 octets a line. */
static bool
append_size(struct lmtp *l)
{
	char digits[UINT64_FMT];
	uint64_t size = l->job->text_size + (l->text->head.len - l->text->raw.len);

	if (!l->has_size || !l->text->is_counted)
		return true;
	return stralloc_cats(&l->out, " SIZE=") && stralloc_catb(&l->out, digits, uint64_fmt(digits, size + size / 50));
}

static bool
mail_from(struct lmtp *l)
{
	if (!stralloc_cats(&l->out, "MAIL FROM:<") || !stralloc_cats(&l->out, l->job->reverse_path) ||
	    !stralloc_cats(&l->out, ">") || !append_size(l) ||
	    (l->has_8bitmime && !stralloc_cats(&l->out, " BODY=8BITMIME")) ||
	    (l->has_smtputf8 && needs_smtputf8(l) && !stralloc_cats(&l->out, " SMTPUTF8"))) {
		errno = ENOMEM;
		return lose(l, "MAIL");
	}
	if (!ask(l, LMTP_MAIL_SECONDS, "MAIL"))
		return false;
	return l->reply.code / 100 == 2 || give_up(l);
}

/* Names the recipients. False: none is left, or the connection is lost. */
static bool
rcpt_to(struct lmtp *l)
{
	bool is_any = false;

	for (size_t i = 0; i < l->nrecipients; i++) {
		const char *address = l->job->lmtp_rcpt_to ? recipient(l, i)->address : l->job->user;

		if (!l->is_open[i])
			continue;
		if (!lmtp_is_sendable(address)) {
			outcome_set(&l->o[i], VERDICT_DEFERRED, "4.1.3 LMTP %s: not an address: %s", l->job->param,
			    address);
			l->is_open[i] = false;
			continue;
		}
		if (!stralloc_cats(&l->out, "RCPT TO:<") || !stralloc_cats(&l->out, address) ||
		    !stralloc_cats(&l->out, ">")) {
			errno = ENOMEM;
			return lose(l, "RCPT");
		}
		if (!ask(l, LMTP_RCPT_SECONDS, "RCPT"))
			return false;
		if (l->reply.code / 100 == 2)
			is_any = true;
		else
			settle(l, i);
	}
	return is_any;
}

static bool
send_text(struct lmtp *l)
{
	struct smtp_encoder encoder = { .in_line = false };
	const char *s;
	size_t len;
	enum text_step step;

	while ((step = text_next(l->text, &s, &len)) == TEXT_PIECE) {
		if (!smtp_data_encode(&l->out, &encoder, s, len)) {
			errno = ENOMEM;
			return lose(l, "text");
		}
		if (l->out.len >= STREAM_BUFFER && !send_out(l, LMTP_BLOCK_SECONDS, "text"))
			return false;
	}
	if (step == TEXT_BROKEN)
		return lose(l, "text");	/* without the final dot nothing is delivered */
	if (!smtp_data_end(&l->out, &encoder)) {
		errno = ENOMEM;
		return lose(l, "text");
	}
	return send_out(l, LMTP_BLOCK_SECONDS, "text");
}

static bool
send_data(struct lmtp *l)
{
	if (!stralloc_cats(&l->out, "DATA")) {
		errno = ENOMEM;
		return lose(l, "DATA");
	}
	if (!ask(l, LMTP_DATA_SECONDS, "DATA"))
		return false;
	if (l->reply.code != 354)
		return give_up(l);
	if (!send_text(l))
		return false;
	for (size_t i = 0; i < l->nrecipients; i++) {
		if (!l->is_open[i])
			continue;
		if (!read_reply(l, LMTP_END_SECONDS, "end of text"))
			return false;
		settle(l, i);
	}
	return true;
}

/* Politeness: nothing depends on it. */
static void
quit(struct lmtp *l)
{
	tain deadline;

	if (l->is_lost)
		return;
	stream_deadline(&deadline, LMTP_QUIT_SECONDS, &l->text->deadline);
	if (stream_send(l->in.fd, "QUIT\r\n", 6, &deadline))
		(void)!smtp_read_reply(&l->in, &l->reply, &deadline);
}

static void
converse(struct lmtp *l)
{
	struct outcome o;
	tain deadline;
	const char *why;

	if (!lmtp_is_sendable(l->job->reverse_path)) {
		outcome_set(&o, VERDICT_DEFERRED, "4.1.7 LMTP %s: not an address: %s", l->job->param,
		    l->job->reverse_path);
		defer_open(l, &o);
		return;
	}
	stream_deadline(&deadline, LMTP_CONNECT_SECONDS, &l->text->deadline);
	l->in.fd = lmtp_connect(l->job->param, &why, &deadline);
	if (l->in.fd == -1) {
		outcome_set(&o, VERDICT_DEFERRED, "4.4.1 LMTP %s: %s", l->job->param,
		    why != NULL ? why : strerror(errno));
		defer_open(l, &o);
		return;
	}
	if (greet(l) && mail_from(l) && rcpt_to(l))
		send_data(l);
	quit(l);
	close(l->in.fd);
}

void
lmtp_deliver(struct outcome *o, const bool *is_open, const struct job *j, struct text *t)
{
	struct lmtp l = {
		.job = j, .text = t, .o = o, .nrecipients = genalloc_len(struct job_recipient, &j->recipients),
		.out = STRALLOC_ZERO, .reply = { .text = STRALLOC_ZERO }, .in = { .fd = -1 },
	};
	stralloc open = STRALLOC_ZERO;

	if (!stralloc_catb(&open, (const char *)is_open, l.nrecipients * sizeof *is_open)) {
		for (size_t i = 0; i < l.nrecipients; i++)
			if (is_open[i])
				outcome_set(&o[i], VERDICT_DEFERRED, "4.3.0 out of memory");
		return;
	}
	l.is_open = (bool *)open.s;
	converse(&l);
	stralloc_free(&open);
	stralloc_free(&l.out);
	stralloc_free(&l.reply.text);
}

bool
lmtp_is_sendable(const char *address)
{
	bool is_quoted = false;

	for (const char *s = address; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == '\\' && is_quoted && s[1] != '\0') {
			s++;
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				return false;
		} else if (c == '"') {
			is_quoted = !is_quoted;
		} else if (!is_quoted && (c == ' ' || c == '<' || c == '>')) {
			return false;
		}
	}
	return !is_quoted;
}
