/* outcome: what became of one recipient, in words that may stand in a log line
 * and a notice. Setting one never fails. */
#ifndef PIPEPOST_DELIVER_LOCAL_OUTCOME_H
#define PIPEPOST_DELIVER_LOCAL_OUTCOME_H

#include <stdbool.h>

#include "lib/job.h"

struct outcome {
	enum verdict verdict;
	char reason[JOB_NODES_SIZE_MAX + 1];	/* JOB_REASON_MAX octets but for EXPANDED */
};

/* The format begins with the enhanced status code (RFC 3463). Control octets
 * in the result are escaped. */
void outcome_set(struct outcome *o, enum verdict v, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* DEFERRED, with "what: words for error" behind the code that fits errno. */
void outcome_defer_errno(struct outcome *o, const char *what);

/* The same for n outcomes of one job. */
void outcome_copy(struct outcome *o, size_t n, const struct outcome *from);

#endif
