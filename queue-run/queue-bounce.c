/* queue-bounce: tells a sender what became of a message.
 *
 * Reads one request (lib/notice.h) and the original text from fd 0, makes a
 * notice and hands it to queue-inject. Exit 0 promises that the notice is queued
 * durably, or that nobody wants it; EX_DATAERR that it can never be (there is
 * nobody to notify); EX_USAGE that the request is wrong; EX_TEMPFAIL, like
 * anything else, that it may be tried again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/die.h"
#include "lib/inject.h"
#include "lib/log.h"
#include "lib/notice.h"
#include "queue-run/bounce_report.h"
#include "queue-run/bounce_text.h"

enum { UNIQUE_LENGTH = 20, BLOCK = 65536 };

struct bounce {
	stralloc request;		/* fields, and the beginning of the text behind them */
	size_t size_max;		/* octets of it that are kept */
	struct notice notice;
	const char *text;
	size_t text_len;
	char host[256];
	stralloc message;
	struct inject_result result;
};
#define BOUNCE_ZERO { .request = STRALLOC_ZERO, .size_max = NOTICE_SIZE_MAX, .notice = NOTICE_ZERO, \
	.message = STRALLOC_ZERO }

static size_t
read_block(char *block, size_t size)
{
	ssize_t n;

	do
		n = read(0, block, size);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		die_errno(EX_TEMPFAIL, "cannot read the request");
	return (size_t)n;
}

/* Whether the closing empty field is there: an octet further on, the text begins. */
static bool
find_text(struct bounce *b, size_t from)
{
	const char *end = memmem(b->request.s + from, b->request.len - from, "\0", 2);

	if (end == NULL)
		return false;
	b->size_max = (size_t)(end - b->request.s) + 2 + NOTICE_TEXT_MAX;
	return true;
}

/* To the end of file, also where no more text is wanted: the caller should not
 * die of a pipe that nobody reads. */
static void
read_request(struct bounce *b)
{
	char block[BLOCK];
	bool has_text = false;
	size_t n;

	while ((n = read_block(block, sizeof block)) > 0) {
		size_t before = b->request.len;

		if (b->request.len >= b->size_max)
			continue;
		if (!stralloc_catb(&b->request, block, n))
			die_errno(EX_TEMPFAIL, "the request");
		has_text = has_text || find_text(b, before == 0 ? 0 : before - 1);
	}
}

static void
decode_request(struct bounce *b)
{
	struct notice_recipient *r;
	size_t used;

	if (!notice_decode(&b->notice, &used, b->request.s, b->request.len))
		die_errno(errno == ENOMEM ? EX_TEMPFAIL : EX_USAGE, "the request");
	r = genalloc_s(struct notice_recipient, &b->notice.recipients);
	for (size_t i = 0; i < genalloc_len(struct notice_recipient, &b->notice.recipients); i++) {
		bounce_hide_directories((char *)(uintptr_t)r[i].reason);	/* in b->request */
		bounce_split_reply(&r[i]);
	}
	b->text = b->request.s + used;
	b->text_len = b->request.len - used;
	if (b->text_len > NOTICE_TEXT_MAX)
		b->text_len = NOTICE_TEXT_MAX;
	if (*b->notice.host == '\0' && gethostname(b->host, sizeof b->host - 1) == 0)
		b->notice.host = b->host;
	if (!address_is_domain(b->notice.host, strlen(b->notice.host)))
		b->notice.host = "localhost";
}

/* Nobody is notified of what happened to a notice, but the postmaster, once. */
static void
require_addressee(const struct bounce *b)
{
	const char *path = b->notice.reverse_path;

	if (strcmp(path, NOTICE_DOUBLE_PATH) == 0 || (*path == '\0' && b->notice.kind != NOTICE_DOUBLE))
		die(EX_DATAERR, "%s: the reverse-path <%s> takes no notice", b->notice.id, path);
}

/* Keeps the recipients about whom the sender wants to hear. */
static void
drop_unwanted(struct bounce *b)
{
	genalloc *all = &b->notice.recipients;
	struct notice_recipient *r = genalloc_s(struct notice_recipient, all);
	size_t kept = 0;

	for (size_t i = 0; i < genalloc_len(struct notice_recipient, all); i++)
		if (notice_is_wanted(b->notice.kind, r[i].notify))
			r[kept++] = r[i];
	genalloc_setlen(struct notice_recipient, all, kept);
	if (kept == 0)
		exit(0);
}

static void
write_message(struct bounce *b)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	char unique[UNIQUE_LENGTH + 1];

	if (getrandom(unique, UNIQUE_LENGTH, 0) != UNIQUE_LENGTH)
		die_errno(EX_TEMPFAIL, "getrandom");
	for (size_t i = 0; i < UNIQUE_LENGTH; i++)
		unique[i] = digits[(unsigned char)unique[i] % (sizeof digits - 1)];
	unique[UNIQUE_LENGTH] = '\0';
	if (!bounce_report_append(&b->message, &b->notice, b->text, b->text_len, unique, (int64_t)time(NULL)))
		die_errno(EX_TEMPFAIL, "the notice");
}

static void
append_envelope(const struct bounce *b, stralloc *to)
{
	stralloc addressee = STRALLOC_ZERO;

	if (!bounce_report_append_addressee(&addressee, &b->notice) || !stralloc_0(&addressee) ||
	    !envelope_begin(to, b->notice.kind == NOTICE_DOUBLE ? NOTICE_DOUBLE_PATH : "") ||
	    !envelope_add_recipient(to, addressee.s, "", "") || !envelope_end(to))
		die_errno(EX_TEMPFAIL, "the envelope");
	stralloc_free(&addressee);
}

static void
inject(struct bounce *b)
{
	struct facts f = facts_unknown;
	stralloc envelope = STRALLOC_ZERO;
	struct injection i;

	append_envelope(b, &envelope);
	f.origin = ORIGIN_NOTICE;
	f.uid = getuid();
	/* Only the header needs SMTPUTF8: parts are 8-bit text, whatever their type. */
	f.is_smtputf8 = address_is_international(b->notice.reverse_path, strlen(b->notice.reverse_path));
	f.body = address_is_international(b->message.s, b->message.len) ? "8BITMIME" : "";
	inject_start(&i, &f);		/* if that fails, inject_finish says so */
	if (!inject_write(&i, b->message.s, b->message.len)) {
		inject_abort(&i);
		die(EX_TEMPFAIL, "queue-inject hangs");
	}
	inject_finish(&i, &envelope, &b->result);
	stralloc_free(&envelope);
}

static int
report(const struct bounce *b)
{
	const struct inject_result *r = &b->result;

	if (r->status != QUEUE_OK) {
		complain("%s: no notice queued: %s %s", b->notice.id, r->enhanced, r->text);
		return r->is_permanent ? EX_DATAERR : EX_TEMPFAIL;
	}
	log_line("%s: notice=%s, to=<%s>, nrcpts=%zu", b->notice.id, r->id[0] == '\0' ? "-" : r->id,
	    b->notice.kind == NOTICE_DOUBLE ? "postmaster" : b->notice.reverse_path,
	    genalloc_len(struct notice_recipient, &b->notice.recipients));
	return 0;
}

int
main(int argc, const char *const *argv)
{
	struct bounce b = BOUNCE_ZERO;

	PROG = "queue-bounce";
	(void)argv;
	log_open(PROG);
	if (argc != 1)
		die(EX_USAGE, "takes no arguments: the request comes on fd 0 (queue-bounce(8))");
	read_request(&b);
	decode_request(&b);
	require_addressee(&b);
	drop_unwanted(&b);
	write_message(&b);
	inject(&b);		/* from here on the notice is queued */
	return report(&b);
}
