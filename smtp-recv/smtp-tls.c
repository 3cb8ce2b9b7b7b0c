/* smtp-tls: speaks TLS with a client for smtp-recv, so that the process which parses
 * what strangers send has no private key in its memory and no right to read one.
 *
 * Reads configuration, certificates and keys, gives back the right to read them, and
 * only then listens to the peer. It dies with its session, whatever it dies of; what
 * smtp-recv has not been told by then has not happened.
 */
#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/tai.h>

#include "lib/log.h"
#include "smtp-recv/smtp_tls.h"

int
main(int argc, char *argv[])
{
	static struct smtp_tls s;

	PROG = "smtp-tls";
	log_open(PROG);
	setup_read_options(&s, argc, argv);
	setup_require_descriptors();
	tain_now_set_stopwatch_g();
	sig_altignore(SIGPIPE);

	setup_take_identity(&s);
	setup_find_listener(&s);
	keys_read(&s);
	setup_drop_privileges(&s);

	serve(&s);
	keys_free(&s);
	conf_free(s.conf);
	return 0;
}
