/* byhand: see byhand.h. */
#include "deliver-local/byhand.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "deliver-local/deliver.h"
#include "lib/printable.h"

/* Copies a string into memory, which must not move any more: room was made for all of them. */
static const char *
keep(stralloc *memory, const char *s)
{
	size_t at = memory->len;

	stralloc_catb(memory, s, strlen(s) + 1);
	return memory->s + at;
}

/* user@host, for a job that names no recipient. */
static bool
add_recipient(struct job *j, stralloc *memory)
{
	struct job_recipient r = { .original = "", .notify = "", .orcpt = "" };
	char name[HOST_NAME_MAX + 1] = "";

	if (gethostname(name, sizeof name - 1) == -1 || name[0] == '\0')
		snprintf(name, sizeof name, "localhost");
	r.address = memory->s + memory->len;
	stralloc_cats(memory, j->user);
	stralloc_cats(memory, "@");
	stralloc_cats(memory, name);
	stralloc_0(memory);
	return genalloc_append(struct job_recipient, &j->recipients, &r);
}

bool
byhand_complete(struct job *j, stralloc *memory)
{
	const struct passwd *account = NULL;
	size_t room = 512;

	errno = 0;
	if (j->user == NULL || j->home == NULL) {
		account = j->user == NULL ? getpwuid(geteuid()) : getpwnam(j->user);
		if (account == NULL) {
			errno = errno == 0 ? ENOENT : errno;
			return false;
		}
		room += strlen(account->pw_name) + strlen(account->pw_dir);
	}
	if (!stralloc_ready(memory, room + (j->user != NULL ? strlen(j->user) : strlen(account->pw_name))))
		return false;
	if (j->user == NULL)
		j->user = keep(memory, account->pw_name);
	if (j->home == NULL)
		j->home = keep(memory, account->pw_dir);
	return genalloc_len(struct job_recipient, &j->recipients) > 0 || add_recipient(j, memory);
}

/* ---- the verdicts ---- */

static const char *
word(enum verdict v)
{
	switch (v) {
	case VERDICT_DELIVERED:
		return "delivered";
	case VERDICT_FAILED:
		return "failed";
	case VERDICT_EXPANDED:
		return "expanded";
	default:
		return "deferred";
	}
}

/* "delivered: 2.0.0 words", or "expanded:" and the nodes, each on a line of its own behind a tab. */
static void
print(const struct outcome *o)
{
	stralloc line = STRALLOC_ZERO;
	const char *s = o->reason, *separator = o->verdict == VERDICT_EXPANDED ? "\n\t" : " ";
	bool is_done = stralloc_cats(&line, word(o->verdict)) && stralloc_cats(&line, ":");

	while (is_done && *s != '\0') {
		size_t len = strcspn(s, "\n");

		is_done = stralloc_cats(&line, separator) && printable_append(&line, s, len);
		s += len + (s[len] == '\n');
	}
	if (is_done && stralloc_catb(&line, "\n", 1))
		(void)!allwrite(1, line.s, line.len);
	stralloc_free(&line);
}

static int
exit_status(const struct outcome *o)
{
	switch (o->verdict) {
	case VERDICT_DELIVERED:
	case VERDICT_EXPANDED:
		return 0;
	case VERDICT_FAILED:
		return strncmp(o->reason, "5.1.1", 5) == 0 ? EX_NOUSER :
		    strncmp(o->reason, "5.1.2", 5) == 0 ? EX_NOHOST : EX_DATAERR;
	default:
		return EX_TEMPFAIL;
	}
}

/* One status for all: a deferral outweighs a failure, for the caller must come again. */
static int
report(const struct outcome *o, size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n; i++) {
		int one = exit_status(&o[i]);

		print(&o[i]);
		if (status != EX_TEMPFAIL && one != 0)
			status = one;
	}
	return status;
}

static int
deliver(struct outcome *o, size_t n, const struct job *j)
{
	struct maildir maildir = MAILDIR_ZERO;
	struct text text = TEXT_ZERO;
	struct stream in;
	tain deadline;
	bool is_whole;

	stream_begin(&in, 0);
	stream_deadline(&deadline, j->deadline_seconds, NULL);
	text_begin(&text, &in, TEXT_TO_END, &deadline);
	is_whole = deliver_job(o, j, &maildir, &text);
	maildir_sync(&maildir);
	maildir_sweep(&maildir);
	maildir_close(&maildir);
	if (!is_whole) {
		outcome_set(o, VERDICT_DEFERRED, "4.3.0 The message broke off: %s", strerror(text.error));
		outcome_copy(o, n, o);
	}
	stralloc_free(&maildir.path);
	text_free(&text);
	return report(o, n);
}

int
byhand_deliver(const struct job *j)
{
	size_t n = genalloc_len(struct job_recipient, &j->recipients);
	genalloc outcomes = GENALLOC_ZERO;
	int status = EX_TEMPFAIL;

	if (genalloc_ready(struct outcome, &outcomes, n))
		status = deliver(genalloc_s(struct outcome, &outcomes), n, j);
	genalloc_free(struct outcome, &outcomes);
	return status;
}
