/* data: see data.h.
 *
 * Decoded text goes straight from the input buffer into queue-inject's pipe.
 * As soon as the message cannot be accepted any more queue-inject is sent away,
 * and the rest is read and dropped, so that the reply comes where the client
 * looks for it: behind the final dot. A client that vanishes before it, or that
 * sends more before 354, leaves nothing in the queue. */
#include "smtp-recv/data.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/inject.h"
#include "lib/log.h"
#include "lib/stats.h"
#include "smtp-recv/received.h"
#include "smtp-recv/session.h"
#include "smtp-recv/transaction.h"

/* Why a text is refused, found out while it comes in. The first counts. */
enum flaw { NO_FLAW, BARE_LINE_END, NUL_OCTET, LONG_LINE, TOO_BIG, STUCK };

struct reception {
	struct smtp_data decoder;
	struct injection injection;
	bool is_injecting;
	enum flaw flaw;
	tain end;
};

static enum flaw
find_flaw(const struct session *s, const struct smtp_data *d)
{
	if (!s->allows_bare && (d->has_bare_cr || d->has_bare_lf))
		return BARE_LINE_END;
	if (d->has_nul)
		return NUL_OCTET;
	if (!s->allows_long_lines && d->has_long_line)
		return LONG_LINE;
	if (d->size > s->conf->max_message_size)
		return TOO_BIG;
	return NO_FLAW;
}

static void
give_up(struct reception *r)
{
	if (r->is_injecting)
		inject_abort(&r->injection);
	r->is_injecting = false;
}

/* Passes on what has been decoded. */
static void
pass_on(struct session *s, struct reception *r, const struct smtp_span *spans, size_t n)
{
	if (r->flaw == NO_FLAW)
		r->flaw = find_flaw(s, &r->decoder);
	for (size_t i = 0; i < n && r->flaw == NO_FLAW; i++)
		if (!inject_write(&r->injection, spans[i].s, spans[i].len))
			r->flaw = STUCK;
	if (r->flaw != NO_FLAW)
		give_up(r);
}

/* Reads the text to its end. False: the conversation is over without it. */
static bool
read_text(struct session *s, struct reception *r)
{
	struct smtp_input *in = &s->in;
	bool is_end = false;

	while (!is_end) {
		struct smtp_span spans[2];
		size_t used, n;
		tain deadline;

		if (in->start == in->end) {
			session_deadline(&deadline, DATA_BLOCK_SECONDS, &r->end);
			if (!session_fill(s, &deadline, tain_less(&deadline, &r->end) ? "timeout in the message" :
			    "the message took too long"))
				return false;
		}
		smtp_data_decode(&r->decoder, in->buffer + in->start, in->end - in->start, &used, spans, 2, &n,
		    &is_end);
		pass_on(s, r, spans, n);	/* the spans stand in the buffer */
		in->start += used;
	}
	return true;
}

static unsigned
refuse_flaw(struct session *s, enum flaw flaw)
{
	switch (flaw) {
	case BARE_LINE_END:
		return session_refuse(s, "", 550,
		    "5.6.11 bare CR or LF in the message, lines must end with CRLF");
	case NUL_OCTET:
		return session_refuse(s, "", 550, "5.6.0 NUL in the message");
	case LONG_LINE:
		return session_refuse(s, "", 550, "5.6.0 a line of the message is longer than %d octets",
		    SMTP_TEXT_LINE_MAX);
	case TOO_BIG:
		return session_refuse(s, "", 552, "5.3.4 message too big, at most %llu octets",
		    (unsigned long long)s->conf->max_message_size);
	default:
		return session_refuse(s, "queue-inject takes no more", 451, "4.3.0 the queue does not answer");
	}
}

/* The how-tos' line, and what else is known of where the message comes from: with the
 * queue id in both, one search finds all. */
static void
log_acceptance(const struct session *s, const struct reception *r, const char *id)
{
	const struct transaction *t = &s->transaction;
	const char *user = t->facts.user, *tag = t->facts.tag;

	log_line("%s: from=<%s>, size=%llu, nrcpts=%zu, proto=%s, relay=%s %s", id, t->reverse_path.s,
	    (unsigned long long)r->decoder.size, t->nrecipients, session_protocol(s), s->peer.host, s->peer.shown);
	log_line("%s: smtp message helo=%s%s%s%s%s", id, s->helo, *user == '\0' ? "" : " user=", user,
	    *tag == '\0' ? "" : " tag=", tag);
}

static unsigned
accept_message(struct session *s, const struct reception *r, const struct inject_result *result)
{
	log_acceptance(s, r, *result->id == '\0' ? "unknown" : result->id);
	stats_add(STATS_SMTP_ACCEPTED, 1);
	s->naccepted++;
	s->nidle = 0;
	return session_reply(s, 250, "2.0.0 %s%sMessage accepted for delivery", result->id,
	    *result->id == '\0' ? "" : " ");
}

/* Hands over the envelope and translates the outcome. */
static unsigned
finish(struct session *s, struct reception *r)
{
	struct inject_result result;

	if (!envelope_end(&s->transaction.envelope)) {
		give_up(r);
		return session_refuse(s, "out of memory", 451, "4.3.0 out of memory");
	}
	inject_finish(&r->injection, &s->transaction.envelope, &result);
	r->is_injecting = false;
	if (result.status == QUEUE_OK)
		return accept_message(s, r, &result);
	return session_refuse(s, "", result.is_permanent ? 554 : 451, "%s %s", result.enhanced, result.text);
}

/* Starts queue-inject and gives it the trace line. */
static bool
begin(struct session *s, struct reception *r)
{
	stralloc received = STRALLOC_ZERO;
	bool done;

	if (!inject_start(&r->injection, &s->transaction.facts)) {
		session_refuse(s, strerror(errno), 451, "4.3.0 the queue cannot be reached");
		return false;
	}
	r->is_injecting = true;
	done = received_append(&received, s, time(NULL)) &&
	    inject_write(&r->injection, received.s, received.len);
	if (!done) {
		give_up(r);
		session_refuse(s, strerror(errno), 451, "4.3.0 the queue cannot be reached");
	}
	stralloc_free(&received);
	return done;
}

static unsigned
receive(struct session *s, struct reception *r)
{
	if (!session_is_in_step(s))
		return 554;
	if (!begin(s, r)) {
		session_require_silence(s);
		return 451;
	}
	session_reply(s, 354, "End the message with a dot on a line of its own");
	session_deadline(&r->end, DATA_SECONDS, NULL);
	if (!read_text(s, r))
		return 421;
	log_verbose("<<< (%llu octets of text)", (unsigned long long)r->decoder.size);
	return r->flaw == NO_FLAW ? finish(s, r) : refuse_flaw(s, r->flaw);
}

unsigned
data_receive(struct session *s, const char *arg, size_t len)
{
	struct reception r = { .decoder = { .state = 0 } };
	unsigned code;

	(void)arg;
	if (len > 0) {
		session_refuse(s, "", 501, "5.5.4 DATA has no parameters");
		session_require_silence(s);
		return 501;
	}
	code = receive(s, &r);
	give_up(&r);
	transaction_reset(&s->transaction);
	if (s->state != CLOSED)
		s->state = GREETED;
	return code;
}
