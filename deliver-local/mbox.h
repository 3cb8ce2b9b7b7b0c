/* mbox: appending a message to a mailbox file. */
#ifndef PIPEPOST_DELIVER_LOCAL_MBOX_H
#define PIPEPOST_DELIVER_LOCAL_MBOX_H

#include "deliver-local/outcome.h"
#include "deliver-local/text.h"

enum {
	MBOX_LOCK_SECONDS = 60,		/* for both locks together */
	MBOX_LOCK_NAP_MS = 20,		/* between two tries */
};

/* Appends the text to the file at the absolute path, which is made (0600) if
 * it is missing. *o becomes DELIVERED once that is on disk; else the file is
 * as long as it was. */
void mbox_deliver(struct outcome *o, const char *path, const char *reverse_path, struct text *t);

/* The From_ quoting ("mboxrd"): a '>' in front of each line that begins with
 * any number of '>' and "From ". Zero it, then feed the text in pieces of any size. */
struct mbox_quoter {
	bool in_line;			/* past the place where quoting is decided */
	uint64_t held_marks;		/* '>' octets held back at the start of a line */
	size_t held_from;		/* octets of "From " held back behind them */
	bool is_open;			/* the last octet given was no LF */
};

/* Appends what may go out. Fails with errno ENOMEM. */
bool mbox_quote(stralloc *to, struct mbox_quoter *q, const char *s, size_t len);

/* Appends what is still held, LF where the last line is open, and the empty line behind the message. */
bool mbox_quote_end(stralloc *to, struct mbox_quoter *q);

/* Appends the From_ line: "From SENDER Tue Nov 24 02:00:00 2026" in UTC. */
bool mbox_from_line(stralloc *to, const char *reverse_path, int64_t seconds);

#endif
