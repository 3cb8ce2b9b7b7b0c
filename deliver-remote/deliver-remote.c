/* deliver-remote: hand messages to one destination, over SMTP or LMTP.
 *
 * With -s it serves the runner's jobs on the socket that is fd 0, over one
 * session that it keeps as long as jobs come; otherwise it is qmail-remote: one
 * message on fd 0, a report on fd 1. "Delivered" is what a server has said in reply to
 * the end of the text. Whatever else happens, a signal too, the recipient is to be tried
 * again, and may then get the message twice if the server had it and its reply was lost.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/types.h>

#include "deliver-remote/byhand.h"
#include "deliver-remote/operand.h"
#include "deliver-remote/serve.h"
#include "lib/confine.h"
#include "lib/die.h"
#include "lib/log.h"
#include "lib/stats.h"

static _Noreturn void
usage(void)
{
	die(EX_USAGE, "usage: deliver-remote [-v] [-t seconds] -s | "
	    "deliver-remote [-av] [-o name=value] [-t seconds] host reverse-path recipient ...");
}

struct options {
	struct job job;
	stralloc words, param;
	unsigned step_seconds;
	bool is_server, has_credentials;
};

static void
take_option(struct options *o, int letter, const char *arg)
{
	switch (letter) {
	case 'a': o->has_credentials = true; break;
	case 'o':
		if (!stralloc_cats(&o->words, " ") || !stralloc_cats(&o->words, arg))
			die(EX_TEMPFAIL, "out of memory");
		break;
	case 's': o->is_server = true; break;
	case 'v': log_set_verbose(true); break;
	case 't':
		if (!uint0_scan(arg, &o->step_seconds) || o->step_seconds == 0 || o->step_seconds > 24 * 3600)
			die(EX_USAGE, "-t %s: not a number of seconds from 1 to 86400", arg);
		break;
	default: usage();
	}
}

/* Returns the index of the first operand. */
static int
read_options(struct options *o, int argc, const char *const *argv)
{
	subgetopt l = SUBGETOPT_ZERO;
	int letter;

	while ((letter = subgetopt_r(argc, argv, "ao:svt:", &l)) != -1)
		take_option(o, letter, l.arg);
	if (o->is_server ? l.ind != argc || o->has_credentials || o->words.len > 0 : argc - l.ind < 3)
		usage();
	return l.ind;
}

/* A closed fd 0, 1 or 2 would be taken by the next open(). */
static void
require_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			_exit(EX_TEMPFAIL);
}

/* What remains is to read (certificates, resolv.conf) and to talk to servers; by
 * hand also to keep the message in a file without a name. */
static void
give_up_the_rest(bool is_server)
{
	static const struct confine_place places[] = {
		{ .path = "/", .rights = CONFINE_READ },
		{ .path = P_tmpdir, .rights = CONFINE_MAKE },
	};

	if (!confine(CONFINE_FILES | CONFINE_NETWORK | (is_server ? 0 : CONFINE_CHANGES), places, is_server ? 1 : 2))
		die_errno(EX_TEMPFAIL, "cannot give up what is not needed");
}

static int
serve(struct session *s)
{
	if (serve_jobs(0, s))
		return 0;
	complain("the runner's socket: broken off in the middle of a job");
	return EX_TEMPFAIL;
}

static int
deliver_by_hand(struct session *s, struct options *o, int argc, const char *const *argv)
{
	const char *why;

	if (!stralloc_0(&o->words))
		die(EX_TEMPFAIL, "out of memory");
	if (!operand_read(&o->param, argv[0], o->words.s, &why))
		die(EX_USAGE, "%s: %s", argv[0], why);
	if (operand_has_label(o->param.s) != o->has_credentials)
		die(EX_USAGE, o->has_credentials ? "-a is for a URL with a label: tls+auth://LABEL@%s" :
		    "%s has a label, but without -a there are no credentials", argv[0]);
	o->job.param = o->param.s;
	o->job.reverse_path = argv[1];
	return byhand_deliver(s, &o->job, argv + 2, (size_t)argc - 2);
}

int
main(int argc, const char *const *argv)
{
	struct options o = {
		.words = STRALLOC_ZERO, .param = STRALLOC_ZERO,
		.job = { .id = "-", .action = JOB_RELAY, .ret = "", .envid = "", .recipients = GENALLOC_ZERO },
	};
	struct session session;
	int first, status;

	PROG = "deliver-remote";
	require_descriptors();
	session_init(&session);
	log_open(PROG);
	first = read_options(&o, argc, argv);
	tain_now_set_stopwatch_g();
	signal(SIGPIPE, SIG_IGN);
	stats_open("remote");
	stats_enter(STATS_GAUGE_PROCESS);
	give_up_the_rest(o.is_server);
	session.client.c.step_seconds = o.step_seconds;
	status = o.is_server ? serve(&session) : deliver_by_hand(&session, &o, argc - first, argv + first);
	session_free(&session);
	genalloc_free(struct job_recipient, &o.job.recipients);
	stralloc_free(&o.words);
	stralloc_free(&o.param);
	return status;
}
