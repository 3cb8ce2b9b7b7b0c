/* job: any octets as a frame. What is decoded must encode to the same octets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_job(const char *body, size_t len)
{
	struct job j = { .recipients = GENALLOC_ZERO }, k = { .recipients = GENALLOC_ZERO };
	stralloc frame = STRALLOC_ZERO, again = STRALLOC_ZERO;

	if (job_decode(&j, body, len)) {
		if (!job_encode(&frame, &j) || !job_decode(&k, frame.s + JOB_HEAD, frame.len - JOB_HEAD) ||
		    !job_encode(&again, &k) || frame.len != again.len || memcmp(frame.s, again.s, frame.len) != 0)
			abort();
	}
	genalloc_free(struct job_recipient, &j.recipients);
	genalloc_free(struct job_recipient, &k.recipients);
	stralloc_free(&frame);
	stralloc_free(&again);
}

static void
check_verdicts(const char *body, size_t len)
{
	genalloc v = GENALLOC_ZERO;
	stralloc frame = STRALLOC_ZERO;

	if (job_decode_verdicts(&v, body, len)) {
		if (!job_encode_verdicts(&frame, genalloc_s(struct job_verdict, &v),
		    genalloc_len(struct job_verdict, &v)))
			abort();
		if (frame.len - JOB_HEAD != len || (len > 0 && memcmp(frame.s + JOB_HEAD, body, len) != 0))
			abort();
	}
	genalloc_free(struct job_verdict, &v);
	stralloc_free(&frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	enum job_frame type;
	size_t frame;

	(void)job_scan_frame(&type, &frame, s, size);
	check_job(s, size);
	check_verdicts(s, size);
	(void)job_decode_stuck(s, size);
	return 0;
}
