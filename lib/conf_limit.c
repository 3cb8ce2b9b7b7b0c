/* conf_limit: limit session, mda, scheduler and mta, and every limit's default.
 *
 * A limit that is not a number, or zero where zero would stop all mail, is an
 * error. */
#include "lib/conf_internal.h"

#include <stddef.h>
#include <string.h>

/* One named number of a struct. */
struct limit {
	const char *name;
	size_t offset;
	bool may_be_zero;
	bool is_used;		/* else a warning says that it changes nothing */
};

#define LIMIT(name, member, used) { name, offsetof(struct conf_limits, member), false, used }
#define USED(name, member, zero) { name, offsetof(struct conf_mta_limit, member), zero, true }
#define MTA(name, member, zero) { name, offsetof(struct conf_mta_limit, member), zero, false }

static const struct limit session_limits[] = {
	LIMIT("max-rcpt", session_max_rcpt, true),
	LIMIT("max-mails", session_max_mails, true),
	{ NULL, 0, false, false },
};

static const struct limit mda_limits[] = {
	LIMIT("max-session", mda_max_session, true),
	LIMIT("max-session-per-user", mda_max_session_per_user, true),
	LIMIT("task-hiwat", mda_task_hiwat, false),
	LIMIT("task-lowat", mda_task_lowat, false),
	LIMIT("task-release", mda_task_release, false),
	{ NULL, 0, false, false },
};

static const struct limit scheduler_limits[] = {
	LIMIT("max-inflight", scheduler_max_inflight, false),
	LIMIT("max-schedule", scheduler_max_schedule, false),
	LIMIT("max-evp-batch-size", scheduler_max_evp_batch_size, false),
	LIMIT("max-msg-batch-size", scheduler_max_msg_batch_size, false),
	{ NULL, 0, false, false },
};

static const struct limit mta_limits[] = {
	USED("max-conn-per-host", max_conn_per_host, false),
	USED("max-conn-per-route", max_conn_per_route, false),
	MTA("max-conn-per-source", max_conn_per_source, false),
	USED("max-conn-per-connector", max_conn_per_connector, false),
	USED("max-conn-per-relay", max_conn_per_relay, false),
	USED("max-conn-per-domain", max_conn_per_domain, false),
	MTA("conn-delay-host", conn_delay_host, true),
	MTA("conn-delay-route", conn_delay_route, true),
	MTA("conn-delay-source", conn_delay_source, true),
	MTA("conn-delay-connector", conn_delay_connector, true),
	MTA("conn-delay-relay", conn_delay_relay, true),
	MTA("conn-delay-domain", conn_delay_domain, true),
	MTA("reconn-delay-route", reconn_delay_route, true),
	USED("session-mail-max", session_mail_max, false),
	USED("session-transaction-delay", session_transaction_delay, true),
	USED("session-keepalive", session_keepalive, true),
	USED("max-failures-per-session", max_failures_per_session, false),
	MTA("task-hiwat", task_hiwat, false),
	MTA("task-lowat", task_lowat, false),
	MTA("task-release", task_release, false),
	{ NULL, 0, false, false },
};

void
parse_defaults(struct conf *c, struct parser *p)
{
	c->limits = (struct conf_limits){
		.session_max_rcpt = 1000, .session_max_mails = 1000,
		.mda_max_session = 50, .mda_max_session_per_user = 7,
		.mda_task_hiwat = 50, .mda_task_lowat = 30, .mda_task_release = 10,
		.scheduler_max_inflight = 5000, .scheduler_max_schedule = 10,
		.scheduler_max_evp_batch_size = 256, .scheduler_max_msg_batch_size = 1024,
		.max_mta_deferred = 100,
	};
	*APPEND(p, c->mta_limits, c->nmta_limits, p->mta_room) = (struct conf_mta_limit){
		.domain = "",
		.max_conn_per_host = 10, .max_conn_per_route = 5, .max_conn_per_source = 50,
		.max_conn_per_connector = 20, .max_conn_per_relay = 100, .max_conn_per_domain = 100,
		.conn_delay_host = 0, .conn_delay_route = 5, .conn_delay_source = 0,
		.conn_delay_connector = 0, .conn_delay_relay = 2, .conn_delay_domain = 0,
		.reconn_delay_route = 3,
		.session_mail_max = 100, .session_transaction_delay = 0, .session_keepalive = 10,
		.max_failures_per_session = 25,
		.task_hiwat = 50, .task_lowat = 30, .task_release = 10,
	};
	c->expire_seconds = 4 * 24 * 60 * 60;
	c->bounce_warn_seconds[0] = 4 * 60 * 60;
	c->nbounce_warn = 1;
	c->max_message_size = 35 * 1024 * 1024;
	c->subaddressing_delimiter = '+';
	c->queue_encryption_key = c->ciphers = "";
	c->min_uid = 100;
}

static bool
refuse_name(struct parser *p, const char *group, const struct limit *limits)
{
	const struct word *w = word_peek(p);
	const char *known = limits->name;

	for (const struct limit *l = limits + 1; l->name != NULL; l++)
		known = conf_print(p, "%s, %s", known, l->name);
	return conf_error(p, w->at, "limit %s: %s is not known; there are: %s", group,
	    word_show(p, w), known);
}

/* NAME NUMBER into the member of *to that the name stands for. */
static bool
take_limit(struct parser *p, const char *group, const struct limit *limits, void *to)
{
	const struct word *w = word_peek(p);
	const struct limit *l = limits;
	uint32_t n;

	while (l->name != NULL && (w->kind == WORD_PUNCT || strcmp(w->text, l->name) != 0))
		l++;
	if (l->name == NULL)
		return refuse_name(p, group, limits);
	p->next++;
	if (!word_take_number(p, conf_print(p, "limit %s %s", group, l->name), &n))
		return false;
	if (n == 0 && !l->may_be_zero)
		return conf_error(p, w->at, "limit %s %s: 0 would stop all mail; write 1 or more",
		    group, l->name);
	if (!l->is_used)
		conf_warn(p, w->at,
		    "limit %s %s changes nothing: pipepost has "
		    "limits of its own for that, see queue-run(8)",
		    group, l->name);
	memcpy((char *)to + l->offset, &n, sizeof n);
	return true;
}

static struct conf_mta_limit *
mta_block(struct parser *p, const char *domain)
{
	struct conf_mta_limit *m;

	for (size_t i = 0; i < p->c->nmta_limits; i++)
		if (strcmp(p->c->mta_limits[i].domain, domain) == 0)
			return &p->c->mta_limits[i];
	m = APPEND(p, p->c->mta_limits, p->c->nmta_limits, p->mta_room);
	*m = p->c->mta_limits[0];	/* the defaults known so far */
	m->domain = domain;
	return m;
}

static bool
parse_mta(struct parser *p)
{
	const char *domain = "";
	struct conf_mta_limit *m;

	if (word_take(p, "for")) {
		if (!word_take(p, "domain"))
			return conf_error(p, word_peek(p)->at,
			    "limit mta for: \"domain\" is missing before %s",
			    word_show(p, word_peek(p)));
		if ((domain = word_take_value(p, "limit mta for domain: the domain")) == NULL)
			return false;
		domain = conf_lowercase(p, domain);
	}
	m = mta_block(p, domain);
	do {
		if (word_take(p, "inet4"))
			m->inet4_only = !(m->inet6_only = false);
		else if (word_take(p, "inet6"))
			m->inet6_only = !(m->inet4_only = false);
		else if (!take_limit(p, "mta", mta_limits, m))
			return false;
	} while (word_peek(p)->kind != WORD_END);
	return true;
}

bool
parse_limit(struct parser *p)
{
	static const struct {
		const char *name;
		const struct limit *limits;
	} groups[] = {
		{ "session", session_limits },
		{ "mda", mda_limits },
		{ "scheduler", scheduler_limits },
	};

	if (word_take(p, "mta"))
		return parse_mta(p);
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		if (!word_take(p, groups[i].name))
			continue;
		do {
			if (!take_limit(p, groups[i].name, groups[i].limits, &p->c->limits))
				return false;
		} while (word_peek(p)->kind != WORD_END);
		return true;
	}
	return conf_error(p, word_peek(p)->at,
	    "limit: %s is not known; there are: session, mda, mta, scheduler",
	    word_show(p, word_peek(p)));
}
