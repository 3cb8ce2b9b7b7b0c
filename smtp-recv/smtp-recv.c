/* smtp-recv: receives mail by SMTP on a connection that a super-server made.
 *
 * Each message goes to queue-inject while it arrives. A 250 to DATA promises
 * what queue-inject promises: the message survives a power cut. Any other
 * reply, or none, promises that smtp-recv has queued nothing. Exit 0 whatever the
 * client did; only a wrong command line is an error of its own.
 */
#include <signal.h>

#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/tai.h>

#include "lib/log.h"
#include "lib/stats.h"
#include "smtp-recv/session.h"
#include "smtp-recv/setup.h"

int
main(int argc, char *argv[])
{
	/* Not on the stack: that would clear 64 kB of input buffer for each connection. */
	static struct session s;

	PROG = "smtp-recv";
	log_open(PROG);
	setup_read_options(&s, argc, argv);
	tain_now_set_stopwatch_g();	/* deadlines do not move with the clock */
	sig_altignore(SIGPIPE);		/* a client that hangs up is an errno, not a death */

	if (!setup_find_peer(&s) || !setup_configure(&s))
		return 0;
	stats_open("smtp");
	stats_enter(STATS_GAUGE_PROCESS);
	session_run(&s);
	table_set_free(s.tables);	/* programs that answer for tables end with us */
	return 0;
}
