/* queue-inject: puts one message into the queue.
 *
 * Reads the message from fd 0, then the envelope from fd 1, as qmail-queue
 * does. Exit 0 promises that the message survives a power cut; any other exit
 * (enum queue_exit, envelope.h) that it will not be delivered. A signal
 * promises neither: the caller tries again, and the message may go out twice
 * but never not at all.
 */
#include "queue-inject/intake.h"

#include <unistd.h>

#include <skalibs/strerr.h>

#include "lib/log.h"

int
main(int argc, const char *const *argv)
{
	struct intake in = INTAKE_ZERO;

	PROG = "queue-inject";
	log_open(PROG);
	intake_read_options(&in, argc, argv);
	intake_require_descriptors();	/* a closed fd 0 would be reused by the next open() */
	intake_take_identity(&in);
	intake_prepare_process();

	intake_open_draft(&in);
	intake_confine(&in);		/* before the first octet of what a stranger wrote */
	intake_copy_message(&in);	/* the caller sends fd 1 only after fd 0 has ended */
	intake_read_envelope(&in);
	intake_commit(&in);		/* from here on the message is ours */
	intake_report(&in);
	return QUEUE_OK;
}
