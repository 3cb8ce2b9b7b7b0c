/* outcome: what became of a recipient.
 *
 * Logged once, then recorded. What cannot be recorded (a full disk) is kept in
 * memory and tried again; nothing further of the message is started meanwhile,
 * so a full disk never makes a delivery repeat. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "lib/node.h"
#include "lib/printable.h"
#include "lib/stats.h"

static void
log_outcome(const struct message *m, size_t i, const char *stat, const char *reason)
{
	const struct queue_recipient *q = message_recipient(m, i);
	long long delay = (long long)time(NULL) - (long long)m->file.created;

	log_line("%s.%zu: to=<%s>, delay=%lld, stat=%s%s%s", m->id, i, q->text, delay < 0 ? 0 : delay, stat,
	    *reason != '\0' ? ": " : "", reason);
}

static bool
is_expired(const struct message *m, const struct outcome *o)
{
	const struct queue_recipient *q = message_recipient(m, o->recipient);

	int64_t tried = o->tried != 0 ? o->tried : (int64_t)time(NULL);

	return q->attempts >= EXPIRY_ATTEMPTS && tried - m->file.created >= (int64_t)o->expire_seconds;
}

/* The octet that a failure ends in: nobody is told who did not want to hear. */
static enum recipient_status
status_of_failure(const struct message *m, size_t i)
{
	const char *notify = message_recipient(m, i)->notify;
	bool is_unwanted = *notify != '\0' && strchr(notify, 'f') == NULL;

	if (is_unwanted || strcmp(m->file.envelope.reverse_path, NOTICE_DOUBLE_PATH) == 0)
		return RECIPIENT_DISCARDED;
	return RECIPIENT_FAILED;
}

static bool
record_failure(struct message *m, size_t i, const char *reason)
{
	return queue_file_fail(&m->file, i, reason) && queue_file_set_status(&m->file, i, status_of_failure(m, i));
}

static bool
record_deferral(struct runner *r, struct message *m, struct outcome *o)
{
	const struct queue_recipient *q = message_recipient(m, o->recipient);
	int64_t now = time(NULL);

	if (!queue_file_defer(&m->file, o->recipient, now, o->kind == OUTCOME_ABSENT, o->reason))
		return false;
	m->has_deferral = true;
	m->expire_seconds = o->expire_seconds;
	q = message_recipient(m, o->recipient);
	if (o->kind == OUTCOME_ABSENT && q->first_absent + ABSENCE_SECONDS > m->due_not_before)
		m->due_not_before = q->first_absent + ABSENCE_SECONDS;
	if (!is_expired(m, o))
		return true;
	log_outcome(m, o->recipient, "Expired", o->reason);
	stats_add(STATS_QUEUE_EXPIRED, 1);
	(void)r;
	return record_failure(m, o->recipient, o->reason);
}

/* The address that a local name below recipient i belongs to: that of the nearest ancestor that is one. */
static const char *
base_domain(const struct message *m, size_t i)
{
	const char *at;

	while (message_recipient(m, i)->kind != RECIPIENT_ADDRESS)
		i = (size_t)message_recipient(m, i)->parent;
	at = strrchr(message_recipient(m, i)->text, '@');
	return at != NULL ? at : "";
}

/* Whether the recipient stands for that local name itself. */
static bool
is_same_name(const struct message *m, size_t i, const char *name, char delimiter)
{
	const char *text = message_recipient(m, i)->text, *at = strrchr(text, '@');
	size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
	const char *tag = memchr(text, delimiter, len);

	if (message_recipient(m, i)->kind == RECIPIENT_OF_ALIAS)
		return false;
	return (strlen(name) == len && strncasecmp(name, text, len) == 0) ||
	    (tag != NULL && strlen(name) == (size_t)(tag - text) && strncasecmp(name, text, strlen(name)) == 0);
}

/* One node as a child; its text is appended to *texts when it is not the node's own. */
static bool
make_child(const struct runner *r, const struct message *m, const struct outcome *o, const struct node *n,
    const char *canonical, struct queue_child *c, stralloc *texts)
{
	*c = (struct queue_child){ .text = canonical, .uid = o->uid };
	switch (n->kind) {
	case NODE_ADDRESS:
		c->kind = RECIPIENT_ADDRESS;
		return true;
	case NODE_USER:
		c->kind = is_same_name(m, o->recipient, n->text, r->conf != NULL ? r->conf->subaddressing_delimiter : '+') ?
		    RECIPIENT_MAILBOX : RECIPIENT_NAME;
		texts->len = 0;
		if (!stralloc_cats(texts, n->text) || !stralloc_cats(texts, base_domain(m, o->recipient)) ||
		    !stralloc_0(texts))
			return false;
		c->text = strdup(texts->s);
		return c->text != NULL;
	default:
		c->kind = o->is_forward ? RECIPIENT_OF_USER : RECIPIENT_OF_ALIAS;
		return true;
	}
}

static void
free_children(genalloc *children, const stralloc *nodes)
{
	const struct queue_child *c = genalloc_s(struct queue_child, children);
	size_t n = genalloc_len(struct queue_child, children);

	for (size_t i = 0; i < n; i++)
		if (c[i].text < nodes->s || c[i].text >= nodes->s + nodes->len)
			free((void *)(uintptr_t)c[i].text);
	genalloc_free(struct queue_child, children);
}

/* Whether the message would have too many: a user may answer each look at his
 * .forward with addresses that were not there before. */
static bool
is_too_much(const struct message *m, const stralloc *nodes)
{
	size_t expanded = message_count(m) - genalloc_len(struct envelope_recipient, &m->file.envelope.recipients);

	return expanded + node_list_count(nodes) > EXPANDED_MAX;
}

/* No expansion leads on from here. */
static bool
record_dead_end(struct message *m, size_t i, const char *reason)
{
	log_outcome(m, i, "Failed", reason);
	stats_add(STATS_QUEUE_FAILED, 1);
	return record_failure(m, i, reason);
}

void
outcome_tell(struct message *m, size_t i, enum notice_action action)
{
	struct success s = { .recipient = i, .action = action };
	char letters[NOTIFY_MAX + 1];

	if (strchr(message_notify(m, i, letters), 's') != NULL && !genalloc_append(struct success, &m->succeeded, &s))
		log_line("%s: no memory for a success notice", m->id);
}

static bool
record_expansion(struct runner *r, struct message *m, struct outcome *o)
{
	genalloc children = GENALLOC_ZERO;
	stralloc text = STRALLOC_ZERO;
	struct node n;
	struct queue_child c;
	size_t at = 0, start = 0;
	bool is_recorded = true, is_loop = false;

	if (is_too_much(m, &o->nodes))
		return record_dead_end(m, o->recipient, "5.4.6 too many addresses behind the recipients of one message");
	while (is_recorded && node_list_next(&n, &at, &o->nodes)) {
		is_recorded = make_child(r, m, o, &n, o->nodes.s + start, &c, &text) &&
		    genalloc_append(struct queue_child, &children, &c);
		start = at;
	}
	is_recorded = is_recorded && queue_file_expand(&m->file, o->recipient,
	    genalloc_s(struct queue_child, &children), genalloc_len(struct queue_child, &children), &is_loop);
	if (is_recorded && !is_loop && genalloc_len(struct queue_child, &children) > 1)
		outcome_tell(m, o->recipient, NOTICE_EXPANDED);
	free_children(&children, &o->nodes);
	stralloc_free(&text);
	if (!is_recorded || !is_loop)
		return is_recorded;
	return record_dead_end(m, o->recipient, "5.4.6 the alias leads back to itself");
}

/* The operator has removed it while a process was at work on it. */
static bool
is_removed(const struct message *m, const struct outcome *o)
{
	return message_recipient(m, o->recipient)->status == RECIPIENT_DISCARDED && o->kind != OUTCOME_DELIVERED;
}

static bool
record(struct runner *r, struct message *m, struct outcome *o)
{
	if (is_removed(m, o))
		return true;
	switch (o->kind) {
	case OUTCOME_DELIVERED:
		return queue_file_set_status(&m->file, o->recipient, RECIPIENT_DELIVERED);
	case OUTCOME_DEFERRED:
	case OUTCOME_ABSENT:
		return record_deferral(r, m, o);
	case OUTCOME_FAILED:
		return record_failure(m, o->recipient, o->reason);
	case OUTCOME_EXPANDED:
		return record_expansion(r, m, o);
	case OUTCOME_REPORTED:
		return queue_file_set_status(&m->file, o->recipient, RECIPIENT_REPORTED);
	case OUTCOME_DISCARDED:
		return queue_file_set_status(&m->file, o->recipient, RECIPIENT_DISCARDED);
	}
	return true;
}

static void
free_outcome(struct outcome *o)
{
	free(o->reason);
	stralloc_free(&o->nodes);
	free(o);
}

bool
outcome_flush(struct runner *r, struct message *m)
{
	struct outcome *o;

	while ((o = m->unrecorded) != NULL) {
		if (!record(r, m, o)) {
			if (!r->has_unrecorded)
				log_line("%s: an outcome cannot be recorded: %s; kept in memory", m->id, strerror(errno));
			r->has_unrecorded = true;
			return false;
		}
		message_set_progress(m, o->recipient, PROGRESS_OVER);
		m->unrecorded = o->next;
		free_outcome(o);
	}
	return true;
}

/* Without memory to keep it: an octet is written at once, needing none; of anything
 * else nothing is lost but one attempt, and the recipient stays pending. */
static void
do_without_memory(struct runner *r, struct message *m, struct outcome *what)
{
	log_line("%s: no memory for an outcome", m->id);
	if (what->kind != OUTCOME_DELIVERED && what->kind != OUTCOME_REPORTED && what->kind != OUTCOME_DISCARDED) {
		m->has_deferral = true;
	} else if (!record(r, m, what)) {
		/* Neither memory nor disk: a crash may deliver twice, which is
		 * better than not knowing what has been recorded. */
		log_line("%s: nor can it be recorded: %s", m->id, strerror(errno));
		abort();
	}
	message_set_progress(m, what->recipient, PROGRESS_OVER);
}

static struct outcome *
copy_outcome(const struct outcome *what, const char *reason, const stralloc *nodes)
{
	struct outcome *o = malloc(sizeof *o);

	if (o == NULL)
		return NULL;
	*o = *what;
	o->reason = reason != NULL ? strdup(reason) : NULL;
	o->nodes = (stralloc)STRALLOC_ZERO;
	if ((reason == NULL || o->reason != NULL) && (nodes == NULL || stralloc_copy(&o->nodes, nodes)))
		return o;
	free_outcome(o);
	return NULL;
}

/* Puts it behind those that wait to be recorded, and records what can be. */
static void
keep(struct runner *r, struct message *m, struct outcome *what, const char *reason, const stralloc *nodes)
{
	struct outcome *o = copy_outcome(what, reason, nodes), **end = &m->unrecorded;

	if (o == NULL) {
		do_without_memory(r, m, what);
		return;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = o;
	message_set_progress(m, o->recipient, PROGRESS_UNRECORDED);
	outcome_flush(r, m);
}

/* Into which mailbox, or what the server has said: the how-tos' line has no room for it. */
static void
log_proof(const struct message *m, size_t i, bool is_relayed, const char *reason)
{
	char quoted[1200];

	log_line("%s.%zu: %s delivery result=ok stat=%s", m->id, i, is_relayed ? "mta" : "mda",
	    printable_quote(quoted, sizeof quoted, reason, strlen(reason)));
}

void
outcome_delivered(struct runner *r, struct message *m, size_t i, bool is_relayed, const char *reason)
{
	struct outcome o = { .recipient = i, .kind = OUTCOME_DELIVERED };

	log_proof(m, i, is_relayed, reason);
	log_outcome(m, i, "Sent", "");
	stats_add(STATS_QUEUE_DELIVERED, 1);
	keep(r, m, &o, NULL, NULL);
}

/* Whether an earlier attempt has found it absent long enough ago. */
static bool
is_absence_proven(const struct message *m, size_t i)
{
	int64_t first = message_recipient(m, i)->first_absent;

	return first != 0 && (int64_t)time(NULL) - first >= ABSENCE_SECONDS;
}

/* The reason was one to defer, "4.1.1 ...", and is now one to fail. */
static void
fail_absent(struct runner *r, struct message *m, size_t i, const char *reason)
{
	struct outcome o = { .recipient = i, .kind = OUTCOME_FAILED };
	char *permanent = strdup(reason);

	if (permanent != NULL && *permanent == '4')
		*permanent = '5';
	if (permanent != NULL)
		reason = permanent;
	log_outcome(m, i, "User unknown", reason);
	stats_add(STATS_QUEUE_FAILED, 1);
	keep(r, m, &o, reason, NULL);
	free(permanent);
}

void
outcome_deferred(struct runner *r, struct message *m, size_t i, const char *reason, bool is_absence,
    uint32_t expire_seconds)
{
	struct outcome o = {
		.recipient = i, .kind = is_absence ? OUTCOME_ABSENT : OUTCOME_DEFERRED, .expire_seconds = expire_seconds,
	};

	if (is_absence && is_absence_proven(m, i)) {
		fail_absent(r, m, i, reason);
		return;
	}
	log_outcome(m, i, "Deferred", reason);
	stats_add(STATS_QUEUE_DEFERRED, 1);
	keep(r, m, &o, reason, NULL);
}

void
outcome_spared(struct runner *r, struct message *m, size_t i, const char *reason, int64_t tried, uint32_t expire_seconds)
{
	struct outcome o = {
		.recipient = i, .kind = OUTCOME_DEFERRED, .tried = tried, .expire_seconds = expire_seconds,
	};

	log_outcome(m, i, "Deferred", reason);
	stats_add(STATS_QUEUE_DEFERRED, 1);
	keep(r, m, &o, reason, NULL);
}

void
outcome_failed(struct runner *r, struct message *m, size_t i, const char *reason)
{
	struct outcome o = { .recipient = i, .kind = OUTCOME_FAILED };

	log_outcome(m, i, "Failed", reason);
	stats_add(STATS_QUEUE_FAILED, 1);
	keep(r, m, &o, reason, NULL);
}

void
outcome_reported(struct runner *r, struct message *m, size_t i)
{
	struct outcome o = { .recipient = i, .kind = OUTCOME_REPORTED };

	keep(r, m, &o, NULL, NULL);
}

void
outcome_discarded(struct runner *r, struct message *m, size_t i)
{
	struct outcome o = { .recipient = i, .kind = OUTCOME_DISCARDED };

	log_outcome(m, i, "Discarded", "no notice about it can be made: nobody is told");
	keep(r, m, &o, NULL, NULL);
}

void
outcome_expanded(struct runner *r, struct message *m, size_t i, const stralloc *nodes, bool is_forward, uid_t uid)
{
	struct outcome o = {
		.recipient = i, .kind = OUTCOME_EXPANDED, .is_forward = is_forward, .uid = uid,
	};
	char words[32];

	words[snprintf(words, sizeof words, "%zu", node_list_count(nodes))] = '\0';
	log_outcome(m, i, is_forward ? "Forwarded to" : "Expanded to", words);
	keep(r, m, &o, NULL, nodes);
}
