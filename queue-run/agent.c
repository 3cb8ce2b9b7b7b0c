/* agent: see agent.h. */
#include "queue-run/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/ruleset.h"

enum { MEMORY_SLOTS = 4096, KEY_MAX = 600, DEFAULT_EXPIRE_SECONDS = 4 * 24 * 3600 };

/* The answer to the question that was asked last of those that share this place. */
struct memory_slot {
	char *question;
	enum listing_agent agent;
	uint32_t expire_seconds;
};

struct agent_memory {
	struct memory_slot slots[MEMORY_SLOTS];
};

/* ---- opening ---- */

static bool
uses_waiting_table(const struct conf_rule *r)
{
	const struct conf_table *const tables[] = { r->from_source, r->for_domain, r->sender, r->recipient };

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		if (tables[i] != NULL && table_may_wait(tables[i]))
			return true;
	return false;
}

static void
look_at_rules(struct agent *a)
{
	for (size_t i = 0; i < a->conf->nrules; i++) {
		a->needs_sender = a->needs_sender || a->conf->rules[i].sender != NULL;
		a->needs_recipient = a->needs_recipient || a->conf->rules[i].recipient != NULL;
	}
}

void
agent_open(struct agent *a, const char *path, bool may_wait)
{
	*a = (struct agent){ .may_wait = may_wait };
	a->conf = conf_read(path, NULL, 0);
	a->memory = calloc(1, sizeof *a->memory);
	if (a->conf != NULL && a->conf->nerrors == 0 && a->memory != NULL)
		a->tables = table_set_new(a->conf);
	if (a->tables == NULL) {
		agent_close(a);
		return;
	}
	table_set_serve_many(a->tables);
	look_at_rules(a);
}

void
agent_close(struct agent *a)
{
	for (size_t i = 0; a->memory != NULL && i < MEMORY_SLOTS; i++)
		free(a->memory->slots[i].question);
	free(a->memory);
	if (a->tables != NULL)
		table_set_free(a->tables);
	if (a->conf != NULL)
		conf_free(a->conf);
	*a = (struct agent){ .conf = NULL };
}

/* ---- asking ---- */

/* Without asking a program: the rules in front of the first one that would need it must decide. */
static enum lookup
match(struct agent *a, const struct ruleset_question *q, const struct conf_rule **rule)
{
	struct conf some = *a->conf;
	enum lookup answer;

	for (some.nrules = 0; some.nrules < a->conf->nrules; some.nrules++)
		if (!a->may_wait && uses_waiting_table(&a->conf->rules[some.nrules]))
			break;
	answer = ruleset_match(rule, &some, a->tables, q, NULL, NULL);
	return answer == LOOKUP_FOUND && *rule == NULL && some.nrules < a->conf->nrules ? LOOKUP_LATER : answer;
}

static void
ask(struct agent *a, const struct queue_file *f, const struct queue_recipient *r, struct memory_slot *to)
{
	struct ruleset_question q = {
		.facts = &f->facts, .is_internal = r->parent != RECIPIENT_NO_PARENT,
		.reverse_path = r->reverse_path != NULL ? r->reverse_path : f->envelope.reverse_path,
		.recipient = r->text, .local_name = "",
	};
	const struct conf_rule *rule = NULL;

	to->agent = LISTING_UNKNOWN;
	to->expire_seconds = a->conf->expire_seconds;
	if (match(a, &q, &rule) != LOOKUP_FOUND || rule == NULL || rule->is_reject)
		return;
	to->agent = rule->action == ACTION_RELAY ? LISTING_MTA : LISTING_MDA;
	to->expire_seconds = rule->expire_seconds;
}

/* Everything that a rule could look at. False: too long to be remembered. */
static bool
write_question(char question[KEY_MAX], const struct agent *a, const struct queue_file *f,
    const struct queue_recipient *r)
{
	const char *sender = r->reverse_path != NULL ? r->reverse_path : f->envelope.reverse_path;
	size_t len = strlen(r->text), at = a->needs_recipient ? 0 : address_find_at(r->text, len);
	int n = snprintf(question, KEY_MAX, "%d %d %d %s\n%s\n%s\n%s", (int)f->facts.origin,
	    r->parent != RECIPIENT_NO_PARENT, f->facts.user[0] != '\0', f->facts.client, f->facts.tag,
	    a->needs_sender ? sender : "", r->text + at);

	return n > 0 && n < KEY_MAX;
}

static struct memory_slot *
slot_of(struct agent_memory *m, const char *question)
{
	uint32_t h = 2166136261U;	/* FNV-1a */

	for (; *question != '\0'; question++)
		h = (h ^ (unsigned char)*question) * 16777619U;
	return &m->slots[h % MEMORY_SLOTS];
}

static const struct memory_slot *
recall(struct agent *a, const struct queue_file *f, const struct queue_recipient *r, struct memory_slot *spare)
{
	char question[KEY_MAX];
	struct memory_slot *s;

	if (!write_question(question, a, f, r)) {
		ask(a, f, r, spare);
		return spare;
	}
	s = slot_of(a->memory, question);
	if (s->question != NULL && strcmp(s->question, question) == 0)
		return s;
	free(s->question);
	s->question = strdup(question);
	ask(a, f, r, s);
	table_set_end_recipient(a->tables);
	return s;
}

enum listing_agent
agent_find(struct agent *a, const struct queue_file *f, size_t i, uint32_t *expire_seconds)
{
	const struct queue_recipient *r = queue_file_recipient(f, i);
	struct memory_slot spare = { .question = NULL };
	const struct memory_slot *s;

	*expire_seconds = a->conf != NULL ? a->conf->expire_seconds : DEFAULT_EXPIRE_SECONDS;
	if (r->kind != RECIPIENT_ADDRESS)
		return LISTING_MDA;	/* a name, a command or a file of this host */
	if (a->conf == NULL)
		return LISTING_UNKNOWN;
	s = recall(a, f, r, &spare);
	*expire_seconds = s->expire_seconds;
	return s->agent;
}
