/* Any octets as a message: fields follow each other without gap and stay
 * inside, and the streaming count of hops agrees with the fields. */
#include "lib/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool fact)
{
	if (!fact)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct message_hops whole = { 0 }, pieces = { 0 };
	struct message_field f;
	size_t at = 0, end = 0;
	unsigned hops = 0;

	while (message_next_field(&f, &at, text, size)) {
		require(f.start == text + end && f.len > 0 && at <= size);
		require(f.value >= f.name + f.name_len && f.value + f.value_len == text + at);
		hops += message_field_is(&f, "Received");
		end = at;
	}
	message_hops_feed(&whole, text, size);
	for (size_t i = 0; i < size; i++)
		message_hops_feed(&pieces, text + i, 1);
	require(whole.hops == hops && pieces.hops == hops);
	message_was_delivered_to(text, size, "a@b");
	return 0;
}
