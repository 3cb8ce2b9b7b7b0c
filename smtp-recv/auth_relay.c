/* auth_relay: see auth_relay.h. */
#include "smtp-recv/auth_relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "lib/printable.h"
#include "lib/secret.h"
#include "lib/wipe.h"

enum { ADVICE_MAX = 512, ANSWER_MAX = SECRET_USER_MAX + SECRET_MAX + 4 };

static bool
refuse(int fd, const char *code, const char *words)
{
	char line[AUTH_WORDS_MAX], answer[AUTH_WORDS_MAX + 16];
	int n;

	printable_copy(line, sizeof line, words, strlen(words));
	n = snprintf(answer, sizeof answer, "Z%s %s", code, line);
	allwrite(fd, answer, (size_t)n + 1);
	return false;
}

/* Where the missing entry belongs, and what to do then. */
static void
advise(char advice[ADVICE_MAX], const struct conf_table *t)
{
	size_t len = strlen(t->path);
	bool has_suffix = len > 3 && strcmp(t->path + len - 3, ".db") == 0;

	switch (t->kind) {
	case TABLE_DB:
		if (has_suffix)
			snprintf(advice, ADVICE_MAX, "put it into %.*s and run \"makemap %.*s\"", (int)len - 3,
			    t->path, (int)len - 3, t->path);
		else
			snprintf(advice, ADVICE_MAX, "make %s with \"makemap -o %s FILE\"", t->path, t->path);
		break;
	case TABLE_FILE:
		snprintf(advice, ADVICE_MAX, "put it into %s", t->path);
		break;
	case TABLE_INLINE:
	case TABLE_SYSTEM:
		snprintf(advice, ADVICE_MAX, "put it into the table at %s:%u", t->at.file, t->at.line);
		break;
	case TABLE_SQLITE:
		snprintf(advice, ADVICE_MAX, "query_credentials of %s finds none", t->path);
		break;
	case TABLE_EXEC:
	case TABLE_PROC:
		snprintf(advice, ADVICE_MAX, "%s knows none", t->path);
		break;
	}
}

/* The file of a db table is not there: that is what makemap is for. */
static bool
is_not_made(const struct conf_table *t)
{
	return t->kind == TABLE_DB && access(t->path, F_OK) == -1 && errno == ENOENT;
}

static bool
explain_lookup(int fd, const struct auth_check *a, const struct conf_table *t, enum lookup answer,
    const stralloc *why)
{
	char advice[ADVICE_MAX], words[AUTH_WORDS_MAX];
	bool is_absent = answer == LOOKUP_ABSENT, needs_advice = is_absent || is_not_made(t);

	advise(advice, t);
	snprintf(words, sizeof words, "no credentials for relay through label \"%s\" in table <%s>%s%.*s%s%s", a->label,
	    t->name, is_absent ? "" : ": ", is_absent ? 0 : (int)why->len, why->len > 0 ? why->s : "",
	    needs_advice ? ": " : "", needs_advice ? advice : "");
	return refuse(fd, answer == LOOKUP_BROKEN ? "4.3.5" : "4.7.0", words);
}

static bool
hand_over(int fd, const struct secret *s)
{
	static const char kinds[] = { [SECRET_PASSWORD] = 'p', [SECRET_TOKEN] = 't', [SECRET_EITHER] = 'e' };
	stralloc answer = STRALLOC_ZERO;
	char head[2] = { 'K', kinds[s->kind] };
	bool is_written = stralloc_ready(&answer, ANSWER_MAX) && stralloc_catb(&answer, head, sizeof head) &&
	    stralloc_cat(&answer, &s->user) && stralloc_0(&answer) && stralloc_cat(&answer, &s->text) &&
	    stralloc_0(&answer) && allwrite(fd, answer.s, answer.len) == answer.len;

	wipe_and_free(&answer);
	return is_written;
}

static bool
answer_entry(int fd, const struct auth_check *a, const struct conf_table *t, const stralloc *value)
{
	struct secret secret = SECRET_ZERO;
	char words[AUTH_WORDS_MAX];
	const char *why;
	bool is_given;

	if (secret_read(&secret, a->label, value->s, value->len, &why)) {
		is_given = hand_over(fd, &secret);
	} else {
		snprintf(words, sizeof words, "the credentials for relay through label \"%s\" in table <%s> cannot be used: %s",
		    a->label, t->name, why);
		is_given = refuse(fd, "4.7.0", words);
	}
	secret_free(&secret);
	return is_given;
}

/* Whether a rule relays with that label. Nothing else goes out of a table: others hold the hashes of
 * passwords, which are for no relay. */
static bool
is_for_relay(const struct auth_check *a, const struct conf_table *t)
{
	for (size_t i = 0; i < a->conf->nrules; i++) {
		const struct conf_relay *r = &a->conf->rules[i].relay;

		if (r->auth == t && r->via != NULL && strcmp(r->via->label, a->label) == 0)
			return true;
	}
	return false;
}

bool
auth_relay_answer(struct auth_check *a, int fd)
{
	stralloc value = STRALLOC_ZERO, why = STRALLOC_ZERO;
	char words[AUTH_WORDS_MAX];
	const struct conf_table *t;
	enum lookup answer;
	bool is_given;

	if (!auth_check_read_conf(a, words) || (t = auth_check_find_table(a, a->table, words)) == NULL)
		return refuse(fd, "4.3.5", words);
	if (!is_for_relay(a, t)) {
		snprintf(words, sizeof words, "no rule of %s relays through label \"%s\" with auth <%s>", a->conf_path,
		    a->label, t->name);
		return refuse(fd, "4.3.5", words);
	}
	answer = table_lookup(a->tables, t, SERVICE_CREDENTIALS, &a->label, 1, &value, NULL, &why);
	table_set_end_recipient(a->tables);	/* nobody waits while a command runs */
	is_given = answer == LOOKUP_FOUND ? answer_entry(fd, a, t, &value) :
	    explain_lookup(fd, a, t, answer, &why);
	wipe_and_free(&value);
	stralloc_free(&why);
	return is_given;
}
