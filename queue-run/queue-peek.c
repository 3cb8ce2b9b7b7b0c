/* queue-peek: what users may see of the queue, and remove from it: mail that they have submitted here themselves.
 *
 * Installed set-uid ppqueue, for mailq and smtpctl when ordinary users call
 * them. Nothing is told of anybody else's mail, not even that it is there. It
 * writes nothing but a request to queue-run, and never holds the queue's lock:
 * its caller could stop it there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/sig.h>

#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"
#include "queue-run/operate.h"
#include "queue-run/show_queue.h"

enum { FAILED = 1 };

struct peek {
	uid_t caller;
	bool is_removal;
	enum listing_form form;
	const char *what;	/* ID, ID.N, or "" */
	struct queue queue;
};

static _Noreturn void
usage(void)
{
	die(EX_USAGE, "usage: queue-peek [-l | -m | -t] [ID] | queue-peek -r ID[.N]");
}

static void
read_options(struct peek *p, int argc, const char *const *argv)
{
	subgetopt options = SUBGETOPT_ZERO;
	int c;

	p->form = isatty(1) ? LISTING_TABLE : LISTING_SEED;
	p->what = "";
	while ((c = subgetopt_r(argc, argv, "lmrt", &options)) != -1) {
		switch (c) {
		case 'l':
			p->form = LISTING_LONG;
			break;
		case 'm':
			p->form = LISTING_SEED;
			break;
		case 'r':
			p->is_removal = true;
			break;
		case 't':
			p->form = LISTING_TABLE;
			break;
		default:
			usage();
		}
	}
	if (options.ind < argc)
		p->what = argv[options.ind++];
	if (options.ind < argc || (p->is_removal && *p->what == '\0'))
		usage();
}

/* From here on its caller can neither trace nor kill it; limits and signals of theirs are not to tear a file. */
static void
take_identity(struct peek *p)
{
	p->caller = getuid();
	if (getauxval(AT_SECURE) != 0 && (setresgid(getegid(), getegid(), getegid()) == -1 ||
	    setresuid(geteuid(), geteuid(), geteuid()) == -1))
		die_errno(EX_OSERR, "cannot take the identity of the queue");
	umask(077);
	sig_altignore(SIGXFSZ);
	sig_restore(SIGALRM);
	sig_blocknone();
}

static void
open_queue(struct peek *p)
{
	const char *missing = "", *spool = place_spool();

	if (!place_become_queue_owner(spool) || !queue_open(&p->queue, spool, (1U << QUEUE_PLACES) - 1, &missing))
		die_errno(errno == EACCES ? EX_NOPERM : EX_OSFILE, "%s/%s", spool, missing);
}

static int
list(struct peek *p)
{
	struct agent agent;
	struct show_queue show = {
		.queue = &p->queue, .agent = &agent, .form = p->form, .only = p->what, .is_one_users = true,
		.user = p->caller,
	};
	int status;

	agent_open(&agent, place_conf(), false);
	status = show_queue(&show);
	agent_close(&agent);
	if (status == EX_NOINPUT)
		complain("%s: no such message", p->what);
	return status == 0 ? 0 : FAILED;
}

/* ---- removal ---- */

struct own {
	struct peek *peek;
	struct selection selection;
	size_t n;
	char id[QUEUE_ID_MAX + 1];
	size_t id_len;
};

/* Counts the messages that are meant and belong to the caller; keeps the id of the last. */
static bool
note_own(void *arg, const struct walk_entry *e)
{
	struct own *o = arg;
	struct queue_file f;

	if (!selection_has_name(&o->selection, e->name, e->id_len) ||
	    (o->n > 0 && o->id_len == e->id_len && memcmp(o->id, e->name, e->id_len) == 0) ||
	    queue_file_open(&f, e->directory, e->name, O_RDONLY) != QUEUE_READ_OK)
		return true;
	if (show_queue_belongs_to(&f, o->peek->caller)) {
		o->n++;
		o->id_len = e->id_len;
		memcpy(o->id, e->name, e->id_len);
	}
	queue_file_close(&f);
	return true;
}

static int
fail(const char *what, const char *why)
{
	complain("%s: %s", what, why);
	puts("command failed");
	return FAILED;
}

static int
remove_own(struct peek *p)
{
	struct request r = { .verb = REQUEST_REMOVE };
	struct own own = { .peek = p };
	struct operate_result result;
	enum operate_outcome outcome;

	if (!selection_parse(&own.selection, p->what) || own.selection.id_len == 0)
		die(EX_USAGE, "%s: that is no queue id", p->what);
	walk_queue(&p->queue, WALK_ALIVE, note_own, &own, NULL);
	if (own.n != 1)
		return fail(p->what, own.n == 0 ? "no such message" : "more than one message begins with that");
	r.which = own.selection;
	r.which.id_len = own.id_len;
	memcpy(r.which.id, own.id, own.id_len);
	outcome = operate_without_lock(&p->queue, &r, &result);
	if (outcome != OPERATE_DONE)
		return fail(p->what, outcome == OPERATE_NOTHING ? "no such message" : "queue-run does not answer");
	if (result.left > 0)
		complain("no queue-run is at work: the next one removes it");
	printf("%zu envelope%s removed\n", result.recipients, result.recipients == 1 ? "" : "s");
	return 0;
}

int
main(int argc, const char *const *argv)
{
	struct peek p = { .is_removal = false };
	int status;

	PROG = "queue-peek";
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			_exit(EX_OSERR);
	log_open(PROG);
	read_options(&p, argc, argv);
	take_identity(&p);
	open_queue(&p);
	status = p.is_removal ? remove_own(&p) : list(&p);
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
	return status;
}
