/* byhand: see byhand.h.
 *
 * A message on a pipe is first copied to a nameless file, since it may have to be sent
 * more than once. */
#include "deliver-remote/byhand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "deliver-remote/report.h"
#include "deliver-remote/serve.h"

/* Copies what fd 0 gives to the file. */
static bool
copy_input(int to, uint64_t *size)
{
	char piece[TEXT_PIECE];

	for (;;) {
		ssize_t n = read(0, piece, sizeof piece);

		if (n == 0)
			return true;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || allwrite(to, piece, (size_t)n) < (size_t)n)
			return false;
		*size += (uint64_t)n;
	}
}

/* Makes fd 0 a text: where it is a file, what of it is unread. */
static bool
take_text(struct text *t)
{
	struct stat st;
	uint64_t size = 0;
	off_t start;
	FILE *f;

	if (fstat(0, &st) == 0 && S_ISREG(st.st_mode)) {
		start = lseek(0, 0, SEEK_CUR);
		if (start == -1)
			return false;
		return text_begin(t, 0, start, st.st_size > start ? (uint64_t)(st.st_size - start) : 0);
	}
	f = tmpfile();	/* stays open as long as we live */
	return f != NULL && copy_input(fileno(f), &size) && text_begin(t, fileno(f), 0, size);
}

static bool
add_recipients(struct job *j, const char *const *recipients, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct job_recipient r = {
			.original = recipients[i], .address = recipients[i], .notify = "", .orcpt = "",
		};

		if (!genalloc_append(struct job_recipient, &j->recipients, &r))
			return false;
	}
	return true;
}

/* Does it, and appends the report. Fails with ENOMEM. */
static bool
deliver(stralloc *report, struct session *s, struct delivery *d, const struct job *j)
{
	struct text text;

	if (!take_text(&text))
		return report_append_alone(report, 'Z', "4.3.0 Unable to read the message");
	if (!delivery_begin(d, j, &text))
		return false;
	tain_now_g();
	tain_addsec_g(&d->deadline, j->deadline_seconds != 0 ? (int)j->deadline_seconds : SERVE_JOB_SECONDS);
	session_deliver(s, d);
	session_close(s);
	return report_append(report, d->o, d->n);
}

int
byhand_deliver(struct session *s, struct job *j, const char *const *recipients, size_t n)
{
	static const char no_memory[] = "Z4.3.0 out of memory\n";
	struct delivery d = DELIVERY_ZERO;
	stralloc report = STRALLOC_ZERO;
	bool is_written;

	if (add_recipients(j, recipients, n) && deliver(&report, s, &d, j))
		is_written = allwrite(1, report.s, report.len) == report.len;
	else
		is_written = allwrite(1, no_memory, sizeof no_memory) == sizeof no_memory;
	delivery_free(&d);
	stralloc_free(&report);
	return is_written ? 0 : EX_TEMPFAIL;
}
