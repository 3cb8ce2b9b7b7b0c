/* maildir: putting messages into a Maildir so that they survive a power cut.
 *
 * Several messages may be written before they are synced, linked and their
 * directory synced in one go: the first sync carries most of the others with it. None
 * of them has a name in new/, or counts as delivered, before maildir_sync(). */
#ifndef PIPEPOST_DELIVER_LOCAL_MAILDIR_H
#define PIPEPOST_DELIVER_LOCAL_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "deliver-local/outcome.h"
#include "deliver-local/text.h"

enum {
	MAILDIR_BATCH = 16,			/* messages written before a sync, at most */
	MAILDIR_NAME_MAX = 255,			/* octets of a file name */
	MAILDIR_STALE_SECONDS = 36 * 3600,	/* what is older in tmp/ belongs to nobody */
	MAILDIR_SWEEP_MAX = 10000,		/* names looked at in one sweep */
};

struct maildir {
	stralloc path;			/* of the open one with its folder, NUL-ended; len 0: none is open */
	int tmp, new;			/* descriptors of its directories */
	bool is_swept;
	unsigned long counter;		/* messages of this process: part of the names */
	size_t nwritten;
	struct maildir_message {
		char name[MAILDIR_NAME_MAX + 1];
		int fd;			/* of the file in tmp/; -1 once its fate is decided */
		struct outcome *outcome;
	} written[MAILDIR_BATCH];
};
#define MAILDIR_ZERO { .path = STRALLOC_ZERO, .tmp = -1, .new = -1 }

/* Opens the Maildir at the absolute path, making what is missing of it (0700)
 * but never `home` itself, and of it the folder ".tag" where tag (not
 * NUL-ended) names one that exists. One that is open already is used again;
 * another is synced and closed first. False: o tells why. */
bool maildir_open(struct maildir *m, struct outcome *o, const char *path, const char *home, const char *tag,
    size_t tag_len);

/* Writes the text to tmp/. *o stays undecided until maildir_sync(), and must
 * stay where it is until then; on failure it is DEFERRED at once and no file
 * is left. */
void maildir_deliver(struct maildir *m, struct outcome *o, struct text *t);

/* Syncs what was written, links it into new/, syncs that: delivered. What
 * cannot be made durable is taken back and deferred. */
void maildir_sync(struct maildir *m);

/* Removes stale files from tmp/, once for each Maildir that was opened. */
void maildir_sweep(struct maildir *m);

/* Syncs and closes. */
void maildir_close(struct maildir *m);

#endif
