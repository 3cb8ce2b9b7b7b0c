/* intake: the steps of queue-inject. Each ends the program with an exit of enum
 * queue_exit and one line on fd 2 when it fails (none for a caller that closed
 * fd 1 without an envelope), and leaves nothing in the queue then. */
#ifndef PIPEPOST_INTAKE_H
#define PIPEPOST_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

#include "lib/envelope.h"
#include "lib/facts.h"
#include "lib/message.h"
#include "lib/queue.h"

enum {
	INTAKE_SECONDS = 24 * 60 * 60,		/* a caller that takes longer is given up */
	INTAKE_BLOCK = 16384,			/* octets read at once; more would only be more to clear */
};

struct intake {
	struct queue queue;
	struct queue_draft draft;
	struct facts facts;
	bool is_ours;			/* the caller handed over facts, and they are believed */
	uint64_t size_max;		/* octets of text */
	char host[256];			/* the server's name, for a trace line of our own */
	struct message_hops hops;
	stralloc envelope_text;
	struct envelope envelope;
};
#define INTAKE_ZERO { .queue = { .top = -1 }, .draft = { .fd = -1 }, .envelope_text = STRALLOC_ZERO, \
	.envelope = ENVELOPE_ZERO }

/* No options but -h (usage) exist; anything else is a usage error. */
void intake_read_options(struct intake *in, int argc, const char *const *argv);
void intake_require_descriptors(void);

/* Notes who calls, drops that for the queue's owner, and decides whether the
 * facts in the environment are believed: from ppsmtp, ppqueue and root, or from anybody
 * when not installed set-id, since then there is only one user. */
void intake_take_identity(struct intake *in);

/* Undoes what the caller may have set (umask, signals). A hanging caller must not
 * hold a draft for ever: SIGALRM ends us, the runner sweeps the draft. */
void intake_prepare_process(void);

void intake_open_draft(struct intake *in);

/* From here on nothing can be done but to end this one message: no message in the
 * queue can be read, and no program started. */
void intake_confine(struct intake *in);

void intake_copy_message(struct intake *in);
void intake_read_envelope(struct intake *in);
void intake_commit(struct intake *in);

/* Tells the queue id: on fd 6 to a caller that asked for it (PIPEPOST_REPORT_FD),
 * else in the log. Wakes the runner. */
void intake_report(struct intake *in);

#endif
