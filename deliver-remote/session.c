/* session: see session.h.
 *
 * Until a server has answered MAIL the next one is tried, whatever the first
 * said: connection refused, a greeting of 5xx, EHLO refused, hung up. From MAIL on its word
 * stands. A connection that has served before may be gone without our fault: then a
 * new one is made, to the first server again. */
#include "deliver-remote/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "deliver-remote/transaction.h"
#include "deliver-remote/way.h"
#include "lib/wait.h"

enum { KEEPALIVE_MAX = 3600 };	/* seconds */

void
session_init(struct session *s)
{
	*s = (struct session){ .is_spent = false };
	credentials_open(&s->credentials);
	destination_init(&s->destination);
	connection_init(&s->client.c);
	dns_open(&s->dns, secure_getenv("PIPEPOST_RESOLVER"));
}

void
session_free(struct session *s)
{
	connection_free(&s->client.c);
	destination_free(&s->destination);
	credentials_free(&s->credentials);
}

void
session_close(struct session *s)
{
	client_quit(&s->client);
}

int
session_descriptor(const struct session *s)
{
	return s->client.c.fd;
}

unsigned
session_keepalive_seconds(const struct session *s)
{
	uint32_t seconds = s->destination.relay.session_keepalive;

	return seconds > KEEPALIVE_MAX ? KEEPALIVE_MAX : seconds;
}

/* ---- the connection ---- */

static bool
open_next(struct session *s, struct way *w)
{
	s->nfailures = 0;
	if (way_open_next(w, &s->client))
		return true;
	s->is_spent = w->is_hopeless;
	return false;
}

/* Waits until the next transaction may begin, or the server has something to say. */
static void
keep_distance(struct session *s)
{
	uint32_t seconds = s->destination.relay.session_transaction_delay;
	tain until;

	if (seconds == 0 || s->client.ntransactions == 0)
		return;
	tain_addsec(&until, &s->last_end, seconds > KEEPALIVE_MAX ? KEEPALIVE_MAX : (int)seconds);
	if (tain_less(&s->client.c.limit, &until))
		until = s->client.c.limit;
	(void)!wait_readable(s->client.c.fd, &until);
}

static bool
is_used_up(const struct session *s)
{
	const struct relay *r = &s->destination.relay;

	return (r->session_mail_max != 0 && s->client.ntransactions >= r->session_mail_max) ||
	    (r->max_failures_per_session != 0 && s->nfailures >= r->max_failures_per_session);
}

/* A connection that can take a transaction: the open one, or another. */
static bool
make_ready(struct session *s, struct way *w)
{
	struct client *c = &s->client;

	if (connection_is_open(&c->c)) {
		if (!is_used_up(s)) {
			keep_distance(s);
			if (client_is_ready(c))
				return true;
		}
		client_quit(c);
		w->next = 0;
	}
	return open_next(s, w);
}

/* ---- messages ---- */

static size_t
count_failures(const struct delivery *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->o[i].is_settled && d->o[i].verdict != VERDICT_DELIVERED;
	return n;
}

static enum progress
run_transaction(struct session *s, struct delivery *d)
{
	size_t before = count_failures(d);
	enum progress p = transaction_run(&s->client, d);

	s->nfailures += (unsigned)(count_failures(d) - before);
	tain_now_g();
	tain_copynow(&s->last_end);
	return p;
}

static void
deliver_all(struct session *s, struct way *w, struct delivery *d)
{
	struct client *c = &s->client;

	while (!delivery_is_settled(d)) {
		bool is_reused;

		if (!make_ready(s, w)) {
			delivery_settle(d, &c->why);
			return;
		}
		is_reused = c->ntransactions > 0;
		switch (run_transaction(s, d)) {
		case PROGRESS_DONE:
			break;
		case PROGRESS_ENDED:
			delivery_settle(d, &c->why);
			return;
		case PROGRESS_NOTHING:
			way_note_failure(w, c);
			if (is_reused)
				w->next = 0;
			break;
		}
	}
}

/* An open connection to elsewhere is of no use. */
static bool
take_destination(struct session *s, const char *param)
{
	if (destination_is(&s->destination, param))
		return true;
	session_close(s);
	return destination_take(&s->destination, param, &s->client.why);
}

void
session_deliver(struct session *s, struct delivery *d)
{
	struct client *c = &s->client;
	struct way w = WAY_ZERO(&s->destination, &s->credentials, &s->dns);

	c->c.limit = s->dns.limit = d->deadline;
	c->c.id = d->job->id;
	if (s->is_spent || !take_destination(s, d->job->param)) {
		delivery_settle(d, &c->why);
	} else {
		delivery_set_reverse_path(d, &s->destination.relay);
		deliver_all(s, &w, d);
	}
	c->c.id = "-";
	way_free(&w);
}
