/* Any octets as a request: what is accepted becomes a notice with short lines,
 * no control octets of others, and exactly three parts. */
#include "lib/notice.h"

#include <stdlib.h>
#include <string.h>

#include "queue-run/bounce_report.h"
#include "queue-run/bounce_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool fact)
{
	if (!fact)
		abort();
}

/* How often needle stands in s[0..len). */
static unsigned
count(const char *s, size_t len, const char *needle)
{
	const char *end = s + len;
	unsigned n = 0;

	while ((s = memmem(s, (size_t)(end - s), needle, strlen(needle))) != NULL) {
		s++;
		n++;
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notice n = NOTICE_ZERO;
	stralloc s = STRALLOC_ZERO, request = STRALLOC_ZERO;
	struct notice_recipient *r;
	size_t used;

	/* A copy, since reasons are taken apart in place. */
	require(stralloc_copyb(&request, (const char *)data, size));
	if (notice_decode(&n, &used, request.s, size)) {
		r = genalloc_s(struct notice_recipient, &n.recipients);
		for (size_t i = 0; i < genalloc_len(struct notice_recipient, &n.recipients); i++) {
			bounce_hide_directories((char *)(uintptr_t)r[i].reason);
			bounce_split_reply(&r[i]);
		}
		n.host = "mail.example.org";
		n.ret = "HDRS";
		require(used <= size);
		require(bounce_report_append(&s, &n, "A: b\n\n", 6, "abcdefghij0123456789", 0));
		require(count(s.s, s.len, "\n--=_abcdefghij0123456789\n") == 3);
		for (size_t i = 0; i < s.len; i++)
			require(s.s[i] == '\n' || s.s[i] == '\t' || (unsigned char)s.s[i] >= ' ');
		s.len = 0;
		require(notice_encode(&s, &n));
	}
	stralloc_free(&s);
	stralloc_free(&request);
	notice_free(&n);
	return 0;
}
