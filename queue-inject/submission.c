/* submission: see submission.h.
 *
 * The header is held in memory (MESSAGE_HEADER_MAX), the body is passed on as
 * it comes. queue-inject sees the envelope only after the whole text, so a
 * caller that dies in the middle leaves nothing behind. The exit code is 0 only
 * when the message is on disk. */
#include "queue-inject/submission.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/conf.h"
#include "lib/die.h"
#include "lib/log.h"
#include "lib/message.h"
#include "lib/place.h"

static _Noreturn void
die_memory(void)
{
	errno = ENOMEM;
	die_errno(EX_TEMPFAIL, "nothing queued");
}

/* ---- who ---- */

/* The full name of an account: gecos up to the first comma, '&' being the login
 * name with a capital. */
static void
expand_gecos(char *to, size_t size, const char *gecos, const char *login)
{
	size_t n = 0;

	for (; *gecos != '\0' && *gecos != ',' && n + 1 < size; gecos++) {
		if (*gecos != '&') {
			to[n++] = *gecos;
			continue;
		}
		for (const char *l = login; *l != '\0' && n + 1 < size; l++)
			to[n++] = l == login ? (char)toupper((unsigned char)*l) : *l;
	}
	to[n] = '\0';
}

/* The account of the caller's uid. Where several share it, $USER or $LOGNAME tells which;
 * what they say of other accounts is not believed. */
static const struct passwd *
find_account(uid_t uid)
{
	static const char *const variables[] = { "USER", "LOGNAME" };
	const struct passwd *pw;

	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		const char *name = getenv(variables[i]);

		pw = name != NULL ? getpwnam(name) : NULL;
		if (pw != NULL && pw->pw_uid == uid)
			return pw;
	}
	return getpwuid(uid);
}

static void
find_caller(struct submission *s)
{
	const struct passwd *pw = find_account(getuid());
	const char *name = getenv("NAME");

	if (pw != NULL) {
		snprintf(s->user, sizeof s->user, "%s", pw->pw_name);
		expand_gecos(s->full_name, sizeof s->full_name, pw->pw_gecos == NULL ? "" : pw->pw_gecos, pw->pw_name);
	} else {
		snprintf(s->user, sizeof s->user, "uid%lu", (unsigned long)getuid());
	}
	if (name != NULL && *name != '\0')
		snprintf(s->full_name, sizeof s->full_name, "%s", name);
}

static void
read_size_limit(struct submission *s)
{
	struct conf *c = conf_read(place_conf(), NULL, 0);

	s->size_max = SUBMISSION_SIZE_MAX;
	if (c != NULL && c->nerrors == 0)
		s->size_max = c->max_message_size;
	if (c != NULL)
		conf_free(c);
}

/* Appends the address with its NUL, completed by this host's name. */
static void
append_complete(const struct submission *s, stralloc *to, const char *address)
{
	size_t len = strlen(address);

	if (!stralloc_catb(to, address, len))
		die_memory();
	if (address_find_at(address, len) == len && (!stralloc_cats(to, "@") || !stralloc_cats(to, s->host)))
		die_memory();
	if (!stralloc_0(to))
		die_memory();
}

/* -f takes what a header would: an address, one in brackets, or nothing. */
static void
take_reverse_path(struct submission *s, const char *wish)
{
	stralloc list = STRALLOC_ZERO;
	bool is_clean;

	if (*wish == '\0' || strcmp(wish, "<>") == 0) {
		if (!stralloc_0(&s->reverse_path))
			die_memory();
		return;
	}
	if (!address_list_append(&list, &is_clean, wish, strlen(wish)))
		die_memory();
	if (!is_clean || list.len == 0 || strlen(list.s) + 1 != list.len)
		die(EX_DATAERR, "-f %s: that is not one address", wish);
	append_complete(s, &s->reverse_path, list.s);
	if (!address_is_mailbox(s->reverse_path.s, s->reverse_path.len - 1))
		die(EX_DATAERR, "-f %s: that is not an address", wish);
	stralloc_free(&list);
}

void
submission_identify(struct submission *s, const struct sendmail_options *o)
{
	s->options = o;
	if (fcntl(0, F_GETFD) == -1)
		die(EX_NOINPUT, "there is no message: fd 0 is closed");
	conf_server_name(s->host, sizeof s->host);
	find_caller(s);
	if (o->full_name != NULL)
		snprintf(s->full_name, sizeof s->full_name, "%s", o->full_name);
	take_reverse_path(s, o->reverse_path == NULL ? s->user : o->reverse_path);
	read_size_limit(s);
}

/* ---- to whom ---- */

/* The first recipient that is no address, or NULL. list holds addresses, each with its NUL. */
static const char *
take_recipients(struct submission *s, const stralloc *list)
{
	for (size_t i = 0; i < list->len; i += strlen(list->s + i) + 1) {
		size_t before = s->recipients.len;

		append_complete(s, &s->recipients, list->s + i);
		if (!address_is_mailbox(s->recipients.s + before, s->recipients.len - before - 1)) {
			s->recipients.len = before;
			return list->s + i;
		}
	}
	return NULL;
}

void
submission_take_arguments(struct submission *s)
{
	stralloc list = STRALLOC_ZERO;
	bool is_clean;

	for (const char *const *a = s->options->arguments; *a != NULL; a++) {
		list.len = 0;
		if (!address_list_append(&list, &is_clean, *a, strlen(*a)))
			die_memory();
		if (!is_clean || take_recipients(s, &list) != NULL)
			die(EX_DATAERR, "%s: that is not an address", *a);
	}
	stralloc_free(&list);
	if (s->recipients.len == 0 && !s->options->takes_header_recipients)
		die(EX_USAGE, "no recipients (sendmail ADDRESS ..., or -t to take them from the header)");
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
keep_node(void *node)
{
	(void)node;	/* the strings belong to the list that is being thinned */
}

/* Keeps the first of equal recipients. */
static void
drop_duplicates(struct submission *s)
{
	stralloc unique = STRALLOC_ZERO;
	void *tree = NULL;

	if (!stralloc_ready(&unique, s->recipients.len))
		die_memory();	/* enough for all: the strings do not move while the tree points to them */
	for (size_t i = 0; i < s->recipients.len; i += strlen(s->recipients.s + i) + 1) {
		const char *address = s->recipients.s + i;

		if (tfind(address, &tree, compare) != NULL)
			continue;
		if (!stralloc_catb(&unique, address, strlen(address) + 1))
			die_memory();
		if (tsearch(unique.s + unique.len - strlen(address) - 1, &tree, compare) == NULL)
			die_memory();
		s->nrecipients++;
	}
	tdestroy(tree, keep_node);
	stralloc_free(&s->recipients);
	s->recipients = unique;
}

void
submission_take_header_recipients(struct submission *s)
{
	stralloc list = STRALLOC_ZERO;
	const char *bad = NULL;
	bool is_clean = true;

	if (s->options->takes_header_recipients) {
		if (!sendmail_append_recipients(&list, &is_clean, s->text.s, &s->span))
			die_memory();
		bad = take_recipients(s, &list);
	}
	if (bad != NULL)
		die(EX_DATAERR, "%s: that is not an address", bad);
	if (s->recipients.len == 0)
		die(EX_DATAERR, "no recipients in the header");
	if (!is_clean)
		complain("a recipient in the header is not an address; the others are used");
	stralloc_free(&list);
	drop_duplicates(s);
	if (s->nrecipients > ENVELOPE_RECIPIENTS_MAX)
		die(EX_DATAERR, "more than %d recipients", ENVELOPE_RECIPIENTS_MAX);
}

/* ---- the text ---- */

/* Appends the next piece of fd 0, cleaned, to s->text. False: that failed. */
static bool
read_piece(struct submission *s)
{
	char block[SUBMISSION_BLOCK];
	ssize_t n;

	do
		n = read(0, block, sizeof block);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return false;
	s->is_end = n == 0;
	if (!sendmail_clean(&s->cleaner, &s->text, block, (size_t)n, s->is_end))
		die_memory();
	return true;
}

void
submission_read_header(struct submission *s)
{
	do {
		if (!read_piece(s))
			die_errno(EX_NOINPUT, "cannot read the message");
		if (sendmail_find_header(&s->span, s->text.s, s->text.len, s->is_end))
			return;
	} while (s->text.len <= MESSAGE_HEADER_MAX);
	/* One endless line that is no field is a body; anything else is a header without end. */
	sendmail_find_header(&s->span, s->text.s, s->text.len, true);
	if (s->span.end == s->text.len || s->span.end > MESSAGE_HEADER_MAX)
		die(EX_DATAERR, "the header is larger than %d octets", MESSAGE_HEADER_MAX);
}

/* RFC 3461 4: "+" and "=" and blanks as +XX. */
static void
append_xtext(stralloc *to, const char *s)
{
	char hex[4];

	for (; *s != '\0'; s++) {
		bool is_plain = *s > ' ' && *s != '+' && *s != '=';

		snprintf(hex, sizeof hex, "+%02X", (unsigned char)*s);
		if (!(is_plain ? stralloc_append(to, *s) : stralloc_cats(to, hex)))
			die_memory();
	}
}

static bool
is_international(const struct submission *s)
{
	return address_is_international(s->reverse_path.s, s->reverse_path.len) ||
	    address_is_international(s->recipients.s, s->recipients.len);
}

static void
start_program(const struct submission *s, struct injection *i)
{
	stralloc envid = STRALLOC_ZERO;
	struct facts f = facts_unknown;

	if (s->options->envid != NULL)
		append_xtext(&envid, s->options->envid);
	if (!stralloc_0(&envid))
		die_memory();
	f.origin = ORIGIN_LOCAL;
	f.uid = getuid();
	f.body = s->options->body;
	f.ret = s->options->ret;
	f.envid = envid.s;
	f.is_smtputf8 = is_international(s);
	if (!inject_start(i, &f) && errno != ENOENT)
		complain("queue-inject: %s", strerror(errno));	/* what follows from it, inject_finish tells */
	stralloc_free(&envid);
}

static _Noreturn void
give_up(struct injection *i, int status, const char *words)
{
	int e = errno;

	inject_abort(i);
	errno = e;
	if (e != 0)
		die_errno(status, "%s", words);
	die(status, "%s", words);
}

static void
send_text(struct submission *s, struct injection *i, const char *text, size_t len)
{
	s->size += len;
	if (s->size > s->size_max) {
		errno = 0;
		give_up(i, EX_DATAERR, "the message is larger than this host accepts (max-message-size)");
	}
	if (!inject_write(i, text, len))
		give_up(i, EX_TEMPFAIL, "queue-inject hangs");
}

static void
send_header(struct submission *s, struct injection *i)
{
	char from[512];
	const struct sendmail_origin origin = {
		.host = s->host, .full_name = s->full_name,
		.from = s->reverse_path.len > 1 ? s->reverse_path.s : from, .now = (int64_t)time(NULL),
	};
	stralloc header = STRALLOC_ZERO;

	snprintf(from, sizeof from, "%s@%s", s->user, s->host);
	if (!sendmail_append_header(&header, s->text.s, &s->span, &origin))
		give_up(i, EX_TEMPFAIL, "cannot write the header");
	send_text(s, i, header.s, header.len);
	stralloc_free(&header);
}

static void
send_body(struct submission *s, struct injection *i)
{
	send_text(s, i, s->text.s + s->span.body, s->text.len - s->span.body);
	while (!s->is_end) {	/* in any case: our caller should see an exit code, not SIGPIPE */
		s->text.len = 0;
		if (!read_piece(s))
			give_up(i, EX_NOINPUT, "cannot read the message");
		send_text(s, i, s->text.s, s->text.len);
	}
}

void
submission_inject(struct submission *s)
{
	stralloc envelope = STRALLOC_ZERO;
	struct injection i;

	if (!envelope_begin(&envelope, s->reverse_path.s))
		die_memory();
	for (size_t n = 0; n < s->recipients.len; n += strlen(s->recipients.s + n) + 1)
		if (!envelope_add_recipient(&envelope, s->recipients.s + n, s->options->notify, ""))
			die_memory();
	if (!envelope_end(&envelope))
		die_memory();
	start_program(s, &i);
	send_header(s, &i);
	send_body(s, &i);
	inject_finish(&i, &envelope, &s->result);
	stralloc_free(&envelope);
}

/* ---- the outcome ---- */

int
submission_report(const struct submission *s)
{
	const struct inject_result *r = &s->result;

	if (r->status != QUEUE_OK) {
		complain("nothing queued: %s %s", r->enhanced, r->text);
		return r->is_permanent ? EX_DATAERR : EX_TEMPFAIL;
	}
	log_line("%s: from=<%s>, size=%llu, nrcpts=%zu, proto=local, relay=%s@localhost",
	    r->id[0] == '\0' ? "-" : r->id, s->reverse_path.s, (unsigned long long)s->size, s->nrecipients, s->user);
	if (s->options->is_verbose) {
		complain("from=<%s>", s->reverse_path.s);
		for (size_t n = 0; n < s->recipients.len; n += strlen(s->recipients.s + n) + 1)
			complain("to=<%s>", s->recipients.s + n);
		complain("%llu octets queued as %s", (unsigned long long)s->size, r->id[0] == '\0' ? "-" : r->id);
	}
	return 0;
}
