/* outcome: what became of one recipient, in words that may stand in a log line
 * and a notice. Setting one never fails. */
#ifndef PIPEPOST_DELIVER_REMOTE_OUTCOME_H
#define PIPEPOST_DELIVER_REMOTE_OUTCOME_H

#include <stdbool.h>

#include "lib/job.h"
#include "lib/smtp.h"

struct outcome {
	bool is_settled;
	enum verdict verdict;
	bool is_passed_on;		/* DELIVERED, and the server knows DSN */
	char reason[JOB_REASON_MAX + 1];
};

/* Settles it. The format begins with the enhanced status code (RFC 3463).
 * Control octets in the result are escaped. */
void outcome_set(struct outcome *o, enum verdict v, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Settles it by a server's reply: "5.1.1 mx.example.net[192.0.2.1]: 550 5.1.1 no
 * such user". The code in front is the reply's own, its class made that of the
 * verdict; where the reply has none, the nearest to its three digits. */
void outcome_set_reply(struct outcome *o, enum verdict v, const char *peer, const struct smtp_reply *r);

/* Settles the unsettled ones of o[0..n) likewise. */
void outcome_settle_all(struct outcome *o, size_t n, const struct outcome *as);

#endif
