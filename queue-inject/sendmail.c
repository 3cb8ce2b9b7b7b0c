/* sendmail: the sendmail(8) command line, as cron, mutt, git and PHP call it.
 *
 * Runs as whoever calls it, never set-id; what may touch the queue is
 * queue-inject. Exit 0 promises that the message is queued and survives a
 * power cut, EX_TEMPFAIL that it is not and may be tried again, any other exit
 * that it is not. Killed before the end of the input, it leaves nothing queued.
 * A line with a single dot never ends the message, with or without -i.
 */
#include <fcntl.h>

#include "lib/die.h"
#include "lib/log.h"
#include "queue-inject/sendmail_options.h"
#include "queue-inject/sendmail_other.h"
#include "queue-inject/sendmail_verify.h"
#include "queue-inject/submission.h"

/* The files opened later must not become somebody's fd 1 or 2. */
static void
fill_descriptors(void)
{
	for (int fd = 1; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && fcntl(0, F_GETFD) != -1)
			open("/dev/null", O_RDWR);
}

static void
read_options(struct sendmail_options *o, const char *const *argv)
{
	const char *why, *notice;

	if (!sendmail_read_options(o, argv, &why, &notice))
		die(EX_USAGE, "%s: %s", o->arguments[-1], why);
	if (notice != NULL)
		complain("%s", notice);
}

int
main(int argc, const char *const *argv)
{
	struct sendmail_options options;
	struct submission s = SUBMISSION_ZERO;

	PROG = "sendmail";
	(void)argc;
	fill_descriptors();
	log_open(PROG);
	log_spare_terminal();
	read_options(&options, argv);
	sendmail_become_other(&options);	/* mailq, newaliases, -bs, -q and so on do not return */
	if (options.mode == SENDMAIL_VERIFY)
		return sendmail_verify(&options);

	submission_identify(&s, &options);
	submission_take_arguments(&s);
	submission_read_header(&s);
	submission_take_header_recipients(&s);
	submission_inject(&s);		/* from here on the message is queued, or will never be */
	return submission_report(&s);
}
