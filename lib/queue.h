/* queue: the spool's directories, and one message as one file (queue(5)).
 *
 * The writer's side (queue_draft_*) makes a message durable or not at all; the
 * runner's side (queue_file_*) reads it, records outcomes and moves it. Only
 * the holder of `lock` may use the runner's side on files in cur/, wait/ and
 * later/. */
#ifndef PIPEPOST_QUEUE_H
#define PIPEPOST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "lib/envelope.h"
#include "lib/facts.h"

enum {
	QUEUE_ID_MAX = 20 + 1 + 16,		/* EPOCH.RANDOM16 */
	QUEUE_NAME_MAX = QUEUE_ID_MAX + 3 + 20,	/* ID,S=BYTES */
	QUEUE_SLOT_SECONDS = 64,		/* later/T holds what is due in [64T, 64T+64) */
	QUEUE_FORMAT = 1,
};

enum queue_place {
	QUEUE_TMP, QUEUE_NEW, QUEUE_CUR, QUEUE_WAIT, QUEUE_LATER, QUEUE_HOLD, QUEUE_CORRUPT, QUEUE_CONTROL,
	QUEUE_PLACES
};

/* The name of a place below the spool. */
extern const char *const queue_place_names[QUEUE_PLACES];

/* An open spool: one descriptor per directory, close-on-exec, -1 where not opened. */
struct queue {
	const char *path;
	int top;
	int place[QUEUE_PLACES];
};

/* Opens the spool at path. which has a bit (1 << place) for each directory
 * that is needed; the others stay -1. Fails with the errno of open; *missing,
 * if not NULL, is then the name of what could not be opened ("" = the top). */
bool queue_open(struct queue *q, const char *path, unsigned which, const char **missing);
void queue_close(struct queue *q);

/* Makes the directories, trigger and lock of a spool that are not there yet,
 * with their modes, owned by uid and gid (-1: leave). An existing spool is
 * completed, never emptied. *what names the object that failed. */
bool queue_make(const char *path, uid_t uid, gid_t gid, const char **what);

/* The name of a kind of file system (statfs's f_type) where link and rename may
 * not survive a power cut, or do not work at all: tmpfs, NFS, FUSE; NULL for others. */
const char *queue_weak_file_system(long type);

/* Whether name is ID,S=BYTES; if so *size receives BYTES and *id_len the
 * length of the id in front. */
bool queue_name_parse(const char *name, uint64_t *size, size_t *id_len);

/* Wakes the runner, best effort: never blocks, never fails aloud. */
void queue_pull_trigger(const struct queue *q);

/* ---- the writer ---- */

struct queue_draft {
	const struct queue *queue;
	int fd;				/* flock(LOCK_EX) is held on it */
	char id[QUEUE_ID_MAX + 1];	/* its name in tmp/ */
	uint64_t size;			/* octets of text written */
	uint32_t text_check;		/* running CRC of the text */
};

/* Makes the file in tmp/, locked. Fails with the errno of open or flock. */
bool queue_draft_create(struct queue_draft *d, const struct queue *q);

/* Appends text. Fails with the errno of write (ENOSPC, EIO, EFBIG, ...). */
bool queue_draft_write(struct queue_draft *d, const char *s, size_t len);

/* Writes the envelope behind the text, links into new/, fsyncs file and
 * directory, drops the name in tmp/. envelope[] is the text of fd 1, already
 * found valid, with `recipients` recipients. After true the message survives
 * anything; after false (errno tells) it will never be delivered. The
 * descriptor is closed either way. */
bool queue_draft_commit(struct queue_draft *d, const stralloc *envelope, size_t recipients, const struct facts *f);

/* Removes a draft that is not to be committed. */
void queue_draft_abort(struct queue_draft *d);

/* ---- the runner ---- */

/* One octet per recipient on disk. */
enum recipient_status {
	RECIPIENT_PENDING = '.',
	RECIPIENT_EXPANDED = 'x',
	RECIPIENT_DELIVERED = 'd',
	RECIPIENT_FAILED = 'f',		/* not yet reported */
	RECIPIENT_REPORTED = 'r',
	RECIPIENT_DISCARDED = 'z',	/* double bounce, logged */
};

enum { RECIPIENT_NO_PARENT = -1 };

/* What a recipient's text is. The envelope's are all addresses. */
enum recipient_kind {
	RECIPIENT_ADDRESS = 'c',	/* an address, routed by the rules */
	RECIPIENT_NAME = 'n',		/* NAME@DOMAIN: a local name under the rule of the address it came from */
	RECIPIENT_MAILBOX = 'm',	/* the same, but that user's own mailbox: no alias, no .forward */
	RECIPIENT_OF_ALIAS = 'a',	/* a command, file, include or error of an alias table: runs as ppalias */
	RECIPIENT_OF_USER = 'u',	/* a command or file of a .forward: runs as the uid that owns it */
};

/* A recipient of the envelope or of an expansion. Its number N is its index,
 * and never changes. Strings belong to the queue_file. */
struct queue_recipient {
	const char *text;		/* an address, or a canonical node (node.h) */
	enum recipient_kind kind;
	uid_t uid;			/* with RECIPIENT_OF_USER */
	const char *notify, *orcpt;	/* of the envelope; a child has its ancestor's */
	long parent;			/* index, or RECIPIENT_NO_PARENT */
	const char *reverse_path;	/* NULL: the message's */
	off_t status_at;		/* where its octet stands */
	char status;			/* enum recipient_status, as on disk */
	unsigned attempts;		/* deferrals on record */
	int64_t first_absent;		/* time of the first deferral for proven absence, 0 = none */
	const char *reason;		/* of the last deferral or of the failure, "" = none */
};

/* One message, open. */
struct queue_file {
	int fd;
	char name[QUEUE_NAME_MAX + 1];
	size_t id_len;
	uint64_t text_size;
	struct envelope envelope;
	struct facts facts;
	genalloc recipients;		/* struct queue_recipient */
	genalloc links;			/* struct queue_link: parent -> child, duplicates of older recipients too */
	off_t journal_end;		/* where the next record goes */
	bool has_torn_tail;		/* something stands behind it, to be cut off first */
	int64_t created;		/* the EPOCH of the id */
	int64_t last_attempt;		/* 0 = none */
	unsigned attempts;		/* of the message: deferral passes on record */
	unsigned recovered;		/* how often it was found in cur/ after a crash */
	unsigned warned;		/* how many delay notices have gone out */
	uint32_t text_check;		/* CRC of the text, as recorded */
	stralloc memory;		/* everything behind the text, as read */
	genalloc strings;		/* char *: what came into the journal since, freed with the file */
};

struct queue_link {
	size_t parent, child;
};

/* How many recipients it has, and the i-th of them. */
static inline size_t
queue_file_count(const struct queue_file *f)
{
	return genalloc_len(struct queue_recipient, &f->recipients);
}

static inline struct queue_recipient *
queue_file_recipient(const struct queue_file *f, size_t i)
{
	return genalloc_s(struct queue_recipient, &f->recipients) + i;
}

enum queue_read {
	QUEUE_READ_OK,
	QUEUE_READ_ERROR_LATER,		/* errno tells: could not read now */
	QUEUE_READ_CORRUPT,		/* read whole and found wrong */
	QUEUE_READ_NEWER,		/* a format version we do not know: leave it alone */
};

/* Opens (access: O_RDWR or O_RDONLY) and reads directory/name: envelope (check
 * value verified), status octets, journal up to its last good record. The text
 * is not read. After OK the caller frees with queue_file_close(). */
enum queue_read queue_file_open(struct queue_file *f, int directory, const char *name, int access);
void queue_file_close(struct queue_file *f);

/* Reads the whole text and compares its check value: after a crash, or on demand. */
enum queue_read queue_file_verify_text(const struct queue_file *f);

/* Overwrites a recipient's octet, and its copy in memory after that. Never
 * needs disk space. Fails with the errno of pwrite. */
bool queue_file_set_status(struct queue_file *f, size_t recipient, enum recipient_status s);

/* Journal records. Each is on disk (not fsynced) when true returns; on failure
 * (errno) nothing has changed, torn pieces are cut off before the next one. */
bool queue_file_defer(struct queue_file *f, size_t recipient, int64_t now, bool is_absence, const char *reason);
bool queue_file_fail(struct queue_file *f, size_t recipient, const char *reason);	/* the reason only; the octet follows */
bool queue_file_note_warned(struct queue_file *f, int64_t now);
bool queue_file_note_recovered(struct queue_file *f, int64_t now);

struct queue_child {
	const char *text;
	enum recipient_kind kind;
	uid_t uid;
	const char *reverse_path;	/* NULL: the message's */
};

/* Records the expansion of a recipient and then sets it to EXPANDED. A child
 * equal (text, kind, uid) to a recipient that exists already becomes a link to
 * that one. The record is fsynced before the octet changes, so that no delivery of
 * a child can start before it is on disk. *is_loop is true, and nothing has
 * changed, where the expansion leads nowhere but to expanded recipients. */
bool queue_file_expand(struct queue_file *f, size_t recipient, const struct queue_child *children, size_t n,
    bool *is_loop);

/* Whether nothing remains to be done: no octet is '.' or 'f'. */
bool queue_file_is_finished(const struct queue_file *f);

#endif
