/* route_packet: a question to a routing process, and its answer, as octets.
 *
 * Both ends are one program, but the far one talks to programs of others: what
 * comes from there is read like anything from outside. Pure. */
#ifndef PIPEPOST_ROUTE_PACKET_H
#define PIPEPOST_ROUTE_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/conf.h"
#include "lib/route.h"

enum {
	ROUTE_QUESTION_MAX = 32768,	/* octets */
	ROUTE_ANSWER_MAX = 131072,
};

/* Replaces *to. Fails with errno EMSGSIZE, ENOMEM. */
bool route_packet_ask(stralloc *to, const struct route_question *q);

/* Reads it back; q and *facts point into s. Fails with errno EPROTO. */
bool route_packet_read_question(struct route_question *q, struct facts *facts, const char *s, size_t len);

/* Replaces *to; the rule goes as its place in c. Fails with errno EMSGSIZE, ENOMEM. */
bool route_packet_answer(stralloc *to, const struct route *r, const struct conf *c);

/* Reads it back into r, a ROUTE_ZERO; c is the same configuration. Fails with
 * errno EPROTO, ENOMEM; r is to be freed then, too. */
bool route_packet_read_answer(struct route *r, const struct conf *c, const char *s, size_t len);

#endif
