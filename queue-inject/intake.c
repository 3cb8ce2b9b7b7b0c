/* intake: see intake.h. */
#include "queue-inject/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/sig.h>

#include "lib/conf.h"
#include "lib/confine.h"
#include "lib/die.h"
#include "lib/log.h"
#include "lib/passwd.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/stats.h"

enum { REPORT_FD = 6, DEFAULT_SIZE_MAX = 36700160 };

void
intake_read_options(struct intake *in, int argc, const char *const *argv)
{
	(void)argv;
	if (argc != 1) {
		dprintf(2, "usage: queue-inject < message 1< envelope\n");
		exit(QUEUE_TEMPORARY);
	}
	in->size_max = DEFAULT_SIZE_MAX;
}

void
intake_require_descriptors(void)
{
	if (fcntl(0, F_GETFD) == -1)
		die_errno(QUEUE_READ_ERROR, "fd 0 (message)");
	if (fcntl(1, F_GETFD) == -1)
		die_errno(QUEUE_READ_ERROR, "fd 1 (envelope)");
	while (fcntl(2, F_GETFD) == -1)
		if (open("/dev/null", O_RDWR) == -1)
			_exit(QUEUE_TEMPORARY);
}

static bool
is_believed(uid_t caller, bool is_set_id)
{
	return !is_set_id || caller == 0 || caller == geteuid() || passwd_is_account("ppsmtp", caller);
}

void
intake_take_identity(struct intake *in)
{
	uid_t caller = getuid();
	bool is_set_id = getauxval(AT_SECURE) != 0;

	if (is_set_id && (setresgid(getegid(), getegid(), getegid()) == -1 ||
	    setresuid(geteuid(), geteuid(), geteuid()) == -1))
		die_errno(QUEUE_TEMPORARY, "cannot take the identity of the queue");
	in->facts = facts_unknown;
	in->is_ours = is_believed(caller, is_set_id) && getenv(facts_variables[0]) != NULL;
	facts_from_environment(&in->facts, in->is_ours);
	if (!in->is_ours && (!is_set_id || !passwd_is_account("ppsmtp", caller)))
		in->facts.origin = ORIGIN_LOCAL;
	in->facts.uid = caller;
}

/* A user hands over more than descriptors. */
void
intake_prepare_process(void)
{
	umask(077);			/* with another one the runner might not be able to read the file */
	sig_altignore(SIGPIPE);		/* dying of it after the commit would mean two copies */
	sig_altignore(SIGXFSZ);		/* a limit on files is an error of write(), and leaves no draft */
	sig_restore(SIGALRM);
	sig_blocknone();
	alarm(INTAKE_SECONDS);
}

/* smtp-recv and sendmail have applied the limit themselves, with better words. */
static void
read_size_limit(struct intake *in)
{
	struct conf *c;

	if (in->is_ours)
		return;
	c = conf_read(place_conf(), NULL, 0);
	if (c != NULL && c->nerrors == 0)
		in->size_max = c->max_message_size;
	if (c != NULL)
		conf_free(c);
}

void
intake_open_draft(struct intake *in)
{
	const char *missing = "";
	const char *spool = place_spool();

	if (!place_become_queue_owner(spool))
		die_errno(QUEUE_NO_SPOOL, "%s (queue-init makes it)", spool);
	if (!queue_open(&in->queue, spool, 1U << QUEUE_TMP | 1U << QUEUE_NEW, &missing))
		die_errno(QUEUE_NO_SPOOL, "%s/%s (queue-init makes it)", spool, missing);
	if (!queue_draft_create(&in->draft, &in->queue))
		die_errno(QUEUE_NO_DRAFT, "%s/tmp", spool);
	read_size_limit(in);
}

/* Takes the draft away and ends the program. */
static _Noreturn void
give_up(struct intake *in, enum queue_exit status, const char *what)
{
	int e = errno;

	queue_draft_abort(&in->draft);
	errno = e;
	if (e == 0)
		die(status, "%s", what);
	die_errno(status, "%s", what);
}

/* Refuses the message for good, with our own words where the caller listens for them. */
static _Noreturn void
refuse(struct intake *in, const char *words)
{
	struct stat st;

	queue_draft_abort(&in->draft);
	if (fstat(REPORT_FD, &st) == 0 && S_ISFIFO(st.st_mode) && dprintf(REPORT_FD, "D%s", words) > 0)
		die(QUEUE_CUSTOM, "%s", words);
	die(QUEUE_REFUSED, "%s", words);
}

static void
write_text(struct intake *in, const char *s, size_t len)
{
	if (in->draft.size + len > in->size_max && !in->is_ours) {
		errno = 0;
		refuse(in, "5.3.4 the message is larger than this host accepts");
	}
	if (!queue_draft_write(&in->draft, s, len))
		give_up(in, QUEUE_WRITE_ERROR, "cannot write the message");
	message_hops_feed(&in->hops, s, len);
}

/* smtp-recv has written the trace line of the session, and a notice has none.
 * Whatever else is local begins here. */
static bool
has_trace(const struct intake *in)
{
	return in->is_ours && (in->facts.origin != ORIGIN_LOCAL || *in->facts.helo != '\0');
}

void
intake_confine(struct intake *in)
{
	char trigger[PATH_MAX];
	const struct confine_place places[] = {
		{ .fd = in->queue.place[QUEUE_TMP], .rights = CONFINE_MAKE },
		{ .fd = in->queue.place[QUEUE_NEW], .rights = CONFINE_MAKE },
		{ .path = trigger, .rights = CONFINE_WRITE },
	};

	if (!has_trace(in)) {		/* what the trace line needs of /etc */
		conf_server_name(in->host, sizeof in->host);
		tzset();
	}
	stats_open("queue");
	/* Where it does not fit, the runner is not woken, and looks by itself. */
	snprintf(trigger, sizeof trigger, "%s/trigger", in->queue.path);
	if (!confine(CONFINE_EVERY_CALL, places, sizeof places / sizeof places[0]))
		give_up(in, QUEUE_TEMPORARY, "cannot give up what is not needed");
}

/* The trace line that qmail-queue would write. */
static void
write_trace(struct intake *in)
{
	stralloc line = STRALLOC_ZERO;
	char who[64];

	if (has_trace(in))
		return;
	snprintf(who, sizeof who, "%lu", (unsigned long)in->facts.uid);
	if (!stralloc_cats(&line, "Received: by ") ||
	    !stralloc_cats(&line, in->host) ||
	    !stralloc_cats(&line, " (pipepost, invoked by uid ") || !stralloc_cats(&line, who) ||
	    !stralloc_cats(&line, ")\n\tid ") || !stralloc_cats(&line, in->draft.id) ||
	    !stralloc_cats(&line, "; ") || !message_append_date(&line, (int64_t)time(NULL)) ||
	    !stralloc_append(&line, '\n'))
		give_up(in, QUEUE_NO_MEMORY, "trace line");
	write_text(in, line.s, line.len);
	stralloc_free(&line);
}

void
intake_copy_message(struct intake *in)
{
	char block[INTAKE_BLOCK];
	ssize_t n;

	write_trace(in);
	for (;;) {
		n = read(0, block, sizeof block);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			give_up(in, QUEUE_READ_ERROR, "cannot read the message");
		if (n == 0)
			break;
		write_text(in, block, (size_t)n);
	}
	errno = 0;
	if (in->hops.hops > MESSAGE_HOPS_MAX)
		refuse(in, "5.4.6 too many hops: the message is in a loop");
}

static enum queue_exit
envelope_failure(int e)
{
	switch (e) {
	case EMSGSIZE:
		return QUEUE_ADDRESS_TOO_LONG;
	case ENOMEM:
		return QUEUE_NO_MEMORY;
	case ENODATA:
		return QUEUE_READ_ERROR;
	default:
		return QUEUE_BAD_ENVELOPE;
	}
}

/* Reads fd 1 to its end. */
static void
slurp_envelope(struct intake *in)
{
	stralloc *text = &in->envelope_text;
	ssize_t n;

	do {
		if (text->len > ENVELOPE_SIZE_MAX) {
			errno = E2BIG;
			give_up(in, QUEUE_BAD_ENVELOPE, "the envelope");
		}
		if (!stralloc_readyplus(text, 4096))
			give_up(in, QUEUE_NO_MEMORY, "the envelope");
		n = read(1, text->s + text->len, text->a - text->len);
		if (n == -1 && errno != EINTR)
			give_up(in, QUEUE_READ_ERROR, "cannot read the envelope");
		if (n > 0)
			text->len += (size_t)n;
	} while (n != 0);
}

void
intake_read_envelope(struct intake *in)
{
	size_t used;

	slurp_envelope(in);
	if (in->envelope_text.len == 0) {
		/* The caller has changed its mind, as when a client vanishes in the middle: nothing to complain of. */
		queue_draft_abort(&in->draft);
		exit(QUEUE_READ_ERROR);
	}
	if (!envelope_parse(&in->envelope, &used, in->envelope_text.s, in->envelope_text.len))
		give_up(in, envelope_failure(errno), "the envelope");
	if (used != in->envelope_text.len) {
		errno = EPROTO;
		give_up(in, QUEUE_BAD_ENVELOPE, "something stands behind the envelope");
	}
}

void
intake_commit(struct intake *in)
{
	size_t n = genalloc_len(struct envelope_recipient, &in->envelope.recipients);

	if (!queue_draft_commit(&in->draft, &in->envelope_text, n, &in->facts))
		die_errno(QUEUE_WRITE_ERROR, "cannot commit the message");
}

/* Whether our caller has told that it listens on fd 6, and was told the id. */
static bool
tell_caller(const struct intake *in)
{
	const char *wish = getenv("PIPEPOST_REPORT_FD");
	struct stat st;

	return wish != NULL && strcmp(wish, "6") == 0 && fstat(REPORT_FD, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    dprintf(REPORT_FD, "K%s", in->draft.id) > 0;
}

/* After the commit, so that nothing is counted that is not there. */
static void
count(const struct intake *in)
{
	bool is_remote = in->facts.origin == ORIGIN_SMTP || in->facts.origin == ORIGIN_UNKNOWN;

	stats_add(STATS_QUEUE_MESSAGES, 1);
	stats_add(is_remote ? STATS_QUEUE_INSERTS_REMOTE : STATS_QUEUE_INSERTS_LOCAL,
	    genalloc_len(struct envelope_recipient, &in->envelope.recipients));
}

void
intake_report(struct intake *in)
{
	count(in);
	queue_pull_trigger(&in->queue);		/* best effort: a lost trigger costs delay, not mail */
	if (!tell_caller(in))
		log_line("%s: from=<%s>, size=%llu, nrcpts=%zu, proto=queue, relay=uid %lu", in->draft.id,
		    in->envelope.reverse_path, (unsigned long long)in->draft.size,
		    genalloc_len(struct envelope_recipient, &in->envelope.recipients),
		    (unsigned long)in->facts.uid);
}
