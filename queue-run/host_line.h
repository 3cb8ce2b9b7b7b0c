/* host_line: a line of control/hosts: a destination at which queue-run could reach nobody (queue(5)).
 *
 *	KEY|DOMAIN|SINCE|UNTIL|FAILURES|TRIED|REASON
 *
 * queue-run writes and reads it, smtpctl shows it. Pure. */
#ifndef PIPEPOST_HOST_LINE_H
#define PIPEPOST_HOST_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

/* Times are seconds since the epoch. REASON may hold '|', the others may not. */
struct host_line {
	const char *key, *domain, *reason;
	int64_t since, until, failures, tried;
};

/* Takes a line without its LF apart, in its own memory. False: it is none. */
bool host_line_scan(struct host_line *h, char *line);

/* Appends a line with its LF. Fails with errno ENOMEM. */
bool host_line_append(stralloc *to, const struct host_line *h);

#endif
