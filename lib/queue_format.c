/* queue_format: see queue_format.h. */
#include "lib/queue_format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/checksum.h"
#include "lib/queue.h"

/* The trailer's second value covers everything in front of it, the first value included. */
static bool
add_trailer(stralloc *to, uint32_t text_check)
{
	char part[32];

	snprintf(part, sizeof part, "V%d %08lx ", QUEUE_FORMAT, (unsigned long)text_check);
	if (!stralloc_cats(to, part))
		return false;
	snprintf(part, sizeof part, "%08lx\n", (unsigned long)checksum_add(CHECKSUM_START, to->s, to->len));
	return stralloc_cats(to, part);
}

static bool
add_pending(stralloc *to, size_t n)
{
	if (!stralloc_readyplus(to, n))
		return false;
	memset(to->s + to->len, RECIPIENT_PENDING, n);
	to->len += n;
	return true;
}

bool
queue_format_tail(stralloc *to, const stralloc *envelope, size_t recipients, const struct facts *f,
    uint32_t text_check)
{
	return stralloc_copy(to, envelope) && facts_encode(to, f) && stralloc_0(to) &&
	    add_trailer(to, text_check) && add_pending(to, recipients);
}

/* The length of the run of strings at s that an empty string closes, that one included; 0: it does not end. */
static size_t
run_length(const char *s, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(s + at, '\0', len - at);

		if (end == NULL)
			return 0;
		if (end == s + at)
			return at + 1;
		at = (size_t)(end - s) + 1;
	}
	return 0;
}

static bool
scan_hex(uint32_t *n, const char *s)
{
	*n = 0;
	for (size_t i = 0; i < 8; i++) {
		if (s[i] >= '0' && s[i] <= '9')
			*n = *n << 4 | (uint32_t)(s[i] - '0');
		else if (s[i] >= 'a' && s[i] <= 'f')
			*n = *n << 4 | (uint32_t)(s[i] - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* The version is read before anything is judged by the rules of ours. */
static enum queue_tail_state
scan_trailer(struct queue_tail *t, size_t at, const char *s, size_t len)
{
	uint32_t check;
	size_t n = at + 1;

	if (len - at < QUEUE_TRAILER)
		return QUEUE_TAIL_SHORT;
	if (s[at] != 'V')
		return QUEUE_TAIL_WRONG;
	for (t->version = 0; n < at + 9 && s[n] >= '0' && s[n] <= '9'; n++)
		t->version = t->version * 10 + (unsigned)(s[n] - '0');
	if (n == at + 1 || s[n] != ' ')
		return QUEUE_TAIL_WRONG;
	if (t->version != QUEUE_FORMAT)
		return QUEUE_TAIL_NEWER;
	if (!scan_hex(&t->text_check, s + at + 3) || s[at + 11] != ' ' || !scan_hex(&check, s + at + 12) ||
	    s[at + 20] != '\n' || check != checksum_add(CHECKSUM_START, s, at + 12))
		return QUEUE_TAIL_WRONG;
	t->end = at + QUEUE_TRAILER;
	return QUEUE_TAIL_GOOD;
}

enum queue_tail_state
queue_format_scan_tail(struct queue_tail *t, const char *s, size_t len)
{
	size_t facts_run;

	if (len > 0 && s[0] != 'F')
		return QUEUE_TAIL_WRONG;
	t->envelope_len = run_length(s, len);
	if (t->envelope_len == 0)
		return QUEUE_TAIL_SHORT;
	t->facts_at = t->envelope_len;
	facts_run = run_length(s + t->facts_at, len - t->facts_at);
	if (facts_run == 0)
		return QUEUE_TAIL_SHORT;
	t->facts_len = facts_run - 1;
	return scan_trailer(t, t->facts_at + facts_run, s, len);
}

static void
put_number(char s[4], uint32_t n)
{
	s[0] = (char)(n >> 24);
	s[1] = (char)(n >> 16);
	s[2] = (char)(n >> 8);
	s[3] = (char)n;
}

static uint32_t
get_number(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

bool
queue_format_begin_record(stralloc *to)
{
	static const char head[QUEUE_RECORD_HEAD];

	return stralloc_copyb(to, head, sizeof head);
}

bool
queue_format_add_text(stralloc *to, char letter, const char *text)
{
	return stralloc_append(to, letter) && stralloc_cats(to, text) && stralloc_0(to);
}

bool
queue_format_add_number(stralloc *to, char letter, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	return queue_format_add_text(to, letter, text);
}

/* Over length, number of status octets and fields: what changes later is left out. */
static uint32_t
record_check(const char *record, size_t fields_len)
{
	return checksum_add(checksum_add(CHECKSUM_START, record, 8), record + QUEUE_RECORD_HEAD, fields_len);
}

bool
queue_format_end_record(stralloc *to, size_t nstatus)
{
	size_t fields_len = to->len - QUEUE_RECORD_HEAD;

	if (fields_len > QUEUE_RECORD_MAX || nstatus > QUEUE_RECORD_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	put_number(to->s, (uint32_t)fields_len);
	put_number(to->s + 4, (uint32_t)nstatus);
	put_number(to->s + 8, record_check(to->s, fields_len));
	return add_pending(to, nstatus);
}

bool
queue_format_scan_record(struct queue_record *r, const char *s, size_t len)
{
	if (len < QUEUE_RECORD_HEAD)
		return false;
	r->fields_len = get_number(s);
	r->nstatus = get_number(s + 4);
	if (r->fields_len > QUEUE_RECORD_MAX || r->nstatus > QUEUE_RECORD_MAX ||
	    r->fields_len + r->nstatus > len - QUEUE_RECORD_HEAD)
		return false;
	r->fields = s + QUEUE_RECORD_HEAD;
	r->size = QUEUE_RECORD_HEAD + r->fields_len + r->nstatus;
	return get_number(s + 8) == record_check(s, r->fields_len);
}

bool
queue_format_next_field(char *letter, const char **value, size_t *at, const char *fields, size_t len)
{
	const char *end = *at < len ? memchr(fields + *at, '\0', len - *at) : NULL;

	if (end == NULL || end == fields + *at)
		return false;
	*letter = fields[*at];
	*value = fields + *at + 1;
	*at = (size_t)(end - fields) + 1;
	return true;
}

bool
queue_format_number(uint64_t *n, const char *s)
{
	*n = 0;
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || *n > (UINT64_MAX - 9) / 10)
			return false;
		*n = *n * 10 + (uint64_t)(*s - '0');
	}
	return true;
}

bool
queue_write_at(int fd, const char *s, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, s, len, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENOSPC;
			return false;
		}
		s += n;
		len -= (size_t)n;
		at += n;
	}
	return true;
}
