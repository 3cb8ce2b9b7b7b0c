/* smtpd: checks smtpd.conf, or runs a whole mail host from it.
 *
 * With -n it prints `configuration OK` and exits 0, or every error and exits
 * 1. Otherwise it is the super-server for a first try, a desk or a container:
 * it opens the listeners of smtpd.conf, starts one smtp-recv per connection,
 * and keeps one queue-run running. Its children may die as they like; no
 * message is in its hands. TERM and INT end it, with exit 0.
 */
#include "smtp-recv/smtpd.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/die.h"
#include "lib/log.h"

int
main(int argc, char *argv[])
{
	static struct smtpd s;

	PROG = "smtpd";
	options_read(&s, argc, argv);
	start_read_configuration(&s);
	if (check_print(&s) > 0)
		return 1;
	if (s.is_check)
		return 0;

	setenv("PIPEPOST_LOG", s.logs_to_syslog ? "syslog" : "stderr", 1);
	setenv("PIPEPOST_CONF", s.conf_path, 1);
	if (listen_apply(&s) > 0)	/* before anything else is touched */
		die(EX_UNAVAILABLE, "not all listeners could be opened");
	start_prepare_spool();
	start_pause(&s);
	start_choose_identity(&s);
	start_background(&s);
	log_open(PROG);
	serve(&s);
	return 0;
}
