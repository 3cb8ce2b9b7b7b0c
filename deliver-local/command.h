/* command: handing a message to a program of the recipient's by /bin/sh -c. */
#ifndef PIPEPOST_DELIVER_LOCAL_COMMAND_H
#define PIPEPOST_DELIVER_LOCAL_COMMAND_H

#include <stdbool.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "deliver-local/outcome.h"
#include "deliver-local/text.h"

enum {
	COMMAND_OUTPUT_MAX = 4096,	/* the last octets of its output are kept */
	COMMAND_LINES_MAX = 20,		/* lines of them are logged */
	COMMAND_DRAIN_MAX = 1024 * 1024,	/* octets of output read after it has ended */
	COMMAND_GRACE_SECONDS = 5,	/* between TERM and KILL when its time is up */
};

/* Runs the command in home (or /) with the text on fd 0 and output to the log.
 * It sees descriptors 0, 1 and 2, and the environment alone: "NAME=value"
 * strings, each with its NUL. It leads a session of its own, which is killed
 * when the text's deadline has come. Where the text breaks off, it is killed
 * before it could take what it got for the whole. */
void command_deliver(struct outcome *o, const struct job *j, const char *command, const stralloc *environment,
    struct text *t);

/* What an exit status means (sysexits.h and qmail's 99, 100, 111). */
enum verdict command_verdict(int exit_status);

/* Appends the environment for a recipient. Values hold no control octets and
 * do not begin with '('. Fails with errno ENOMEM. */
bool command_environment(stralloc *to, const struct job *j, const struct job_recipient *r);

#endif
