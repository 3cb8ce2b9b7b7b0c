/* Any octets as a submitted message: the header ends inside the text, what is
 * queued has one From, Date and Message-ID at least and no Bcc, and finding the
 * header in pieces gives the same as at once. */
#include "queue-inject/sendmail_header.h"

#include <stdlib.h>
#include <string.h>

#include "lib/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool fact)
{
	if (!fact)
		abort();
}

static void
check_header(const stralloc *header)
{
	struct message_field f;
	size_t at = 0;
	bool has_from = false, has_date = false, has_id = false;

	while (message_next_field(&f, &at, header->s, header->len)) {
		require(!message_field_is(&f, "Bcc") && !message_field_is(&f, "Resent-Bcc"));
		has_from = has_from || message_field_is(&f, "From");
		has_date = has_date || message_field_is(&f, "Date");
		has_id = has_id || message_field_is(&f, "Message-ID");
	}
	require(has_from && has_date && has_id);
	require(at + 1 == header->len && header->s[at] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sendmail_origin origin = {
		.host = "mail.example.org", .full_name = "Alice", .from = "a@example.org",
	};
	struct sendmail_cleaner cleaner = { 0 };
	struct sendmail_span whole, early;
	stralloc text = STRALLOC_ZERO, header = STRALLOC_ZERO, to = STRALLOC_ZERO;
	bool is_clean;
	size_t len = 0;

	require(sendmail_clean(&cleaner, &text, (const char *)data, size, true));
	require(sendmail_find_header(&whole, text.s, text.len, true));
	require(whole.start <= whole.end && whole.end <= whole.body && whole.body <= text.len);
	while (len < text.len && !sendmail_find_header(&early, text.s, len, false))
		len++;
	if (len < text.len)
		require(memcmp(&early, &whole, sizeof early) == 0);
	require(sendmail_append_recipients(&to, &is_clean, text.s, &whole));
	require(to.len == 0 || to.s[to.len - 1] == '\0');
	require(sendmail_append_header(&header, text.s, &whole, &origin));
	check_header(&header);
	stralloc_free(&text);
	stralloc_free(&header);
	stralloc_free(&to);
	return 0;
}
