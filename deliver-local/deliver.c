/* deliver: see deliver.h.
 *
 * Every job goes the same way: never as root; the header is looked at for a
 * loop; .forward, where asked for, is reported instead of a delivery; then the
 * action. What is not foreseen here is a deferral. */
#include "deliver-local/deliver.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "deliver-local/command.h"
#include "deliver-local/file.h"
#include "deliver-local/format.h"
#include "deliver-local/forward.h"
#include "deliver-local/lmtp.h"
#include "deliver-local/mbox.h"

#define SYSTEM_MAILBOXES "/var/mail/"

enum { DRAIN_SECONDS = 60 };	/* for the rest of a text that nobody wants any more */

static const struct {
	const char *name;
	enum job_action action;
} actions[] = {
	{ "maildir", JOB_MAILDIR }, { "mbox", JOB_MBOX }, { "mda", JOB_MDA }, { "lmtp", JOB_LMTP },
	{ "file", JOB_FILE }, { "pipe", JOB_PIPE }, { "include", JOB_INCLUDE }, { "none", JOB_NONE },
};

bool
deliver_scan_action(enum job_action *action, const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(actions[i].name, name) == 0) {
			*action = actions[i].action;
			return true;
		}
	return false;
}

/* One recipient of a job that is delivered recipient by recipient. */
struct delivery {
	const struct job *job;
	const struct job_recipient *recipient;
	struct maildir *maildir;
	struct text *text;
	struct outcome *o;
};

static size_t
count_recipients(const struct job *j)
{
	return genalloc_len(struct job_recipient, &j->recipients);
}

/* The address in RCPT. */
static const char *
original_address(const struct job_recipient *r)
{
	return r->original[0] != '\0' ? r->original : r->address;
}

/* ---- actions ---- */

static bool
expand(char to[FORMAT_MAX + 1], const struct delivery *d, const char *format, bool is_command)
{
	const struct format_values values = {
		.sender = d->job->reverse_path, .rcpt = original_address(d->recipient), .dest = d->recipient->address,
		.username = d->job->user, .directory = d->job->home, .delimiter = d->job->delimiter,
		.is_command = is_command,
	};
	const char *why;

	if (format_expand(to, &why, &values, format))
		return true;
	outcome_set(d->o, VERDICT_DEFERRED, "4.3.5 %s: %s", format, why);
	return false;
}

static void
to_maildir(const struct delivery *d)
{
	char path[FORMAT_MAX + 1];
	size_t tag_len;
	const char *tag = format_find_tag(&tag_len, d->recipient->address, d->job->delimiter);

	if (expand(path, d, d->job->param[0] != '\0' ? d->job->param : "~/Maildir", false) &&
	    maildir_open(d->maildir, d->o, path, d->job->home, tag, tag_len))
		maildir_deliver(d->maildir, d->o, d->text);
}

/* The mailbox of an account: its name is the administrator's, but it goes into a path. */
static bool
system_mailbox(stralloc *path, const struct delivery *d)
{
	const char *user = d->job->user;

	if (user[0] == '\0' || user[0] == '.' || strchr(user, '/') != NULL) {
		outcome_set(d->o, VERDICT_DEFERRED, "4.3.5 %s: not the name of an account", user);
		return false;
	}
	if (stralloc_cats(path, SYSTEM_MAILBOXES) && stralloc_cats(path, user) && stralloc_0(path))
		return true;
	outcome_set(d->o, VERDICT_DEFERRED, "4.3.0 out of memory");
	return false;
}

/* Where the home of a table row is a file, that is the mailbox. */
static bool
is_home_a_file(const char *path, const char *home)
{
	return file_is_below(path, home) && file_is_regular(home);
}

static void
to_mbox(const struct delivery *d)
{
	char path[FORMAT_MAX + 1];
	stralloc mailbox = STRALLOC_ZERO;

	if (d->job->param[0] == '\0') {
		if (system_mailbox(&mailbox, d))
			mbox_deliver(d->o, mailbox.s, d->job->reverse_path, d->text);
	} else if (expand(path, d, d->job->param, false)) {
		mbox_deliver(d->o, is_home_a_file(path, d->job->home) ? d->job->home : path, d->job->reverse_path,
		    d->text);
	}
	stralloc_free(&mailbox);
}

static void
to_file(const struct delivery *d)
{
	if (strcmp(d->job->param, "/dev/null") == 0)
		outcome_set(d->o, VERDICT_DELIVERED, "2.0.0 Discarded");
	else if (d->job->param[0] != '/')
		outcome_set(d->o, VERDICT_DEFERRED, "4.3.5 %s: not an absolute path", d->job->param);
	else
		mbox_deliver(d->o, d->job->param, d->job->reverse_path, d->text);
}

static void
to_command(const struct delivery *d, const char *command)
{
	stralloc environment = STRALLOC_ZERO;

	if (command_environment(&environment, d->job, d->recipient))
		command_deliver(d->o, d->job, command, &environment, d->text);
	else
		outcome_set(d->o, VERDICT_DEFERRED, "4.3.0 out of memory");
	stralloc_free(&environment);
}

static void
to_mda(const struct delivery *d)
{
	char command[FORMAT_MAX + 1];

	if (expand(command, d, d->job->param, true))
		to_command(d, command);
}

/* No action: the rule delivers by alias and .forward only. */
static void
to_nothing(const struct delivery *d)
{
	const char *reason = d->job->param[0] == '\0' ? "" : d->job->param + 1;

	if (d->job->param[0] == VERDICT_FAILED)
		outcome_set(d->o, VERDICT_FAILED, "%s", reason);
	else
		outcome_set(d->o, VERDICT_DEFERRED, "%s", reason[0] != '\0' ? reason : "4.3.5 No action");
}

static void
act(const struct delivery *d)
{
	switch (d->job->action) {
	case JOB_MAILDIR:
		to_maildir(d);
		break;
	case JOB_MBOX:
		to_mbox(d);
		break;
	case JOB_FILE:
		to_file(d);
		break;
	case JOB_MDA:
		to_mda(d);
		break;
	case JOB_PIPE:
		to_command(d, d->job->param);
		break;
	case JOB_NONE:
		to_nothing(d);
		break;
	default:
		outcome_set(d->o, VERDICT_DEFERRED, "4.3.5 Not an action of deliver-local");
		break;
	}
}

/* ---- before the action ---- */

/* The first message for a user of a table: nobody else would make the home. What
 * is above it must be there, as it would not be on a disk that is not mounted. A
 * failure shows when the home is used. */
static void
make_home(const struct job *j)
{
	size_t len = strlen(j->home);
	char parent[PATH_MAX];
	int fd;

	while (len > 1 && j->home[len - 1] == '/')
		len--;
	while (len > 1 && j->home[len - 1] != '/')
		len--;
	if (j->home[0] != '/' || len >= sizeof parent || access(j->home, F_OK) == 0)
		return;
	memcpy(parent, j->home, len);
	parent[len] = '\0';
	fd = file_make_directory(j->home, parent);
	if (fd != -1)
		close(fd);
}

/* Whether the outcome is settled before anything is delivered: a loop, or what .forward says. */
static bool
is_settled(struct outcome *o, const struct job *j, const struct job_recipient *r, const struct text *t)
{
	if (text_has_passed(t, r->address) || text_has_passed(t, original_address(r))) {
		outcome_set(o, VERDICT_FAILED, "5.4.6 Loop detected");
		return true;
	}
	if (j->makes_home && j->action != JOB_LMTP)
		make_home(j);
	return j->reads_forward && forward_look(o, j->home, geteuid(), j->action == JOB_LMTP);
}

/* Why the text could not be looked at, where it is not broken. */
static void
defer_unread(struct outcome *o)
{
	outcome_set(o, VERDICT_DEFERRED, "4.3.0 %s", strerror(errno));
}

static void
deliver_one(const struct delivery *d)
{
	if (!text_read_header(d->text))
		defer_unread(d->o);
	else if (is_settled(d->o, d->job, d->recipient, d->text))
		return;
	else if (!text_address(d->text, d->job->reverse_path, original_address(d->recipient)))
		defer_unread(d->o);
	else
		act(d);
}

/* Several recipients, one text: it is kept in memory and read once for each. */
static void
deliver_copies(struct outcome *o, const struct job *j, struct maildir *m, struct text *t, int fd)
{
	const struct job_recipient *r = genalloc_s(struct job_recipient, &j->recipients);
	struct stream in;
	struct text copy = TEXT_ZERO;

	for (size_t i = 0; i < count_recipients(j); i++) {
		const struct delivery d = { .job = j, .recipient = &r[i], .maildir = m, .text = &copy, .o = &o[i] };

		if (lseek(fd, 0, SEEK_SET) == -1) {
			defer_unread(&o[i]);
			continue;
		}
		stream_begin(&in, fd);
		text_begin(&copy, &in, TEXT_TO_END, &t->deadline);
		deliver_one(&d);
		if (copy.is_broken)
			outcome_set(&o[i], VERDICT_DEFERRED, "4.3.0 The message's copy could not be read");
	}
	text_free(&copy);
}

static void
deliver_each(struct outcome *o, const struct job *j, struct maildir *m, struct text *t)
{
	const struct delivery only = {
		.job = j, .recipient = genalloc_s(struct job_recipient, &j->recipients), .maildir = m, .text = t,
		.o = o,
	};
	int fd;

	if (count_recipients(j) == 1) {
		deliver_one(&only);
		return;
	}
	fd = memfd_create("message", MFD_CLOEXEC);
	if (fd == -1 || !text_copy(t, fd)) {
		defer_unread(o);
		outcome_copy(o, count_recipients(j), o);
	} else {
		deliver_copies(o, j, m, t, fd);
	}
	if (fd != -1)
		close(fd);
}

/* ---- all recipients at once ---- */

static void
deliver_lmtp(struct outcome *o, const struct job *j, struct text *t)
{
	const struct job_recipient *r = genalloc_s(struct job_recipient, &j->recipients);
	size_t n = count_recipients(j), nopen = 0;
	genalloc open = GENALLOC_ZERO;

	if (!text_read_header(t) || !genalloc_ready(bool, &open, n) ||
	    !text_address(t, j->reverse_path, n == 1 ? original_address(r) : NULL)) {
		errno = errno != 0 ? errno : ENOMEM;
		defer_unread(o);
		outcome_copy(o, n, o);
		genalloc_free(bool, &open);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		genalloc_s(bool, &open)[i] = !is_settled(&o[i], j, &r[i], t);
		nopen += genalloc_s(bool, &open)[i];
	}
	if (nopen > 0)
		lmtp_deliver(o, genalloc_s(bool, &open), j, t);
	genalloc_free(bool, &open);
}

static void
deliver_include(struct outcome *o, const struct job *j)
{
	forward_include(o, j->param);
	outcome_copy(o, count_recipients(j), o);
}

bool
deliver_job(struct outcome *o, const struct job *j, struct maildir *m, struct text *t)
{
	if (geteuid() == 0) {
		outcome_set(o, VERDICT_DEFERRED, "4.3.5 will not deliver as root");
		outcome_copy(o, count_recipients(j), o);
	} else if (j->action == JOB_INCLUDE) {
		deliver_include(o, j);
	} else if (j->action == JOB_LMTP) {
		deliver_lmtp(o, j, t);
	} else {
		deliver_each(o, j, m, t);
	}
	/* A command may have used up the time; what it left of the text is no reason to break off. */
	stream_deadline(&t->deadline, DRAIN_SECONDS, NULL);
	return text_drain(t);
}
