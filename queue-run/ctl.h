/* ctl: the commands of smtpctl, each a function.
 *
 * A command gets what stands behind its words and returns an exit code. It
 * says on standard output what it was asked for, and on fd 2 what went wrong. */
#ifndef PIPEPOST_CTL_H
#define PIPEPOST_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/queue.h"

enum { CTL_FAILED = 1 };

struct ctl {
	const char *spool, *conf;
	struct queue queue;
	bool is_open;
};

/* Opens the spool with all its places, as its owner where root asks. False: the caller may not read it (errno
 * EACCES or EPERM). Dies of anything else. */
bool ctl_open_queue(struct ctl *c);

/* The same, and dies of that too. */
void ctl_need_queue(struct ctl *c);

/* Prints "command succeeded" or "command failed"; returns the exit code. */
int ctl_answer(bool has_succeeded);

/* Prints "N envelopes VERB"; returns 0. */
int ctl_answer_count(size_t n, const char *verb);

/* Dies with the usage of the command. */
_Noreturn void ctl_usage(const char *usage);

/* Becomes another of our programs, with these arguments (words first, then args, each ended by NULL). */
_Noreturn void ctl_become(const char *program, const char *name, const char *const *words, const char *const *args);

/* ---- words (ctl_words.c) ---- */

struct ctl_command {
	const char *words;	/* "show queue" */
	const char *arguments;	/* "[-l | -m] [ID]" */
	int (*run)(struct ctl *c, const char *const *args);
};

/* Finds the command that the words at argv mean; each may be abbreviated as long as it means one command. *used is
 * how many words belong to it. NULL: none, or *is_ambiguous. Pure. */
const struct ctl_command *ctl_find_command(const struct ctl_command *commands, size_t n, const char *const *argv,
    size_t *used, bool *is_ambiguous);

/* ---- ctl_queue.c ---- */
int ctl_show_queue(struct ctl *c, const char *const *args);
int ctl_show_message(struct ctl *c, const char *const *args);
int ctl_show_envelope(struct ctl *c, const char *const *args);
int ctl_discover(struct ctl *c, const char *const *args);

/* ---- ctl_operate.c ---- */
int ctl_schedule(struct ctl *c, const char *const *args);
int ctl_run_queue(struct ctl *c, const char *const *args);
int ctl_remove(struct ctl *c, const char *const *args);
int ctl_pause_envelope(struct ctl *c, const char *const *args);
int ctl_resume_envelope(struct ctl *c, const char *const *args);

/* ---- ctl_flag.c ---- */
int ctl_pause_domain(struct ctl *c, const char *const *args);
int ctl_resume_domain(struct ctl *c, const char *const *args);
int ctl_pause_mda(struct ctl *c, const char *const *args);
int ctl_resume_mda(struct ctl *c, const char *const *args);
int ctl_pause_mta(struct ctl *c, const char *const *args);
int ctl_resume_mta(struct ctl *c, const char *const *args);
int ctl_pause_smtp(struct ctl *c, const char *const *args);
int ctl_resume_smtp(struct ctl *c, const char *const *args);
int ctl_log_verbose(struct ctl *c, const char *const *args);
int ctl_log_brief(struct ctl *c, const char *const *args);
int ctl_show_status(struct ctl *c, const char *const *args);

/* ---- ctl_stats.c ---- */
int ctl_show_stats(struct ctl *c, const char *const *args);
int ctl_monitor(struct ctl *c, const char *const *args);

/* ---- ctl_host.c ---- */

int ctl_show_hosts(struct ctl *c, const char *const *args);
int ctl_show_hoststats(struct ctl *c, const char *const *args);

/* ---- ctl_encrypt.c ---- */
int ctl_encrypt(struct ctl *c, const char *const *args);

/* ---- ctl_doctor.c ---- */
int ctl_doctor(struct ctl *c, const char *const *args);

/* ---- ctl_why.c ---- */
int ctl_why(struct ctl *c, const char *const *args);

#endif
