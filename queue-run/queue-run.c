/* queue-run: takes messages from the queue to where they belong.
 *
 * Without options one pass: it ends when nothing due is left and nothing runs
 * (for cron). With -s it stays (for svscan and the like), woken by the trigger
 * and by the next due time, until TERM. One runner holds the lock; a second
 * one ends at once, with success.
 *
 * It promises that every recipient ends delivered, reported or discarded, and
 * that whatever happens to it in between costs a delay or a repetition, never
 * a message.
 */
#include "queue-run/start.h"

#include <skalibs/strerr.h>

#include "lib/log.h"

int
main(int argc, const char *const *argv)
{
	struct runner r = { .trigger_fd = -1, .lock_fd = -1, .spawner_fd = -1 };

	PROG = "queue-run";
	log_open(PROG);
	start_read_options(&r, argc, argv);
	start_prepare_process();
	if (!start_take_lock(&r))
		return 0;		/* another runner is at work */
	start_spawner(&r);		/* before any queue file is read: it may stay root */
	start_become_queue_owner(&r);
	start_open_queue(&r);

	scan_recover(&r);
	scan_sweep_drafts(&r);
	loop_run(&r);
	return start_exit_status(&r);
}
