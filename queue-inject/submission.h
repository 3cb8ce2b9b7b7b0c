/* submission: the steps of sendmail(8) that queue a message. Each ends the
 * program with a sysexits code and one line on fd 2 when it fails, and leaves
 * nothing in the queue then. */
#ifndef PIPEPOST_SUBMISSION_H
#define PIPEPOST_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

#include "lib/inject.h"
#include "queue-inject/sendmail_header.h"
#include "queue-inject/sendmail_options.h"

enum {
	SUBMISSION_SIZE_MAX = 36700160,		/* octets, where smtpd.conf cannot be read: its default */
	SUBMISSION_NAME_MAX = 256,		/* octets of a full name that are used */
	SUBMISSION_BLOCK = 65536,
};

struct submission {
	const struct sendmail_options *options;
	char host[256];			/* the server's name */
	char user[256];			/* login name of the caller */
	char full_name[SUBMISSION_NAME_MAX + 1];
	stralloc reverse_path;		/* with its NUL */
	stralloc recipients;		/* each with its NUL, each once */
	size_t nrecipients;
	uint64_t size_max;		/* octets of text */
	uint64_t size;			/* octets sent */
	struct sendmail_cleaner cleaner;
	stralloc text;			/* what was read and not yet sent */
	bool is_end;			/* fd 0 has ended */
	struct sendmail_span span;	/* in text */
	struct inject_result result;
};
#define SUBMISSION_ZERO { .reverse_path = STRALLOC_ZERO, .recipients = STRALLOC_ZERO, .text = STRALLOC_ZERO }

/* Who calls, and what the reverse-path is: -f, else the login name at this host. */
void submission_identify(struct submission *s, const struct sendmail_options *o);

/* Recipients of the command line: addresses, or lists of them. */
void submission_take_arguments(struct submission *s);

/* Reads fd 0 up to the end of the header. */
void submission_read_header(struct submission *s);

/* Recipients of the header (-t), and whether there is any recipient at all. */
void submission_take_header_recipients(struct submission *s);

/* Hands header and body to queue-inject. */
void submission_inject(struct submission *s);

/* One line to the log, more to fd 2 with -v; returns the exit code. */
int submission_report(const struct submission *s);

#endif
