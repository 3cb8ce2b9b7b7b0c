/* request: what an operator asks of messages: try now, remove, pause, resume.
 *
 * Whoever holds `lock` performs requests: queue-run for the files control/req.*
 * that smtpctl has left, or smtpctl itself where no queue-run is at work. One
 * request is one line:
 *
 *	VERB TARGET [PATH]
 *
 * VERB is schedule, remove, pause or resume; TARGET all, @DOMAIN, from:STRING, ID or ID.N;
 * PATH, below the spool, is where the message was seen last. With it messages are not
 * searched for; one that is to be removed or paused is looked for by its name. */
#ifndef PIPEPOST_REQUEST_H
#define PIPEPOST_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/queue.h"
#include "queue-run/selection.h"
#include "queue-run/walk.h"

enum {
	REQUEST_DOMAIN_MAX = 255,
	REQUEST_SENDER_MAX = 255,
	REQUEST_PATH_MAX = QUEUE_NAME_MAX + 512,
	REQUEST_LINES_MAX = 1000,	/* in one file of control/ */
	REQUEST_FILE_MAX = 1024 * 1024,	/* octets of it */
};

enum request_verb { REQUEST_SCHEDULE, REQUEST_REMOVE, REQUEST_PAUSE, REQUEST_RESUME };

struct request {
	enum request_verb verb;
	char domain[REQUEST_DOMAIN_MAX + 1];	/* messages with an open recipient there; "" = by selection */
	char sender[REQUEST_SENDER_MAX + 1];	/* messages with that in their reverse-path; "" = by selection */
	struct selection which;			/* which.id_len == 0: all */
	char path[REQUEST_PATH_MAX + 1];	/* "" = unknown */
};

/* ---- pure ---- */

/* Reads one line without its LF. False: it is none. */
bool request_parse(struct request *r, const char *line, size_t len);

/* Sets the target: "all", "@domain", "from:string", an id or the beginning of one, ID.N. False: it is none of these. */
bool request_set_target(struct request *r, const char *text);

/* Whether it is about every message there is. */
bool request_is_for_all(const struct request *r);

/* Appends the line with its LF. Fails with errno ENOMEM. */
bool request_append(stralloc *to, const struct request *r);

/* Whether recipient i of f is meant by the request: open, of that sender, domain or number, or
 * descending from that number. */
bool request_means(const struct request *r, const struct queue_file *f, size_t i);

/* ---- for the holder of `lock` ---- */

/* What a runner has in its hands. */
struct request_runner {
	/* A request is about cur/name. True: the runner has it in memory and sees to it: SCHEDULE: due again at
	 * once after its attempt; PAUSE: then into hold/; REMOVE: request_remove_open() has been done; RESUME:
	 * nothing. False: it is not in memory, or that could not be recorded. */
	bool (*take)(void *arg, const struct request *r, const char *name);
	void *arg;
};

struct request_result {
	size_t messages, recipients;	/* that were found, and of them those that are meant */
	size_t busy;			/* messages that could not be touched: being written, or left in cur/ by a dead runner */
	size_t failed;			/* the system refused; each is logged */
};

/* Performs one request. runner may be NULL: then nothing of cur/ is touched. */
void request_perform(const struct queue *q, const struct request *r, const struct request_runner *runner,
    struct request_result *result);

/* Performs what lies in control/ (which must be open in q), and unlinks it: its disappearance is the answer. A file
 * stays, to be performed again, while a message that it removes or pauses is busy, or where it cannot be read now.
 * Returns how many messages were found that were not busy: after any the runner looks at everything again. */
size_t request_take_all(const struct queue *q, const struct request_runner *runner);

/* Ends what a removal means of an open message: logs each recipient and sets its octet. False with the errno of
 * pwrite. The caller unlinks the file if queue_file_is_finished() then. */
bool request_remove_open(struct queue_file *f, const struct request *r);

/* ---- for anybody who may read the spool ---- */

/* A message that a request is about, and how many of its recipients are meant. */
typedef bool request_each(void *arg, const struct walk_entry *e, size_t recipients);

/* Calls each() for them until it returns false. What cannot be read is passed over. Fails as walk_queue() does. */
bool request_find(const struct queue *q, const struct request *r, request_each *each, void *arg, const char **what);

#endif
