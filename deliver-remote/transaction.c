/* transaction: see transaction.h.
 *
 * A recipient fails for good only by a 5xx reply to it, or to what all
 * recipients of the transaction share. Whatever else goes wrong defers; after the final
 * dot with a word that the message may arrive twice. Where PIPELINING is offered all
 * commands up to DATA go out at once; the replies are read in the same way. */
#include "deliver-remote/transaction.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "deliver-remote/command.h"
#include "deliver-remote/mailbox.h"
#include "lib/address.h"
#include "lib/stats.h"

struct transaction {
	struct client *c;
	struct delivery *d;
	size_t n, naccepted;
	size_t member[TRANSACTION_RECIPIENTS_MAX];	/* indexes of recipients */
	bool is_accepted[TRANSACTION_RECIPIENTS_MAX];
	bool pipelines;
	bool is_answered;		/* MAIL */
	bool is_over;			/* the connection is good for nothing more */
	bool is_lost;			/* and so is the session: c->why tells */
	struct command_mail mail;
	stralloc address;		/* of one recipient */
};

static struct outcome *
outcome_of(struct transaction *t, size_t i)
{
	return &t->d->o[t->member[i]];
}

/* Settles the members that are not. */
static void
settle_all(struct transaction *t, const struct outcome *as)
{
	for (size_t i = 0; i < t->n; i++)
		if (!outcome_of(t, i)->is_settled)
			*outcome_of(t, i) = *as;
}

/* ---- the ways in which it ends: all return false ---- */

/* The reply was the last word to all members; the connection is fine. */
static bool
settle_by_reply(struct transaction *t, enum verdict v)
{
	struct outcome o;

	outcome_set_reply(&o, v, t->c->c.peer, &t->c->c.reply);
	settle_all(t, &o);
	return false;
}

static bool
end_with(struct transaction *t, const struct outcome *as)
{
	t->is_lost = true;
	t->c->why = *as;
	if (t->is_answered)
		settle_all(t, as);
	return false;
}

/* The connection failed at that step; errno tells. */
static bool
lose(struct transaction *t, const char *step)
{
	struct outcome o;
	int error = errno;

	outcome_set(&o, VERDICT_DEFERRED, "%s %s: %s: %s", error == EPROTO || error == EMSGSIZE ? "4.5.0" : "4.4.2",
	    t->c->c.peer, step, connection_why(&t->c->c, error));
	return end_with(t, &o);
}

/* The reply is 421, or none that belongs here: the session is over. */
static bool
end_by_reply(struct transaction *t)
{
	struct outcome o;

	outcome_set_reply(&o, VERDICT_DEFERRED, t->c->c.peer, &t->c->c.reply);
	return end_with(t, &o);
}

static bool
fail_memory(struct transaction *t)
{
	struct outcome o;

	outcome_set(&o, VERDICT_DEFERRED, "4.3.0 out of memory");
	t->is_answered = true;		/* another server would not help */
	return end_with(t, &o);
}

/* ---- what a reply means ---- */

/* A 5xx is for good, but for those that ask for STARTTLS or AUTH: then it is our
 * configuration, or TLS that failed just now, and can be mended. */
static enum verdict
verdict_of(unsigned code)
{
	switch (code) {
	case 530:
	case 534:
	case 535:
	case 538:
		return VERDICT_DEFERRED;
	default:
		return code / 100 == 2 ? VERDICT_DELIVERED : code / 100 == 5 ? VERDICT_FAILED : VERDICT_DEFERRED;
	}
}

/* ---- commands ---- */

/* Sends what is waiting, unless more may be sent with it, and reads the reply. */
static bool
next_reply(struct transaction *t, unsigned seconds, const char *step)
{
	if (!connection_flush(&t->c->c, seconds) || !connection_reply(&t->c->c, seconds))
		return lose(t, step);
	if (t->c->c.reply.code == 421)
		return end_by_reply(t);
	return true;
}

static bool
put_rcpt(struct transaction *t, size_t i)
{
	const struct job_recipient *r = delivery_recipient(t->d, t->member[i]);

	t->address.len = 0;
	return mailbox_append(&t->address, r->address) &&
	    command_put_rcpt(&t->c->c, &t->c->x, t->address.s, r->notify, r->orcpt);
}

static bool
put_mail(struct transaction *t)
{
	return command_put_mail(&t->c->c, &t->c->x, &t->mail);
}

static bool
put_data(struct transaction *t)
{
	return connection_command(&t->c->c, "DATA");
}

static bool
put_all(struct transaction *t)
{
	if (!put_mail(t))
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (!put_rcpt(t, i))
			return false;
	return put_data(t);
}

/* ---- the envelope ---- */

static bool
say_mail(struct transaction *t)
{
	if (!t->pipelines && !put_mail(t))
		return fail_memory(t);
	if (!next_reply(t, STEP_MAIL_SECONDS, "MAIL"))
		return false;
	t->is_answered = true;
	t->c->ntransactions++;
	t->c->needs_rset = true;
	if (t->c->c.reply.code / 100 == 2)
		return true;
	settle_by_reply(t, verdict_of(t->c->c.reply.code));
	return false;
}

/* Sorts one recipient by its reply. "Too many" (452, and 552 as RFC 5321 4.5.3.1.10 says) is
 * for the caller to settle, when it is known whether any was accepted. */
static void
sort_recipient(struct transaction *t, size_t i, bool *is_beyond)
{
	unsigned code = t->c->c.reply.code;
	enum verdict v = code == 552 ? VERDICT_DEFERRED : verdict_of(code);

	if (v == VERDICT_DELIVERED) {
		t->is_accepted[i] = true;
		t->naccepted++;
	} else {
		is_beyond[i] = code == 452 || code == 552;
		outcome_set_reply(outcome_of(t, i), v, t->c->c.peer, &t->c->c.reply);
	}
}

/* From here on what happens concerns the accepted ones only. */
static void
forget_others(struct transaction *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->is_accepted[i])
			t->member[n++] = t->member[i];
	t->n = n;
	memset(t->is_accepted, true, n * sizeof t->is_accepted[0]);
}

static bool
say_rcpts(struct transaction *t)
{
	bool is_beyond[TRANSACTION_RECIPIENTS_MAX] = { false };

	for (size_t i = 0; i < t->n; i++) {
		if (!t->pipelines && !put_rcpt(t, i))
			return fail_memory(t);
		if (!next_reply(t, STEP_RCPT_SECONDS, "RCPT"))
			return false;
		sort_recipient(t, i, is_beyond);
	}
	for (size_t i = 0; i < t->n && t->naccepted > 0; i++)
		if (is_beyond[i])
			outcome_of(t, i)->is_settled = false;
	forget_others(t);
	return true;
}

/* After a refused MAIL the replies to the commands behind it are of no interest. */
static void
skip_replies(struct transaction *t)
{
	if (!t->pipelines || t->is_lost)
		return;
	for (size_t i = 0; i <= t->n; i++)
		if (!connection_reply(&t->c->c, STEP_RCPT_SECONDS) || t->c->c.reply.code / 100 < 4 ||
		    t->c->c.reply.code == 421) {
			t->is_over = true;	/* 354, or 250 without a reverse-path: we say no more */
			return;
		}
}

/* Whether the text is to follow. */
static bool
say_data(struct transaction *t)
{
	unsigned code;

	if (!t->pipelines && t->naccepted == 0)
		return false;
	if (!t->pipelines && !put_data(t))
		return fail_memory(t);
	if (!next_reply(t, STEP_DATA_SECONDS, "DATA"))
		return false;
	code = t->c->c.reply.code;
	if (code == 354 && t->naccepted > 0)
		return true;
	if (code == 354)
		t->is_over = true;	/* it waits for a text for nobody */
	else if (code / 100 >= 4)
		settle_by_reply(t, verdict_of(code));
	else
		end_by_reply(t);
	return false;
}

/* ---- the text ---- */

/* The server did not take the text to its end. Perhaps it has said why. */
static bool
lose_in_text(struct transaction *t)
{
	int error = errno;

	if (connection_reply(&t->c->c, STEP_LAST_WORDS_SECONDS) && t->c->c.reply.code / 100 >= 4) {
		t->is_over = true;
		return settle_by_reply(t, verdict_of(t->c->c.reply.code));
	}
	errno = error;
	return lose(t, "in the middle of the text");
}

/* Our own file cannot be read: without the final dot nothing is delivered. */
static bool
lose_text(struct transaction *t)
{
	struct outcome o;

	outcome_set(&o, VERDICT_DEFERRED, "4.3.0 The message cannot be read: %s", strerror(errno));
	return end_with(t, &o);
}

static bool
send_text(struct transaction *t)
{
	struct smtp_encoder encoder = { .in_line = false };
	const char *s;
	size_t len;

	text_rewind(t->d->text);
	for (;;) {
		if (!text_next(t->d->text, &s, &len))
			return lose_text(t);
		if (len == 0)
			break;
		if (t->c->c.out.len > 0 && !connection_flush(&t->c->c, STEP_BLOCK_SECONDS))
			return lose_in_text(t);
		if (!smtp_data_encode(&t->c->c.out, &encoder, s, len))
			return fail_memory(t);
	}
	if (!smtp_data_end(&t->c->c.out, &encoder))
		return fail_memory(t);
	return true;
}

/* The reply, or one for each recipient, to the whole text. */
static bool
read_end(struct transaction *t, size_t i)
{
	static const char step[] = "no reply to the end of the text, so the message may arrive twice";
	enum verdict v;

	if (!connection_reply(&t->c->c, STEP_END_SECONDS))
		return lose(t, step);
	v = verdict_of(t->c->c.reply.code);
	if (t->c->c.reply.code == 421)
		return end_by_reply(t);
	if (t->c->is_lmtp)
		outcome_set_reply(outcome_of(t, i), v, t->c->c.peer, &t->c->c.reply);
	return true;
}

static void
say_text(struct transaction *t)
{
	if (!send_text(t))
		return;
	if (!connection_flush(&t->c->c, STEP_BLOCK_SECONDS)) {
		lose_in_text(t);
		return;
	}
	for (size_t i = 0; i < (t->c->is_lmtp ? t->n : 1); i++)
		if (!read_end(t, i))
			return;
	if (!t->c->is_lmtp)
		settle_by_reply(t, verdict_of(t->c->c.reply.code));
	for (size_t i = 0; i < t->n; i++)
		outcome_of(t, i)->is_passed_on = t->c->x.dsn && outcome_of(t, i)->verdict == VERDICT_DELIVERED;
	if (verdict_of(t->c->c.reply.code) == VERDICT_DELIVERED)
		stats_add(STATS_REMOTE_MESSAGES, 1);
	t->c->needs_rset = false;
}

/* ---- the whole ---- */

static bool
is_international(const char *s)
{
	return address_is_international(s, strlen(s));
}

/* Takes recipient i in, or settles it because it cannot be sent. */
static bool
take_in(struct transaction *t, size_t i)
{
	const struct job_recipient *r = delivery_recipient(t->d, i);

	t->address.len = 0;
	if (!mailbox_append(&t->address, r->address)) {
		if (errno == EINVAL)
			outcome_set(&t->d->o[i], VERDICT_FAILED, "5.1.3 The address cannot be sent by SMTP: %s",
			    r->address);
		return errno == EINVAL;
	}
	if (is_international(r->address) && !t->c->x.smtputf8) {
		outcome_set(&t->d->o[i], VERDICT_FAILED, "5.6.7 %s: the server does not take international addresses "
		    "(SMTPUTF8)", t->c->c.peer);
		return true;
	}
	t->mail.needs_smtputf8 |= is_international(r->address);
	t->member[t->n++] = i;
	return true;
}

static bool
gather(struct transaction *t)
{
	for (size_t i = 0; i < t->d->n && t->n < TRANSACTION_RECIPIENTS_MAX; i++)
		if (!t->d->o[i].is_settled && !take_in(t, i))
			return fail_memory(t);
	return t->n > 0;
}

/* What can be known before a word is said. */
static bool
is_possible(struct transaction *t)
{
	struct outcome o;

	if (t->mail.needs_smtputf8 && !t->c->x.smtputf8)
		outcome_set(&o, VERDICT_FAILED, "5.6.7 %s: the server does not take international "
		    "addresses in envelope or header (SMTPUTF8)", t->c->c.peer);
	else if (t->c->x.size_limit != 0 && t->d->text->wire_size > t->c->x.size_limit)
		outcome_set(&o, VERDICT_FAILED, "5.3.4 %s: 552 the message of %ju octets is larger than the %ju that "
		    "the server announces", t->c->c.peer, (uintmax_t)t->d->text->wire_size,
		    (uintmax_t)t->c->x.size_limit);
	else
		return true;
	settle_all(t, &o);
	return false;
}

static void
converse(struct transaction *t)
{
	if (t->pipelines && !put_all(t)) {
		fail_memory(t);
		return;
	}
	if (!say_mail(t)) {
		skip_replies(t);
		return;
	}
	if (say_rcpts(t) && say_data(t))
		say_text(t);
}

enum progress
transaction_run(struct client *c, struct delivery *d)
{
	struct transaction t = { .c = c, .d = d, .pipelines = c->x.pipelining, .address = STRALLOC_ZERO };

	t.mail = (struct command_mail){
		.reverse_path = d->reverse_path.s, .size = d->text->wire_size, .ret = d->job->ret, .envid = d->job->envid,
		.needs_smtputf8 = is_international(d->reverse_path.s) ||
		    (d->job->is_smtputf8 && d->text->has_8bit_header),
	};
	if (gather(&t) && is_possible(&t))
		converse(&t);
	stralloc_free(&t.address);
	if (t.is_lost || t.is_over)
		client_drop(c, t.is_lost ? c->why.reason : "it took a wrong turn");
	return !t.is_lost ? PROGRESS_DONE : t.is_answered ? PROGRESS_ENDED : PROGRESS_NOTHING;
}
