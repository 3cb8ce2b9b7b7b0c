/* Challenges of a server: whatever they hold, an answer is one line of base64. The
 * first octet chooses the mechanism; the rest are challenges, a line each. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* What is base64 is so in one way only. */
static void
check_base64(const char *s, size_t len)
{
	stralloc plain = STRALLOC_ZERO, again = STRALLOC_ZERO;

	if (base64_decode(&plain, s, len))
		require(base64_encode(&again, plain.s, plain.len) && again.len == len &&
		    (len == 0 || memcmp(again.s, s, len) == 0));
	stralloc_free(&plain);
	stralloc_free(&again);
}

static void
converse(struct sasl *c, const char *s, size_t len)
{
	stralloc line = STRALLOC_ZERO, plain = STRALLOC_ZERO;

	require(sasl_start(c, &line));
	while (len > 0) {
		const char *end = memchr(s, '\n', len);
		size_t n = end == NULL ? len : (size_t)(end - s);

		line.len = plain.len = 0;
		check_base64(s, n);
		if (!sasl_answer(c, &line, s, n))
			break;
		require(line.len == 0 || base64_decode(&plain, line.s, line.len));
		require(c->complaint.len <= SASL_CHALLENGE_MAX);
		n += end != NULL;
		s += n;
		len -= n;
	}
	stralloc_free(&line);
	stralloc_free(&plain);
	stralloc_free(&c->complaint);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret secret = SECRET_ZERO;
	struct sasl c = { .secret = &secret, .complaint = STRALLOC_ZERO };
	enum sasl_mechanism chosen;

	if (size == 0)
		return 0;
	require(stralloc_copys(&secret.user, "tim") && stralloc_copys(&secret.text, "tanstaaftanstaaf"));
	secret.kind = (enum secret_kind)(data[0] >> 4 & 1);
	c.mechanism = (enum sasl_mechanism)(data[0] & 3);
	sasl_choose(&chosen, (const char *)data + 1, size - 1, &secret);
	converse(&c, (const char *)data + 1, size - 1);
	secret_free(&secret);
	return 0;
}
