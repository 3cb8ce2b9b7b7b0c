/* deliver-local: put messages into one user's mailboxes, as that user.
 *
 * With -s it serves the runner's jobs on the socket that is fd 0; otherwise it
 * does one job of its command line with the text on fd 0. A verdict of
 * "delivered" is given when the delivery would survive a power cut. Any other
 * verdict, exit or signal means that nothing was left half delivered, except
 * that a command may have done what it liked; a signal in between may leave a
 * file in a Maildir's tmp/, which is swept later.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/types.h>

#include "deliver-local/byhand.h"
#include "deliver-local/deliver.h"
#include "deliver-local/serve.h"
#include "lib/die.h"
#include "lib/log.h"

static _Noreturn void
usage(void)
{
	die(EX_USAGE, "usage: deliver-local -s | deliver-local [-Fvx] [-a action] [-D delimiter] [-d home] "
	    "[-f reverse-path] [-i id] [-o original] [-p parameter] [-r recipient] [-t seconds] [-u user]");
}

/* The options of one job, and whether it is to be served instead. */
struct options {
	struct job job;
	const char *original;
	bool is_server;
};

static void
add_recipient(struct options *o, const char *address)
{
	struct job_recipient r = { .original = o->original, .address = address, .notify = "", .orcpt = "" };

	if (!genalloc_append(struct job_recipient, &o->job.recipients, &r))
		die_errno(EX_TEMPFAIL, "recipients");
}

static void
take_option(struct options *o, int letter, const char *arg)
{
	switch (letter) {
	case 's': o->is_server = true; break;
	case 'v': log_set_verbose(true); break;
	case 'F': o->job.reads_forward = true; break;
	case 'x': o->job.lmtp_rcpt_to = true; break;
	case 'p': o->job.param = arg; break;
	case 'f': o->job.reverse_path = arg; break;
	case 'i': o->job.id = arg; break;
	case 'u': o->job.user = arg; break;
	case 'd': o->job.home = arg; break;
	case 'o': o->original = arg; break;
	case 'r': add_recipient(o, arg); break;
	case 'D':
		if (arg[0] != '\0' && arg[1] != '\0')
			usage();
		o->job.delimiter = arg[0];
		break;
	case 't':
		if (!uint320_scan(arg, &o->job.deadline_seconds) || o->job.deadline_seconds == 0 ||
		    o->job.deadline_seconds > 24 * 3600)
			die(EX_USAGE, "-t %s: not a number of seconds from 1 to 86400", arg);
		break;
	case 'a':
		if (!deliver_scan_action(&o->job.action, arg))
			die(EX_USAGE, "-a %s: not one of maildir, mbox, mda, lmtp, file, pipe, include, none", arg);
		break;
	default: usage();
	}
}

static void
read_options(struct options *o, int argc, const char *const *argv)
{
	subgetopt l = SUBGETOPT_ZERO;
	int letter;

	while ((letter = subgetopt_r(argc, argv, "svFxp:f:i:u:d:o:r:D:t:a:", &l)) != -1)
		take_option(o, letter, l.arg);
	if (l.ind != argc)
		usage();
}

/* A closed fd 0, 1 or 2 would be taken by the next open(). */
static void
require_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			_exit(EX_TEMPFAIL);
}

/* A program that leaves, or a file that grows too large, is an error of one delivery. */
static void
catch_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static int
serve(void)
{
	if (serve_jobs(0))
		return 0;
	complain("the runner's socket: broken off in the middle of a job");
	return EX_TEMPFAIL;
}

static int
deliver_by_hand(struct job *j)
{
	stralloc memory = STRALLOC_ZERO;
	int status;

	if (!byhand_complete(j, &memory))
		die_errno(EX_TEMPFAIL, "account of %s", j->user != NULL ? j->user : "the user we run as");
	status = byhand_deliver(j);
	stralloc_free(&memory);
	return status;
}

int
main(int argc, const char *const *argv)
{
	struct options o = {
		.job = {
			.id = "-", .action = JOB_MAILDIR, .param = "", .reverse_path = "", .delimiter = '+',
			.deadline_seconds = DELIVER_SECONDS, .origin = "", .helo = "", .auth_user = "",
			.recipients = GENALLOC_ZERO,
		},
		.original = "",
	};
	int status;

	PROG = "deliver-local";
	require_descriptors();
	log_open(PROG);
	read_options(&o, argc, argv);
	tain_now_set_stopwatch_g();
	umask(077);
	catch_signals();
	status = o.is_server ? serve() : deliver_by_hand(&o.job);
	genalloc_free(struct job_recipient, &o.job.recipients);
	return status;
}
