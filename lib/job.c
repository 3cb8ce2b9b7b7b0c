/* job: see job.h.
 *
 * A body is a row of strings, each ended by NUL, in a fixed order; numbers are
 * decimal text. A decoder takes exactly what the encoder writes and fails on
 * everything else; an encoder that fails leaves what it appends to as it was. */
#include "lib/job.h"

#include <errno.h>
#include <string.h>

#include <skalibs/types.h>
#include <skalibs/uint32.h>
#include <skalibs/uint64.h>

/* ---- writing ---- */

static bool
put(stralloc *to, const char *s)
{
	return stralloc_catb(to, s, strlen(s) + 1);
}

static bool
put_octet(stralloc *to, char c)
{
	char s[2] = { c, '\0' };

	return put(to, s);
}

static bool
put_number(stralloc *to, uint64_t n)
{
	char s[UINT64_FMT];

	s[uint64_fmt(s, n)] = '\0';
	return put(to, s);
}

/* Leaves room for the head at the end of *to. */
static bool
begin_frame(stralloc *to, enum job_frame type)
{
	char head[JOB_HEAD] = { 0, 0, 0, 0, (char)type };

	return stralloc_catb(to, head, sizeof head);
}

/* Fills in the length of the frame that began at `start`, or takes the frame
 * back where `is_whole` is false or the frame is too long. */
static bool
end_frame(stralloc *to, size_t start, bool is_whole)
{
	size_t length = to->len - start - (JOB_HEAD - 1);

	if (!is_whole) {
		to->len = start;
		errno = ENOMEM;
		return false;
	}
	if (length > JOB_FRAME_MAX) {
		to->len = start;
		errno = EMSGSIZE;
		return false;
	}
	uint32_pack_big(to->s + start, (uint32_t)length);
	return true;
}

static bool
put_recipient(stralloc *to, const struct job_recipient *r)
{
	return put(to, r->original) && put(to, r->address) && put(to, r->notify) && put(to, r->orcpt);
}

static bool
put_job(stralloc *to, const struct job *j)
{
	const struct job_recipient *r = genalloc_s(struct job_recipient, &j->recipients);
	size_t n = genalloc_len(struct job_recipient, &j->recipients);

	if (!put(to, j->id) || !put_octet(to, (char)j->action) || !put(to, j->param) ||
	    !put(to, j->reverse_path) || !put(to, j->user) || !put(to, j->home) ||
	    !put_number(to, j->reads_forward) || !put_number(to, j->lmtp_rcpt_to) ||
	    !put_number(to, j->makes_home) || !put_octet(to, j->delimiter) || !put_number(to, j->deadline_seconds) ||
	    !put(to, j->origin) || !put(to, j->helo) || !put(to, j->auth_user) ||
	    !put(to, j->ret == NULL ? "" : j->ret) || !put(to, j->envid == NULL ? "" : j->envid) ||
	    !put_number(to, j->is_smtputf8) || !put_number(to, j->text_size) || !put_number(to, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!put_recipient(to, &r[i]))
			return false;
	return true;
}

bool
job_encode(stralloc *to, const struct job *j)
{
	size_t start = to->len;

	return end_frame(to, start, begin_frame(to, JOB_FRAME_JOB) && put_job(to, j));
}

/* The length of a reason, cut where it would be too long, between characters of UTF-8. */
static size_t
reason_length(const char *reason, size_t max)
{
	size_t len = strnlen(reason, max + 1);

	if (len <= max)
		return len;
	for (len = max; len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

static bool
put_reason(stralloc *to, const char *reason)
{
	return stralloc_catb(to, reason, reason_length(reason, JOB_REASON_MAX)) && stralloc_0(to);
}

static bool
put_verdict(stralloc *to, const struct job_verdict *v)
{
	char letter = (char)v->verdict;

	if (!stralloc_catb(to, &letter, 1))
		return false;
	return v->verdict == VERDICT_EXPANDED ? put(to, v->reason) : put_reason(to, v->reason);
}

bool
job_encode_verdicts(stralloc *to, const struct job_verdict *v, size_t n)
{
	size_t start = to->len;
	bool is_whole = begin_frame(to, JOB_FRAME_VERDICTS);

	for (size_t i = 0; is_whole && i < n; i++)
		is_whole = put_verdict(to, &v[i]);
	return end_frame(to, start, is_whole);
}

bool
job_encode_stuck(stralloc *to, const char *reason)
{
	size_t start = to->len;

	return end_frame(to, start, begin_frame(to, JOB_FRAME_STUCK) && put_reason(to, reason));
}

/* ---- reading ---- */

bool
job_scan_frame(enum job_frame *type, size_t *size, const char *s, size_t len)
{
	uint32_t length;

	*size = 0;
	if (len < JOB_HEAD)
		return true;
	uint32_unpack_big(s, &length);
	if (length > JOB_FRAME_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	if (length == 0 || (s[4] != JOB_FRAME_JOB && s[4] != JOB_FRAME_VERDICTS && s[4] != JOB_FRAME_STUCK)) {
		errno = EPROTO;
		return false;
	}
	*type = (enum job_frame)s[4];
	*size = (size_t)length + JOB_HEAD - 1;
	return true;
}

/* What of a body has not been read yet. */
struct rest {
	const char *s;
	size_t len;
};

static bool
get(struct rest *r, const char **s)
{
	const char *end = r->len == 0 ? NULL : memchr(r->s, '\0', r->len);

	if (end == NULL)
		return false;
	*s = r->s;
	r->len -= (size_t)(end - r->s) + 1;
	r->s = end + 1;
	return true;
}

/* A string of one octet, or none: NUL. */
static bool
get_octet(struct rest *r, char *c)
{
	const char *s;

	if (!get(r, &s) || (s[0] != '\0' && s[1] != '\0'))
		return false;
	*c = s[0];
	return true;
}

static bool
get_number(struct rest *r, uint64_t *n, uint64_t max)
{
	const char *s;

	return get(r, &s) && uint640_scan(s, n) != 0 && *n <= max;
}

static bool
get_bool(struct rest *r, bool *b)
{
	uint64_t n;

	if (!get_number(r, &n, 1))
		return false;
	*b = n == 1;
	return true;
}

static bool
get_action(struct rest *r, enum job_action *action)
{
	char c;

	if (!get_octet(r, &c))
		return false;
	switch (c) {
	case JOB_NONE:
	case JOB_MBOX:
	case JOB_MAILDIR:
	case JOB_MDA:
	case JOB_LMTP:
	case JOB_FILE:
	case JOB_PIPE:
	case JOB_INCLUDE:
	case JOB_RELAY:
		*action = (enum job_action)c;
		return true;
	default:
		return false;
	}
}

static bool
get_fields(struct rest *r, struct job *j, uint64_t *nrecipients)
{
	uint64_t seconds;

	if (!get(r, &j->id) || !get_action(r, &j->action) || !get(r, &j->param) || !get(r, &j->reverse_path) ||
	    !get(r, &j->user) || !get(r, &j->home) || !get_bool(r, &j->reads_forward) ||
	    !get_bool(r, &j->lmtp_rcpt_to) || !get_bool(r, &j->makes_home) || !get_octet(r, &j->delimiter) ||
	    !get_number(r, &seconds, UINT32_MAX) || !get(r, &j->origin) || !get(r, &j->helo) ||
	    !get(r, &j->auth_user) || !get(r, &j->ret) || !get(r, &j->envid) || !get_bool(r, &j->is_smtputf8) ||
	    !get_number(r, &j->text_size, INT64_MAX) ||
	    !get_number(r, nrecipients, JOB_FRAME_MAX / 4))	/* four NULs each at least */
		return false;
	j->deadline_seconds = (uint32_t)seconds;
	return *nrecipients > 0;
}

static bool
get_recipient(struct rest *r, struct job_recipient *one)
{
	return get(r, &one->original) && get(r, &one->address) && get(r, &one->notify) && get(r, &one->orcpt);
}

bool
job_decode(struct job *j, const char *body, size_t len)
{
	struct rest r = { body, len };
	struct job_recipient one;
	uint64_t n;

	genalloc_setlen(struct job_recipient, &j->recipients, 0);
	if (!get_fields(&r, j, &n))
		goto protocol;
	for (; n > 0; n--) {
		if (!get_recipient(&r, &one))
			goto protocol;
		if (!genalloc_append(struct job_recipient, &j->recipients, &one)) {
			errno = ENOMEM;
			return false;
		}
	}
	if (r.len == 0)
		return true;
protocol:
	errno = EPROTO;
	return false;
}

/* Whether the reason is one that may stand in a log line and a notice. */
static bool
is_reason(const char *s)
{
	size_t len = 0;

	for (; s[len] != '\0'; len++)
		if ((unsigned char)s[len] < 0x20 || s[len] == 0x7f)
			return false;
	return len <= JOB_REASON_MAX;
}

static bool
get_verdict(struct rest *r, struct job_verdict *v)
{
	const char *s;

	if (!get(r, &s))
		return false;
	v->verdict = (enum verdict)s[0];
	v->reason = s + 1;
	switch (s[0]) {
	case VERDICT_DELIVERED:
	case VERDICT_PASSED_ON:
	case VERDICT_DEFERRED:
	case VERDICT_UNREACHABLE:
	case VERDICT_FAILED:
		return is_reason(v->reason);
	case VERDICT_EXPANDED:
		return strlen(v->reason) <= JOB_NODES_SIZE_MAX;
	default:
		return false;	/* the empty string too */
	}
}

bool
job_decode_verdicts(genalloc *v, const char *body, size_t len)
{
	struct rest r = { body, len };
	struct job_verdict one;

	genalloc_setlen(struct job_verdict, v, 0);
	while (r.len > 0) {
		if (!get_verdict(&r, &one)) {
			errno = EPROTO;
			return false;
		}
		if (!genalloc_append(struct job_verdict, v, &one)) {
			errno = ENOMEM;
			return false;
		}
	}
	return true;
}

const char *
job_decode_stuck(const char *body, size_t len)
{
	struct rest r = { body, len };
	const char *reason;

	if (get(&r, &reason) && r.len == 0 && is_reason(reason))
		return reason;
	errno = EPROTO;
	return NULL;
}
