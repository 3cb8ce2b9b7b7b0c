/* request: see request.h.
 *
 * A question that SQLite does not come back from, in one long step of its
 * machine, ends the program with 111: for its caller that is "later". */
#include "sqlite-lookup/request.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "lib/lookup.h"
#include "lib/printable.h"

enum { READ_SIZE = 4096, STUCK_SECONDS = 2 * LOOKUP_SECONDS };

static void
end_stuck(int signal_number)
{
	static const char words[] = "sqlite-lookup: no answer from SQLite in time\n";
	ssize_t ignored = write(2, words, sizeof words - 1);

	(void)signal_number, (void)ignored;
	_exit(LOOKUP_EXIT_LATER);
}

/* Writes one line to fd 2. */
static void
say_line(stralloc *line)
{
	if (stralloc_catb(line, "\n", 1))
		allwrite(2, line->s, line->len);
}

static void
warn_of_twins(struct asker *asker, enum query q)
{
	const struct config *c = asker->database->config;
	stralloc line = STRALLOC_ZERO;
	char number[16];

	if (asker->warned & 1U << q)
		return;
	asker->warned |= 1U << q;
	sqlite3_snprintf(sizeof number, number, ":%u: ", c->queries[q].line);
	if (printable_append(&line, c->path, strlen(c->path)) && stralloc_cats(&line, number) &&
	    stralloc_cats(&line, query_kinds[q].key) &&
	    stralloc_cats(&line, ": more than one row for one key, and they differ: the first is used"))
		say_line(&line);
	stralloc_free(&line);
}

static enum lookup
refuse(struct asker *asker, struct answer *a, const char *service, const char *why)
{
	const char *path = asker->database->config->path;

	a->why.len = 0;
	if (printable_append(&a->why, path, strlen(path)) && stralloc_cats(&a->why, ": ") &&
	    printable_append(&a->why, service, strnlen(service, LOOKUP_RESULT_MAX / 8)))
		stralloc_cats(&a->why, why);
	return LOOKUP_BROKEN;
}

static enum lookup
ask(struct asker *asker, const char *service, const char *const keys[], size_t nkeys, struct answer *a)
{
	enum query q = query_of_service(service);
	enum lookup answer;

	a->values.len = 0;
	a->why.len = 0;
	if (q == QUERY_COUNT)
		return refuse(asker, a, service, ": there is no such service");
	if (!permission_has(asker->permission, q))
		return refuse(asker, a, service, ": only ppauth and root may ask");
	alarm(STUCK_SECONDS);
	answer = database_ask(asker->database, q, keys, nkeys, a);
	alarm(0);
	if (answer == LOOKUP_FOUND && a->has_twins)
		warn_of_twins(asker, q);
	if (answer != LOOKUP_FOUND)
		a->values.len = 0;
	if ((answer == LOOKUP_LATER || answer == LOOKUP_BROKEN) && a->why.len == 0)
		stralloc_cats(&a->why, "out of memory");
	return answer;
}

int
request_answer(struct asker *asker, const char *service, const char *const keys[], size_t nkeys)
{
	struct answer a = ANSWER_ZERO;
	enum lookup answer;

	signal(SIGALRM, end_stuck);
	database_start_clock(asker->database);
	answer = ask(asker, service, keys, nkeys, &a);
	if (answer == LOOKUP_LATER || answer == LOOKUP_BROKEN)
		say_line(&a.why);
	for (size_t i = 0; i < a.values.len; i++)
		if (a.values.s[i] == '\0')
			a.values.s[i] = '\n';
	if (answer == LOOKUP_INACTIVE && !stralloc_copys(&a.values, LOOKUP_INACTIVE_WORD "\n"))
		return LOOKUP_EXIT_LATER;
	if (a.values.len > 0 && allwrite(1, a.values.s, a.values.len) < a.values.len)
		return LOOKUP_EXIT_LATER;
	return (int)lookup_to_exit(answer);
}

static bool
reply(enum lookup answer, struct answer *a, stralloc *out)
{
	out->len = 0;
	if (answer == LOOKUP_LATER || answer == LOOKUP_BROKEN) {
		if (!stralloc_0(&a->why) || !lookup_append_reply(out, answer, a->why.s, a->why.len))
			return false;
	} else if (!lookup_append_reply(out, answer, a->values.s, a->values.len)) {
		return false;
	}
	return allwrite(1, out->s, out->len) == out->len;
}

/* Answers every whole request in *in and removes them from it. They came
 * together: behind a lock they do not wait one after the other. */
static enum lookup_scan
answer_all(struct asker *asker, stralloc *in, struct answer *a, stralloc *out, bool *is_written)
{
	struct lookup_request r;
	enum lookup_scan scan = LOOKUP_PARTIAL;
	size_t at = 0, used = 0;

	*is_written = true;
	database_start_clock(asker->database);
	while (*is_written && at < in->len &&
	    (scan = lookup_scan_request(&r, &used, in->s + at, in->len - at)) == LOOKUP_WHOLE) {
		*is_written = reply(ask(asker, r.service, r.keys, r.nkeys, a), a, out);
		at += used;
	}
	if (at == in->len)
		scan = LOOKUP_PARTIAL;
	memmove(in->s, in->s + at, in->len - at);
	in->len -= at;
	return scan;
}

static int
refuse_request(struct asker *asker, struct answer *a, stralloc *out, const char *why)
{
	refuse(asker, a, "request", why);
	reply(LOOKUP_BROKEN, a, out);
	a->why.len -= a->why.len > 0;	/* its NUL */
	say_line(&a->why);
	return LOOKUP_EXIT_BROKEN;
}

int
request_serve(struct asker *asker)
{
	stralloc in = STRALLOC_ZERO, out = STRALLOC_ZERO;
	struct answer a = ANSWER_ZERO;
	bool is_written = true;
	ssize_t n;

	signal(SIGALRM, end_stuck);
	for (;;) {
		if (!stralloc_readyplus(&in, READ_SIZE))
			return LOOKUP_EXIT_LATER;
		n = fd_read(0, in.s + in.len, READ_SIZE);
		if (n <= 0)
			break;
		in.len += (size_t)n;
		if (answer_all(asker, &in, &a, &out, &is_written) == LOOKUP_INVALID)
			return refuse_request(asker, &a, &out,
			    ": not SERVICE, keys and an empty string, or too long");
		if (!is_written)
			return LOOKUP_EXIT_LATER;
	}
	if (n == -1)
		return LOOKUP_EXIT_LATER;
	if (in.len > 0)
		return refuse_request(asker, &a, &out, ": cut short by the end of input");
	return LOOKUP_EXIT_FOUND;
}
