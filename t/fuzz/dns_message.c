/* The answers of name servers: the reader must stay inside what it is given, and what it takes must be whole. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* The id of the answer is taken for that of the question, so that the rest is looked at. */
static void
read_as(enum dns_type type, const uint8_t *data, size_t size)
{
	static struct dns_answer a;
	struct dns_question q = { .name = "example.org", .type = type };

	if (size >= 2)
		q.id = (uint16_t)(data[0] << 8 | data[1]);
	a.naliases = 0;
	if (dns_read_answer(&a, &q, data, size) != DNS_READ_FOUND)
		return;
	require(a.n > 0 || a.is_cut);
	require(a.n <= DNS_RECORDS_MAX && a.texts_len <= sizeof a.texts);
	for (size_t i = 0; i < a.n; i++) {
		require(memchr(a.records[i].name, '\0', sizeof a.records[i].name) != NULL);
		if (type == DNS_TXT)
			require(memchr(a.texts + a.records[i].text, '\0', a.texts_len - a.records[i].text) != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as(DNS_A, data, size);
	read_as(DNS_PTR, data, size);
	read_as(DNS_MX, data, size);
	read_as(DNS_TXT, data, size);
	read_as(DNS_AAAA, data, size);
	return 0;
}
