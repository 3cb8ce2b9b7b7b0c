/* route_packet: any octets as a question and as an answer. What is read is
 * written again and means the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "queue-run/route_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_question(const char *s, size_t len)
{
	struct route_question q, p;
	struct facts facts, again;
	stralloc packet = STRALLOC_ZERO;
	uint64_t sources, same;

	if (route_packet_read_question(&q, &facts, &sources, s, len) && route_packet_ask(&packet, &q, sources) &&
	    (!route_packet_read_question(&p, &again, &same, packet.s, packet.len) || same != sources || strcmp(p.address, q.address) != 0))
		abort();
	stralloc_free(&packet);
}

static void
check_answer(const char *s, size_t len)
{
	static struct conf_rule rules[] = { { .action = ACTION_MAILDIR }, { .action = ACTION_RELAY }, { .is_reject = true } };
	static const struct conf conf = { .rules = rules, .nrules = 3 };
	struct route r = ROUTE_ZERO, again = ROUTE_ZERO;
	stralloc packet = STRALLOC_ZERO;
	uint64_t refused, same;

	if (route_packet_read_answer(&r, &refused, &conf, s, len) && route_packet_answer(&packet, &r, refused, &conf) &&
	    (!route_packet_read_answer(&again, &same, &conf, packet.s, packet.len) || same != refused || again.kind != r.kind ||
	    again.nodes.len != r.nodes.len))
		abort();
	route_free(&r);
	route_free(&again);
	stralloc_free(&packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		check_question((const char *)data + 1, size - 1);
	else
		check_answer((const char *)data + 1, size - 1);
	return 0;
}
