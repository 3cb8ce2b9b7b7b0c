/* smtpd: what the parts of the program smtpd share.
 *
 *   smtpd.c          main()
 *   smtpd_options.c  the command line
 *   smtpd_check*.c   -n: what is wrong with a configuration, and with what it names
 *   smtpd_listen.c   listeners of smtpd.conf to open sockets
 *   smtpd_start.c    the spool, identities, background: before the first connection
 *   smtpd_child.c    one smtp-recv per connection, the limits on them, and the runner
 *   smtpd_serve.c    the loop */
#ifndef PIPEPOST_SMTPD_H
#define PIPEPOST_SMTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>

#include <skalibs/tai.h>

#include "lib/conf.h"

enum {
	CLIENTS_MAX = 200,		/* connections at a time */
	CLIENTS_PER_NETWORK_MAX = 10,	/* of them from one network, loopback aside */
	NETWORK_BITS_V4 = 24,
	NETWORK_BITS_V6 = 64,
	LISTENERS_MAX = 256,		/* sockets */
	ACCEPT_REFUSALS_LOGGED_MAX = 20,	/* lines about connections beyond the limits, a minute */
	RESTART_SECONDS_MAX = 60,	/* longest wait before a dead runner is started again */
	SESSION_GRACE_SECONDS = 5,	/* for running sessions, once after TERM and once more */
	RUNNER_GRACE_SECONDS = 40,	/* queue-run gives its deliveries 30 */
};

/* What -P pauses, and the flag in control/ for it. */
enum pausable { PAUSE_MDA, PAUSE_MTA, PAUSE_SMTP, PAUSABLE };
extern const char *const pausable_names[PAUSABLE];

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

struct listener {
	int fd;
	union socket_address address;
	char name[300];		/* for smtp-recv -l; "" where the address tells it */
	bool is_wanted;		/* by the configuration just read */
};

struct client {
	pid_t pid;
	unsigned char network[1 + sizeof(struct in6_addr)]; /* family, then the network's bits */
	bool is_loopback;
};

struct smtpd {
	const char *conf_path;
	struct conf_macro macros[CONF_MACROS_MAX];
	size_t nmacros;
	bool is_check, is_foreground, logs_to_syslog, is_verbose;
	bool traces_sessions, traces_deliveries;	/* -v for smtp-recv, for queue-run */
	bool pauses[PAUSABLE];		/* -P */

	struct conf *conf;
	struct listener listeners[LISTENERS_MAX];
	size_t nlisteners;
	struct client clients[CLIENTS_MAX];
	size_t nclients;
	char name[256];			/* the server's, for a 421 */

	uid_t door_uid;			/* who smtp-recv runs as; 0: nobody changes */
	gid_t door_gid;
	char smtp_recv[4096], queue_run[4096];

	pid_t runner;			/* 0: not running */
	tain runner_start, runner_due;	/* started then; to be started then */
	unsigned runner_delay;		/* seconds */
	size_t nrefused;		/* connections refused in this minute */
	tain refused_due;		/* its end */
	tain accept_due;		/* no connection is taken before (no descriptors left) */

	bool is_stopping;
	unsigned stop_step;
	tain stop_due, stop_end;
	int signal_fd;
};

void options_read(struct smtpd *s, int argc, char *const *argv);

/* Prints the messages of s->conf, and what is wrong with the things it names
 * where is_check. Returns the number of errors. */
size_t check_print(const struct smtpd *s);

/* Opens what s->conf wants, keeps what is open already, closes the rest.
 * Prints or logs each that cannot be opened, and returns their number. */
size_t listen_apply(struct smtpd *s);
void listen_close(struct smtpd *s);

void start_read_configuration(struct smtpd *s);
void start_prepare_spool(void);
void start_pause(const struct smtpd *s);
void start_choose_identity(struct smtpd *s);
void start_background(const struct smtpd *s);

/* Takes one connection from a listener. False, with errno, where there was none. */
bool child_accept(struct smtpd *s, const struct listener *l);
void child_start_runner(struct smtpd *s);

/* At the end of a minute: tells of the refused connections that had no line of their own. */
void child_tell_refusals(struct smtpd *s);
void child_reap(struct smtpd *s);

void serve(struct smtpd *s);

#endif
