/* session: see session.h.
 *
 * Until a server has answered MAIL the next one is tried, whatever the first
 * said: connection refused, a greeting of 5xx, EHLO refused, hung up. From MAIL on its word
 * stands. A connection that has served before may be gone without our fault: then a
 * new one is made, to the first server again. */
#include "deliver-remote/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "deliver-remote/target.h"
#include "deliver-remote/transaction.h"
#include "lib/log.h"
#include "lib/printable.h"

void
session_init(struct session *s)
{
	*s = (struct session){ .param = STRALLOC_ZERO };
	connection_init(&s->client.c);
}

void
session_free(struct session *s)
{
	connection_free(&s->client.c);
	stralloc_free(&s->param);
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

/* ---- where to ---- */

/* One job's way: which server is next. */
struct way {
	struct destination destination;
	genalloc targets;		/* struct target; empty until looked up */
	size_t next;
	bool is_looked_up;
};

static void
name_peer(struct connection *c, const struct target *t)
{
	char address[INET6_ADDRSTRLEN] = "?", name[CONNECTION_PEER_MAX];

	if (t->address.ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)&t->address)->sin_addr, address, sizeof address);
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&t->address)->sin6_addr, address, sizeof address);
	snprintf(name, sizeof name, "%.255s[%s]", t->name, address);
	printable_copy(c->peer, sizeof c->peer, name, strlen(name));
}

/* ---- connections ---- */

/* One attempt to make a session with a server. */
static enum welcome
attempt(struct session *s, const struct way *w, const struct target *t, enum client_tls tls)
{
	struct client *c = &s->client;
	struct client_options o = {
		.is_lmtp = w->destination.is_lmtp, .helo = w->destination.helo, .tls = tls,
		.tls_options = { .name = t->name, .verify = w->destination.verify },
	};
	char reason[1200];

	if (!connection_open(&c->c, (const struct sockaddr *)&t->address, t->len, NULL, 0)) {
		outcome_set(&c->why, VERDICT_DEFERRED, "4.4.1 %s: %s", c->c.peer, errno == ETIMEDOUT ?
		    "no connection in time" : strerror(errno));
		log_line("%s: mta error relay=%s reason=%s", c->c.id, c->c.peer,
		    printable_quote(reason, sizeof reason, c->why.reason, strlen(c->why.reason)));
		return WELCOME_NEXT;
	}
	log_line("%s: mta connected relay=%s", c->c.id, c->c.peer);
	return client_greet(c, &o);
}

/* The ways of TLS with one server, in turn. */
static enum welcome
open_to(struct session *s, const struct way *w, const struct target *t)
{
	enum welcome welcome;

	name_peer(&s->client.c, t);
	switch (w->destination.tls) {
	case TLS_NEVER:
		return attempt(s, w, t, CLIENT_CLEAR);
	case TLS_REQUIRED:
		return attempt(s, w, t, CLIENT_TLS_REQUIRED);
	case TLS_AT_CONNECT:
		return attempt(s, w, t, CLIENT_TLS_AT_CONNECT);
	case TLS_ANY:
		welcome = attempt(s, w, t, CLIENT_TLS_REQUIRED);
		return welcome != WELCOME_NEXT ? welcome : attempt(s, w, t, CLIENT_TLS_AT_CONNECT);
	case TLS_OPPORTUNISTIC:
		break;
	}
	welcome = attempt(s, w, t, CLIENT_TLS_IF_OFFERED);
	return welcome != WELCOME_CLEAR ? welcome : attempt(s, w, t, CLIENT_CLEAR);
}

/* The next server that lets us in. */
static bool
open_next(struct session *s, struct way *w)
{
	if (!w->is_looked_up) {
		if (!target_find(&w->targets, &w->destination, &s->client.why))
			return false;
		w->is_looked_up = true;
	}
	while (w->next < genalloc_len(struct target, &w->targets)) {
		switch (open_to(s, w, &genalloc_s(struct target, &w->targets)[w->next++])) {
		case WELCOME_READY:
			return true;
		case WELCOME_NEVER:
			w->next = genalloc_len(struct target, &w->targets);
			break;
		case WELCOME_NEXT:
		case WELCOME_CLEAR:
			break;
		}
	}
	return false;
}

/* A connection that can take a transaction: the open one, or another. */
static bool
make_ready(struct session *s, struct way *w)
{
	struct client *c = &s->client;

	if (connection_is_open(&c->c)) {
		if (c->ntransactions < SESSION_TRANSACTIONS_MAX && client_is_ready(c))
			return true;
		client_quit(c);
		w->next = 0;
	}
	return open_next(s, w);
}

/* ---- messages ---- */

/* An open connection to elsewhere is of no use. */
static bool
keep_param(struct session *s, const char *param)
{
	if (s->param.len > 0 && strcmp(s->param.s, param) == 0)
		return true;
	session_close(s);
	s->param.len = 0;
	return stralloc_cats(&s->param, param) && stralloc_0(&s->param);
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
		switch (transaction_run(c, d)) {
		case PROGRESS_DONE:
			break;
		case PROGRESS_ENDED:
			delivery_settle(d, &c->why);
			return;
		case PROGRESS_NOTHING:
			if (is_reused)
				w->next = 0;
			break;
		}
	}
}

void
session_deliver(struct session *s, struct delivery *d)
{
	struct way w = { .targets = GENALLOC_ZERO };
	struct client *c = &s->client;

	c->c.limit = d->deadline;
	c->c.id = d->job->id;
	if (!destination_read(&w.destination, d->job->param)) {
		outcome_set(&c->why, VERDICT_DEFERRED, "4.3.5 The job's destination is none");
		delivery_settle(d, &c->why);
	} else if (!keep_param(s, d->job->param)) {
		outcome_set(&c->why, VERDICT_DEFERRED, "4.3.0 out of memory");
		delivery_settle(d, &c->why);
	} else {
		deliver_all(s, &w, d);
	}
	c->c.id = "-";
	genalloc_free(struct target, &w.targets);
}
