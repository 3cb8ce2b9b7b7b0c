/* start: what queue-run does before its loop. Each step ends the program with a
 * sysexits code and one line on fd 2 when it fails. */
#ifndef PIPEPOST_START_H
#define PIPEPOST_START_H

#include "queue-run/runner.h"

void start_read_options(struct runner *r, int argc, const char *const *argv);

/* Signals, file limits, clock. */
void start_prepare_process(void);

/* False: another runner holds the lock. A holder that has not touched it for
 * LOCK_STALE_SECONDS is worth a log line. */
bool start_take_lock(struct runner *r);

void start_spawner(struct runner *r);
void start_become_queue_owner(struct runner *r);
void start_open_queue(struct runner *r);

int start_exit_status(const struct runner *r);

#endif
