/* table_proc: see table_proc.h, and table(5) for the words.
 *
 * A program that says anything else than the protocol has at that place is not
 * believed any more: the question is lost, and its answer LATER. */
#include "lib/table_proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/helper.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/table_kind.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/local/libexec/pipepost"
#endif
#if defined __x86_64__
#define MULTIARCH "x86_64-linux-gnu"
#elif defined __aarch64__
#define MULTIARCH "aarch64-linux-gnu"
#elif defined __i386__
#define MULTIARCH "i386-linux-gnu"
#else
#define MULTIARCH "opensmtpd"
#endif

enum { SHOWN_MAX = 60, REGISTRATIONS_MAX = 64 };

static const char version[] = "7.8.0";	/* of OpenSMTPD, whose protocol this is */
static const char protocol[] = "0.1";

bool
table_proc_find_program(char *path, size_t size, const char *type)
{
	static const char *const directories[] = {
		LIBEXECDIR, "/usr/local/libexec/opensmtpd", "/usr/libexec/opensmtpd",
		"/usr/libexec/smtpd", "/usr/lib/" MULTIARCH "/opensmtpd", "/usr/lib/opensmtpd",
	};
	char name[64];

	snprintf(name, sizeof name, "table-%s", type);
	if (place_program(path, size, name) && access(path, X_OK) == 0)
		return true;
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		int n = snprintf(path, size, "%s/%s", directories[i], name);

		if (n > 0 && (size_t)n < size && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* ---- lines ---- */

static enum lookup
lose(const struct table_helper *h, struct table_question *q, const char *words)
{
	char label[TABLE_LABEL_MAX];

	q->is_lost = true;
	return table_say(q->why, LOOKUP_LATER, "%s: %s %s", table_label(label, sizeof label, q->t),
	    h->process.name, words);
}

static enum lookup
lose_to_nonsense(const struct table_helper *h, struct table_question *q, const char *line)
{
	char shown[SHOWN_MAX + 1], words[SHOWN_MAX + 40];

	printable_copy(shown, sizeof shown, line, strnlen(line, SHOWN_MAX));
	snprintf(words, sizeof words, "speaks nonsense: '%s'", shown);
	return lose(h, q, words);
}

/* Reads one line; its LF becomes a NUL. False: it is lost. *len is what
 * coprocess_take() has to remove when the line is done with. */
static bool
read_line(struct table_helper *h, struct table_question *q, size_t *len)
{
	struct coprocess *p = &h->process;
	char *end;

	while ((end = p->in.len > 0 ? memchr(p->in.s, '\n', p->in.len) : NULL) == NULL)
		if (!coprocess_exchange(p, &q->deadline)) {
			q->has_ended = errno == EPIPE;
			lose(h, q, coprocess_describe(errno));
			return false;
		}
	*end = '\0';
	*len = (size_t)(end - p->in.s) + 1;
	return true;
}

/* Where the text behind "word|" begins; NULL if s does not begin so. */
static const char *
after(const char *s, const char *word)
{
	size_t len = strlen(word);

	return strncmp(s, word, len) == 0 && s[len] == '|' ? s + len + 1 : NULL;
}

/* ---- the beginning ---- */

static bool
add_greeting(stralloc *out, const char *name)
{
	const char *const words[] = {
		"config|smtpd-version|", version, "\nconfig|protocol|", protocol,
		"\nconfig|tablename|", name,
		"\nconfig|ready\n",
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!stralloc_cats(out, words[i]))
			return false;
	return true;
}

/* Services that we never ask for are known, too. */
static bool
take_service(struct table_helper *h, const char *name)
{
	static const char *const others[] = { "auth", "relayhost", "string", "regex" };

	for (unsigned s = SERVICE_ALIAS; s <= SERVICE_MAILADDRMAP; s++)
		if (strcmp(name, service_name((enum service)s)) == 0) {
			h->services |= 1U << s;
			return true;
		}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

enum lookup
table_proc_greet(struct table_helper *h, struct table_question *q)
{
	size_t len;

	h->services = 0;
	h->next_id = 1;
	if (!add_greeting(&h->process.out, q->t->name))
		return lose(h, q, "cannot be greeted: out of memory");
	for (size_t n = 0; n < REGISTRATIONS_MAX; n++) {
		const char *service;
		bool is_ready;

		if (!read_line(h, q, &len))
			return LOOKUP_LATER;
		service = after(h->process.in.s, "register");
		is_ready = service != NULL && strcmp(service, "ready") == 0;
		if (service == NULL || (!is_ready && !take_service(h, service)))
			return lose_to_nonsense(h, q, h->process.in.s);
		coprocess_take(&h->process, len);
		if (is_ready)
			return h->services != 0 ? LOOKUP_FOUND : lose(h, q, "offers nothing of use");
	}
	return lose(h, q, "registers without end");
}

/* ---- questions ---- */

enum operation { OPERATION_CHECK, OPERATION_LOOKUP, OPERATION_FETCH };

static const char *const operations[] = { "check", "lookup", "fetch" };

static enum operation
operation_of(const struct table_question *q)
{
	if (q->nkeys == 0)
		return OPERATION_FETCH;
	if (q->service == SERVICE_DOMAIN || q->service == SERVICE_NETADDR ||
	    q->service == SERVICE_MAILADDR)
		return OPERATION_CHECK;
	return OPERATION_LOOKUP;
}

static bool
add_request(stralloc *out, const struct table_question *q, const char *id, const char *key)
{
	char head[256];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(head, sizeof head, "table|%s|%lld.%06ld|%s|%s|%s|%s", protocol,
	    (long long)now.tv_sec, now.tv_nsec / 1000, q->t->name, operations[operation_of(q)],
	    service_name(q->service), id);
	return stralloc_cats(out, head) &&
	    (key == NULL || (stralloc_cats(out, "|") && stralloc_cats(out, key))) &&
	    stralloc_cats(out, "\n");
}

/* What stands behind "OPERATION-result|ID|"; NULL: something else. */
static const char *
result_of(const char *line, enum operation operation, const char *id)
{
	static const char *const heads[] = { "check-result", "lookup-result", "fetch-result" };
	const char *s = after(line, heads[operation]);

	if (s == NULL && operation == OPERATION_FETCH)
		s = after(line, "lookup-result");	/* as smtpd-tables(7) shows it */
	return s != NULL ? after(s, id) : NULL;
}

static enum lookup
say_error(const struct table_helper *h, const struct table_question *q, const char *words)
{
	char label[TABLE_LABEL_MAX];

	table_label(label, sizeof label, q->t);
	if (*words == '\0')
		return table_say(
		    q->why, LOOKUP_LATER, "%s: %s reports an error", label, h->process.name);
	return table_say(q->why, LOOKUP_LATER, "%s: %s: %.200s", label, h->process.name, words);
}

static enum lookup
read_result(struct table_helper *h, struct table_question *q, const char *id)
{
	enum operation operation = operation_of(q);
	const char *s, *value;
	enum lookup answer;
	size_t len;

	if (!read_line(h, q, &len))
		return LOOKUP_LATER;
	s = result_of(h->process.in.s, operation, id);
	value = s != NULL ? after(s, "found") : NULL;
	if (s != NULL && strcmp(s, "not-found") == 0)
		answer = LOOKUP_ABSENT;
	else if (s != NULL && (strcmp(s, "error") == 0 || after(s, "error") != NULL))
		answer = say_error(h, q, s[5] == '|' ? s + 6 : "");
	else if (s != NULL && operation == OPERATION_CHECK && strcmp(s, "found") == 0)
		answer = LOOKUP_FOUND;
	else if (value == NULL || *value == '\0' || operation == OPERATION_CHECK)
		answer = lose_to_nonsense(h, q, h->process.in.s);
	else if (strlen(value) > HELPER_RESULT_MAX)
		answer = say_error(h, q, "its answer is too long");
	else
		answer = stralloc_copys(q->value, value) ? LOOKUP_FOUND : say_error(h, q, "no memory");
	coprocess_take(&h->process, len);
	return answer;
}

/* key is NULL, or one that fits into a line. */
static enum lookup
ask_one(struct table_helper *h, struct table_question *q, const char *key)
{
	char id[16];

	snprintf(id, sizeof id, "%08x", (unsigned)h->next_id++);
	h->process.out.len = 0;
	if (!add_request(&h->process.out, q, id, key))
		return lose(h, q, "cannot be asked: out of memory");
	return read_result(h, q, id);
}

enum lookup
table_proc_ask(struct table_helper *h, struct table_question *q)
{
	char label[TABLE_LABEL_MAX];
	enum lookup answer = LOOKUP_ABSENT;

	if ((h->services & 1U << q->service) == 0)
		return table_say(q->why, LOOKUP_BROKEN, "%s: %s has no service %s",
		    table_label(label, sizeof label, q->t), h->process.name,
		    service_name(q->service));
	if (q->nkeys == 0)
		return ask_one(h, q, NULL);
	for (*q->which = 0; answer == LOOKUP_ABSENT && *q->which < q->nkeys; ++*q->which)
		if (strpbrk(q->keys[*q->which], "\r\n") == NULL)	/* else no line could say it */
			answer = ask_one(h, q, q->keys[*q->which]);
	--*q->which;
	return answer;
}
