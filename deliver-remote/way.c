/* way: see way.h. */
#include "deliver-remote/way.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "deliver-remote/local.h"
#include "lib/log.h"
#include "lib/mx.h"
#include "lib/printable.h"
#include "lib/stats.h"

enum { PORT_SMTP = 25, PORT_SMTPS = 465 };

void
way_free(struct way *w)
{
	genalloc_free(struct mx_target, &w->targets);
}

/* ---- words ---- */

static const char *
write_address(char to[INET6_ADDRSTRLEN], const struct sockaddr_storage *a)
{
	const void *octets = a->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)a)->sin_addr :
	    (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;

	return inet_ntop(a->ss_family, octets, to, INET6_ADDRSTRLEN) == NULL ? "?" : to;
}

static void
name_peer(struct connection *c, const struct mx_target *t)
{
	char address[INET6_ADDRSTRLEN], name[CONNECTION_PEER_MAX];

	snprintf(name, sizeof name, "%.255s[%s]", t->name, write_address(address, &t->address));
	printable_copy(c->peer, sizeof c->peer, name, strlen(name));
}

/* ---- one server ---- */

/* c->why, for the log. */
static void
log_failure(const struct client *c, const char *peer)
{
	char reason[JOB_REASON_MAX + 200];

	log_line("%s: mta error relay=%s reason=%s", c->c.id, peer,
	    printable_quote(reason, sizeof reason, c->why.reason, strlen(c->why.reason)));
}

static void
fail_to_connect(struct client *c, const char *words, const struct sockaddr_storage *source)
{
	char address[INET6_ADDRSTRLEN];

	outcome_set(&c->why, VERDICT_UNREACHABLE, "4.4.1 %s: %s%s%s", c->c.peer, words, source == NULL ? "" : ", from ",
	    source == NULL ? "" : write_address(address, source));
	log_failure(c, c->c.peer);
	stats_add(STATS_REMOTE_UNREACHABLE, 1);
}

/* From the next source. */
static bool
connect_to(struct way *w, struct client *c, const struct mx_target *t)
{
	struct sockaddr_storage source;
	socklen_t len;
	const struct sockaddr_storage *from = NULL;

	switch (local_source(&source, &len, &w->destination->relay, t->address.ss_family, w->destination->turn++)) {
	case LOCAL_NONE:
		fail_to_connect(c, "the sources of smtpd.conf have no address of its kind", NULL);
		return false;
	case LOCAL_SOURCE:
		from = &source;
		break;
	case LOCAL_ANY:
		len = 0;
		break;
	}
	if (connection_open(&c->c, (const struct sockaddr *)&t->address, t->len, (const struct sockaddr *)from, len))
		return true;
	fail_to_connect(c, errno == ETIMEDOUT ? "no connection in time" : strerror(errno), from);
	return false;
}

/* The name for EHLO. */
static const char *
own_name(const struct relay *r, int fd)
{
	struct sockaddr_storage local = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof local;

	if (getsockname(fd, (struct sockaddr *)&local, &len) == -1)
		local.ss_family = AF_UNSPEC;
	return local_helo(r, &local);
}

/* One attempt to make a session with a server. */
static enum welcome
attempt(struct way *w, struct client *c, const struct mx_target *t, enum client_tls tls)
{
	const struct relay *r = &w->destination->relay;
	struct client_options o = {
		.is_lmtp = r->is_lmtp, .tls = tls,
		.tls_options = {
			.name = t->name, .verify = r->verify, .anchors = w->destination->anchors,
			.identity = w->destination->identity,
		},
	};
	enum welcome welcome;

	if (*r->label != '\0') {	/* before a server has to wait for it */
		o.secret = credentials_get(w->credentials, r, &c->c.limit, &c->why);
		if (o.secret == NULL)
			return WELCOME_NEVER;
	}
	if (!connect_to(w, c, t))
		return WELCOME_NEXT;
	o.helo = own_name(r, c->c.fd);
	log_line("%s: mta connected relay=%s", c->c.id, c->c.peer);
	welcome = client_greet(c, &o);
	if (welcome == WELCOME_READY)
		stats_add(STATS_REMOTE_SESSIONS, 1);
	if (welcome == WELCOME_READY && c->c.tls != NULL)
		stats_add(STATS_REMOTE_TLS, 1);
	return welcome;
}

/* At connect, at the port for that unless the relay names one. */
static enum welcome
attempt_at_connect(struct way *w, struct client *c, const struct mx_target *t)
{
	struct mx_target other = *t;

	if (w->destination->relay.port == 0 && other.address.ss_family == AF_INET)
		((struct sockaddr_in *)&other.address)->sin_port = htons(PORT_SMTPS);
	else if (w->destination->relay.port == 0)
		((struct sockaddr_in6 *)&other.address)->sin6_port = htons(PORT_SMTPS);
	return attempt(w, c, &other, CLIENT_TLS_AT_CONNECT);
}

/* The ways of TLS with one server, in turn. */
static enum welcome
open_to(struct way *w, struct client *c, const struct mx_target *t)
{
	enum welcome welcome;

	name_peer(&c->c, t);
	switch (w->destination->relay.tls) {
	case TLS_NEVER:
		return attempt(w, c, t, CLIENT_CLEAR);
	case TLS_REQUIRED:
		return attempt(w, c, t, CLIENT_TLS_REQUIRED);
	case TLS_AT_CONNECT:
		return attempt_at_connect(w, c, t);
	case TLS_ANY:
		welcome = attempt(w, c, t, CLIENT_TLS_REQUIRED);
		if (welcome != WELCOME_NEXT)
			return welcome;
		way_note_failure(w, c);
		return attempt_at_connect(w, c, t);
	case TLS_OPPORTUNISTIC:
		break;
	}
	welcome = attempt(w, c, t, CLIENT_TLS_IF_OFFERED);
	return welcome != WELCOME_CLEAR ? welcome : attempt(w, c, t, CLIENT_CLEAR);
}

/* ---- all servers ---- */

static bool
look_up(struct way *w, struct client *c)
{
	const struct relay *r = &w->destination->relay;
	uint16_t port = r->port != 0 ? (uint16_t)r->port : r->tls == TLS_AT_CONNECT ? PORT_SMTPS : PORT_SMTP;
	char why[MX_WHY_MAX];
	enum mx_status status = mx_find_by_dns(&w->targets, why, w->dns, r, port);

	if (status == MX_FOUND) {
		w->is_looked_up = true;
		return true;
	}
	outcome_set(&c->why, status == MX_PERMANENT ? VERDICT_FAILED : VERDICT_UNREACHABLE, "%s", why);
	log_failure(c, r->host);
	return false;
}

/* Later and farther is better: a server that has said something tells more than one that was not there. */
void
way_note_failure(struct way *w, const struct client *c)
{
	w->is_turned_away |= c->why.verdict != VERDICT_UNREACHABLE;
	if (w->best.is_settled && c->c.nreplies < w->nreplies)
		return;
	w->best = c->why;
	w->nreplies = c->c.nreplies;
}

static void
tell_best(const struct way *w, struct client *c)
{
	if (w->best.is_settled)
		c->why = w->best;
	if (w->is_turned_away)
		c->why.verdict = VERDICT_DEFERRED;
}

bool
way_open_next(struct way *w, struct client *c)
{
	if (!w->is_looked_up && !look_up(w, c))
		return false;
	while (w->next < genalloc_len(struct mx_target, &w->targets)) {
		switch (open_to(w, c, &genalloc_s(struct mx_target, &w->targets)[w->next++])) {
		case WELCOME_READY:
			return true;
		case WELCOME_NEVER:
			w->is_hopeless = true;
			return false;
		case WELCOME_NEXT:
		case WELCOME_CLEAR:
			way_note_failure(w, c);
			break;
		}
	}
	tell_best(w, c);
	return false;
}
