/* route_packet: a question to a routing process, and its answer, as octets.
 *
 * Both ends are one program, but the far one talks to programs of others: what
 * comes from there is read like anything from outside. Pure. */
#ifndef PIPEPOST_ROUTE_PACKET_H
#define PIPEPOST_ROUTE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

#include "lib/conf.h"
#include "lib/route.h"

enum {
	ROUTE_QUESTION_MAX = 32768,	/* octets */
	ROUTE_ANSWER_MAX = 131072,
};

/* Replaces *to. sources are those that may be asked (table_set_permit()).
 * Fails with errno EMSGSIZE, ENOMEM. */
bool route_packet_ask(stralloc *to, const struct route_question *q, uint64_t sources);

/* Reads it back; q and *facts point into s. Fails with errno EPROTO. */
bool route_packet_read_question(struct route_question *q, struct facts *facts, uint64_t *sources, const char *s,
    size_t len);

/* Replaces *to; the rule goes as its place in c. refused are the sources that
 * it would have needed besides (table_set_refused()). Fails with errno EMSGSIZE, ENOMEM. */
bool route_packet_answer(stralloc *to, const struct route *r, uint64_t refused, const struct conf *c);

/* Reads it back into r, a ROUTE_ZERO; c is the same configuration. Fails with
 * errno EPROTO, ENOMEM; r is to be freed then, too. */
bool route_packet_read_answer(struct route *r, uint64_t *refused, const struct conf *c, const char *s, size_t len);

#endif
