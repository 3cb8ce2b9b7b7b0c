/* table_helper: see table_helper.h.
 *
 * A program that dies, says nothing in time or speaks nonsense is killed and
 * reaped before its caller hears of it, and started anew for the next question.
 * One that had died since it last answered costs nothing but that. */
#include "lib/table_helper.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <skalibs/bytestr.h>

#include "lib/helper.h"
#include "lib/lookup.h"
#include "lib/place.h"
#include "lib/table_kind.h"
#include "lib/table_proc.h"

enum { BURST_RECIPIENTS = 100 };

/* ---- who answers for a table ---- */

static struct table_helper *
find_helper(struct table_helpers *all, const struct conf_table *t)
{
	struct table_helper *h;

	for (h = all->first; h != NULL; h = h->next)
		if (table_shares_source(h->t, t))
			return h;
	h = calloc(1, sizeof *h);
	if (h == NULL)
		return NULL;
	h->t = t;
	h->process = (struct coprocess)COPROCESS_ZERO;
	h->next = all->first;
	all->first = h;
	return h;
}

static void
end(struct table_helper *h)
{
	coprocess_end(&h->process, false);
	coprocess_log_complaint(&h->process);
}

void
table_helpers_free(struct table_helpers *all)
{
	struct table_helper *next;

	for (struct table_helper *h = all->first; h != NULL; h = next) {
		next = h->next;
		end(h);
		coprocess_free(&h->process);
		stralloc_free(&h->rest_why);
		free(h);
	}
	all->first = NULL;
}

static bool
is_over(const tain *t, int seconds)
{
	tain end_time, now;

	tain_addsec(&end_time, t, seconds);
	tain_now(&now);
	return !tain_less(&now, &end_time);
}

void
table_set_serve_many(struct table_set *set)
{
	table_set_helpers(set)->serves_many = true;
}

bool
table_set_end_recipient(struct table_set *set)
{
	struct table_helpers *all = table_set_helpers(set);
	bool is_kept = false;

	for (struct table_helper *h = all->first; h != NULL; h = h->next) {
		if (h->t->kind != TABLE_SQLITE || h->process.pid == 0)
			continue;
		if (all->serves_many && ++h->nrecipients < BURST_RECIPIENTS &&
		    !is_over(&h->started, TABLE_BURST_SECONDS))
			is_kept = true;
		else
			end(h);
	}
	return is_kept;
}

/* ---- starting ---- */

static enum lookup
start(struct table_helper *h, struct table_question *q)
{
	char program[PATH_MAX];
	bool is_known = q->t->kind == TABLE_SQLITE ?
	    place_program(program, sizeof program, "sqlite-lookup") :
	    table_proc_find_program(program, sizeof program, q->t->type);

	if (!is_known)
		return table_say(q->why, LOOKUP_LATER, "%s: there is no program table-%s",
		    q->t->path, q->t->type);
	if (stat(q->t->path, &h->config) == -1)
		h->config.st_ino = 0;
	if (!coprocess_start(&h->process, program, q->t->path))
		return table_say(q->why, LOOKUP_LATER, "%s: cannot run %s: %s", q->t->path, program,
		    strerror(errno));
	h->is_proven = false;
	h->nrecipients = 0;
	tain_now(&h->started);
	return q->t->kind == TABLE_PROC ? table_proc_greet(h, q) : LOOKUP_FOUND;
}

/* Whether sqlite-lookup, which reads its configuration when it starts, would be
 * asked by one of yesterday: accept and route would disagree. */
static bool
is_outdated(const struct table_helper *h)
{
	const struct stat *then = &h->config;
	struct stat now;

	return h->t->kind == TABLE_SQLITE && stat(h->t->path, &now) == 0 &&
	    (now.st_ino != then->st_ino || now.st_dev != then->st_dev ||
		now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}

/* ---- sqlite-lookup ---- */

/* Appends a request for each key, so that it is known which one hits. */
static bool
add_requests(stralloc *out, const struct table_question *q, bool is_asked[])
{
	bool is_added = true;

	if (q->nkeys == 0)
		return lookup_append_request(out, "fetch_source", NULL, 0);
	for (size_t i = 0; is_added && i < q->nkeys; i++) {
		is_asked[i] = q->keys[i][0] != '\0';
		if (is_asked[i])
			is_added =
			    lookup_append_request(out, service_name(q->service), &q->keys[i], 1);
	}
	return is_added;
}

static enum lookup
lose(struct table_question *q, const char *words)
{
	q->is_lost = true;
	return table_say(q->why, LOOKUP_LATER, "%s: sqlite-lookup %s", q->t->path, words);
}

static enum lookup
take_reply(struct table_question *q, const struct lookup_reply *r)
{
	if (r->answer == LOOKUP_LATER || r->answer == LOOKUP_BROKEN) {
		q->is_lost = true;	/* it may be slow about what else it was asked */
		return table_say(q->why, r->answer, "%s", r->values);
	}
	q->value->len = 0;
	for (size_t i = 0, at = 0; i < r->nvalues; i++, at += strlen(r->values + at) + 1)
		if ((i > 0 && !stralloc_append(q->value, '\n')) ||
		    !stralloc_cats(q->value, r->values + at))
			return lose(q, "has more to say than there is memory");
	return r->answer;
}

/* The next reply; where the answer is known already it is thrown away. */
static enum lookup
read_reply(struct table_helper *h, struct table_question *q, enum lookup known)
{
	struct coprocess *p = &h->process;
	struct lookup_reply r;
	size_t used;

	for (;;) {
		enum lookup_scan scan = p->in.len == 0 ? LOOKUP_PARTIAL :
		    lookup_scan_reply(&r, &used, p->in.s, p->in.len);

		if (scan == LOOKUP_INVALID)
			return lose(q, "speaks nonsense");
		if (scan == LOOKUP_WHOLE)
			break;
		if (!coprocess_exchange(p, &q->deadline)) {
			q->has_ended = errno == EPIPE;
			return lose(q, coprocess_describe(errno));
		}
	}
	if (known == LOOKUP_ABSENT)
		known = take_reply(q, &r);
	coprocess_take(p, used);
	return known;
}

static enum lookup
ask_sqlite(struct table_helper *h, struct table_question *q)
{
	bool is_asked[HELPER_KEYS_MAX] = { true };
	size_t n = q->nkeys == 0 ? 1 : q->nkeys;
	enum lookup answer = LOOKUP_ABSENT;

	h->process.out.len = 0;
	if (!add_requests(&h->process.out, q, is_asked))
		return lose(q, "cannot be asked: out of memory");
	for (size_t i = 0; i < n && !q->is_lost; i++) {
		if (!is_asked[i])
			continue;
		if (answer == LOOKUP_ABSENT)
			*q->which = i;
		answer = read_reply(h, q, answer);
	}
	return answer;
}

/* ---- asking ---- */

/* The program cannot be asked any more. What it said last is the better reason
 * where it has ended by itself, and its exit code tells whether that will pass. */
static enum lookup
bury(struct table_helper *h, const struct table_question *q, enum lookup answer)
{
	int status = coprocess_end(&h->process, !q->has_ended);
	stralloc *last = &h->process.complaint;

	if (q->has_ended && q->t->kind == TABLE_SQLITE && status != -1 && WIFEXITED(status) &&
	    lookup_from_exit(WEXITSTATUS(status)) == LOOKUP_BROKEN)
		answer = LOOKUP_BROKEN;
	if (q->has_ended && last->len > 0)
		table_say(q->why, answer, "%s: %.*s", h->process.name, (int)last->len, last->s);
	else
		coprocess_log_complaint(&h->process);
	last->len = 0;
	return answer;
}

static enum lookup
ask_process(struct table_helper *h, struct table_question *q)
{
	bool is_old;
	enum lookup answer;

	if (h->process.pid != 0 && is_outdated(h))
		end(h);
	if (h->process.pid != 0 && !coprocess_is_quiet(&h->process))
		bury(h, q, LOOKUP_LATER);
	do {
		answer = LOOKUP_FOUND;
		is_old = h->process.pid != 0 && h->is_proven;
		q->is_lost = q->has_ended = false;
		if (h->process.pid == 0)
			answer = start(h, q);
		if (answer == LOOKUP_FOUND)
			answer = h->t->kind == TABLE_SQLITE ? ask_sqlite(h, q) : table_proc_ask(h, q);
		if (q->is_lost)
			answer = bury(h, q, answer);
		else
			h->is_proven = true;
		/* One that had died since it last answered: another may know. */
	} while (q->is_lost && is_old && q->has_ended && h->process.in.len == 0);
	return answer;
}

static enum lookup
ask_once(struct table_question *q)
{
	*q->which = 0;		/* it tries them all, and does not say which one hit */
	return helper_ask(q->t->path, q->t->name, q->service, q->keys, q->nkeys, q->value, q->why);
}

/* ---- answers ---- */

/* Several results are one list for aliases and senders; elsewhere the first counts. */
static enum lookup
tidy(const struct table_question *q)
{
	bool is_list =
	    q->service == SERVICE_ALIAS || q->service == SERVICE_MAILADDRMAP || q->nkeys == 0;
	stralloc *v = q->value;

	for (size_t i = 0; i < v->len; i++) {
		bool is_end = v->s[i] == '\n';

		if (is_end && !is_list)
			v->len = i;
		else if (is_end && q->nkeys != 0)
			v->s[i] = ',';
		else if (!is_end && ((unsigned char)v->s[i] < ' ' || v->s[i] == 0x7f) &&
		    v->s[i] != '\t')
			return table_say(q->why, LOOKUP_BROKEN,
			    "%s: the answer has control characters in it", q->t->path);
	}
	return LOOKUP_FOUND;
}

/* Of other services a row that is switched off is none. */
static bool
may_be_inactive(enum service s)
{
	return s == SERVICE_ALIAS || s == SERVICE_DOMAIN || s == SERVICE_USERINFO;
}

/* A table that is locked does not hold up each of many recipients. */
static void
let_rest(const struct table_helpers *all, struct table_helper *h, const struct table_question *q,
    const tain *asked)
{
	if (!is_over(asked, HELPER_SLOW_SECONDS) || !stralloc_copy(&h->rest_why, q->why))
		return;
	tain_now(&h->rests_until);
	tain_addsec(&h->rests_until, &h->rests_until,
	    all->serves_many ? HELPER_LONG_REST_SECONDS : HELPER_REST_SECONDS);
}

static bool
is_resting(const struct table_helper *h)
{
	tain now;

	tain_now(&now);
	return h->rest_why.len > 0 && tain_less(&now, &h->rests_until);
}

/* The keys as they are asked: in lower case, without those that nobody can have. */
static bool
copy_keys(const char *copies[HELPER_KEYS_MAX], const char *const keys[], size_t nkeys)
{
	for (size_t i = 0; i < nkeys; i++) {
		const char *key = strlen(keys[i]) <= TABLE_KEY_MAX ? keys[i] : "";
		char *copy = strdup(key);

		for (char *s = copy; s != NULL && *s != '\0'; s++)
			if (*s >= 'A' && *s <= 'Z')
				*s = (char)(*s + ('a' - 'A'));
		copies[i] = copy;
		if (copy == NULL)
			return false;
	}
	return true;
}

static enum lookup
ask(struct table_helpers *all, struct table_question *q)
{
	struct table_helper *h = find_helper(all, q->t);
	tain asked;
	enum lookup answer;

	if (h == NULL)
		return table_say(q->why, LOOKUP_LATER, "%s: out of memory", q->t->path);
	if (is_resting(h))
		return table_say(q->why, LOOKUP_LATER, "%.*s (a moment ago)", (int)h->rest_why.len,
		    h->rest_why.s);
	tain_now(&asked);
	tain_addsec(&q->deadline, &asked, HELPER_SECONDS);
	answer = q->t->kind == TABLE_EXEC ? ask_once(q) : ask_process(h, q);
	if (answer == LOOKUP_FOUND)
		answer = tidy(q);
	if (answer == LOOKUP_INACTIVE && !may_be_inactive(q->service))
		answer = LOOKUP_ABSENT;
	if (answer == LOOKUP_LATER)
		let_rest(all, h, q, &asked);
	return answer;
}

static enum lookup
ask_helper(struct open_table *o, enum service service, const char *const keys[], size_t nkeys,
    stralloc *value, size_t *which, stralloc *why)
{
	const char *copies[HELPER_KEYS_MAX] = { NULL };
	stralloc reason = STRALLOC_ZERO;
	struct table_question q = {
		.t = o->t, .service = service, .keys = copies, .nkeys = nkeys,
		.value = value, .which = which,
		.why = &reason,
	};
	enum lookup answer = LOOKUP_LATER;

	if (nkeys > HELPER_KEYS_MAX)
		answer = table_say(&reason, LOOKUP_LATER, "%s: too many keys at once", o->t->path);
	else if (!copy_keys(copies, keys, nkeys))
		answer = table_say(&reason, LOOKUP_LATER, "%s: out of memory", o->t->path);
	else
		answer = ask(o->helpers, &q);
	if (answer == LOOKUP_LATER || answer == LOOKUP_BROKEN)
		table_say(why, answer, "%.*s", (int)reason.len, reason.len > 0 ? reason.s : "");
	for (size_t i = 0; i < HELPER_KEYS_MAX; i++)
		free((void *)(uintptr_t)copies[i]);
	stralloc_free(&reason);
	return answer;
}

/* A proc table counts by itself; others give all their addresses, one a line. */
static enum lookup
fetch_helper(struct open_table *o, size_t n, stralloc *value, stralloc *why)
{
	size_t which, nlines = 1, start_of_line = 0, end_of_line;
	enum lookup answer = ask_helper(o, SERVICE_SOURCE, NULL, 0, value, &which, why);

	if (answer != LOOKUP_FOUND || o->t->kind == TABLE_PROC)
		return answer;
	if (value->len == 0)
		return LOOKUP_ABSENT;
	for (size_t i = 0; i < value->len; i++)
		nlines += value->s[i] == '\n';
	for (n %= nlines; n > 0; start_of_line++)
		n -= value->s[start_of_line] == '\n';
	end_of_line =
	    start_of_line + byte_chr(value->s + start_of_line, value->len - start_of_line, '\n');
	memmove(value->s, value->s + start_of_line, end_of_line - start_of_line);
	value->len = end_of_line - start_of_line;
	return LOOKUP_FOUND;
}

const struct table_kind table_kind_helper = { .ask = ask_helper, .fetch = fetch_helper };
