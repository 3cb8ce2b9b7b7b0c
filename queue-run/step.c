/* step: what is to be done with one recipient, by today's configuration.
 *
 * Either an outcome is known at once (refused, no such user, replaced by an
 * alias's nodes), or a job is handed to the lane of the identity that the
 * delivery needs. See runner.h and lib/route.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/node.h"

/* Everything that a step works with. */
struct step {
	struct runner *r;
	struct message *m;
	size_t i;
	struct queue_recipient *q;
	struct route route;
	bool is_routed;			/* route is the answer to this step's question */
};

static bool
is_checked(const struct message *m)
{
	return m->file.facts.origin == ORIGIN_SMTP;
}

static uint32_t
expire_seconds(const struct step *s)
{
	return s->route.rule != NULL ? s->route.rule->expire_seconds : s->r->conf->expire_seconds;
}

static void
defer(struct step *s, const char *reason, bool is_absence)
{
	outcome_deferred(s->r, s->m, s->i, reason, is_absence, expire_seconds(s));
}

/* "STATUS why" of the route, as reason. The result lives in s->route.why. */
static const char *
reason(struct step *s, const char *status)
{
	stralloc *why = &s->route.why;

	if (!stralloc_inserts(why, 0, " ") || !stralloc_inserts(why, 0, status) || !stralloc_0(why))
		return status;
	return why->s;
}

/* How many levels of expansion are above the recipient. */
static unsigned
depth(const struct message *m, size_t i)
{
	unsigned n = 0;

	for (long p = message_recipient(m, i)->parent; p != RECIPIENT_NO_PARENT; n++)
		p = message_recipient(m, (size_t)p)->parent;
	return n;
}

/* A local name is asked under the rule of the address it came from. */
bool
step_pose(const struct runner *r, const struct message *m, size_t i, bool skip_alias, char name[STEP_NAME_MAX + 1],
    struct route_question *question)
{
	const struct queue_recipient *q = message_recipient(m, i);
	size_t base = i;

	*question = (struct route_question){
		.facts = &m->file.facts, .reverse_path = message_reverse_path(m, i), .local_name = r->host,
		.skip_alias = skip_alias,
	};

	if (q->kind != RECIPIENT_ADDRESS) {
		const char *at = strrchr(q->text, '@');
		size_t len = at != NULL ? (size_t)(at - q->text) : strlen(q->text);

		if (len > STEP_NAME_MAX)
			return false;
		memcpy(name, q->text, len);
		name[len] = '\0';
		question->user = name;
		while (message_recipient(m, base)->kind != RECIPIENT_ADDRESS)
			base = (size_t)message_recipient(m, base)->parent;
	}
	question->address = message_recipient(m, base)->text;
	question->is_internal = message_recipient(m, base)->parent != RECIPIENT_NO_PARENT;
	return true;
}

/* Whether s->route says what is to be done with recipient i. If not, a routing
 * process has been asked and the step is made again when it answers, or the
 * outcome is there. */
static bool
has_route(struct step *s, size_t i, bool skip_alias)
{
	struct route_question question;
	char name[STEP_NAME_MAX + 1];
	uint64_t refused;

	if (s->is_routed)
		return true;
	if (!step_pose(s->r, s->m, i, skip_alias, name, &question)) {
		outcome_failed(s->r, s->m, s->i, "5.1.3 the local name is too long");
		return false;
	}
	table_set_permit(s->r->tables, 0);	/* the loop waits for no table */
	route_attempt(&s->route, s->r->conf, s->r->tables, &question);
	refused = table_set_refused(s->r->tables);
	if (refused != 0 && !router_ask(s->r, s->m, s->i, i, skip_alias, refused))
		defer(s, "4.3.0 no memory to route it", false);
	return refused == 0;
}

static enum job_action
job_action(enum conf_action a)
{
	switch (a) {
	case ACTION_MBOX:
		return JOB_MBOX;
	case ACTION_MAILDIR:
		return JOB_MAILDIR;
	case ACTION_MDA:
		return JOB_MDA;
	case ACTION_LMTP:
		return JOB_LMTP;
	default:
		return JOB_NONE;
	}
}

/* What deliver-local says where no .forward takes the message elsewhere. */
static const char *
no_action_verdict(enum conf_action a)
{
	return a == ACTION_FORWARD_ONLY ? "Z4.2.0 the user forwards nowhere and the rule only forwards" :
	    "D5.2.0 the user forwards nowhere and the rule has no action";
}

/* Builds the job's frame and gives it to the lane. */
static void
hand_out(struct step *s, const struct identity *who, struct job *j)
{
	struct lane *lane = lane_find(s->r, who);
	struct job_run *run;
	const char *address = s->q->kind == RECIPIENT_OF_ALIAS || s->q->kind == RECIPIENT_OF_USER ?
	    message_recipient(s->m, (size_t)s->q->parent)->text : s->q->text;
	struct job_recipient to = {
		.original = message_recipient(s->m, message_root(s->m, s->i))->text, .address = address,
		.notify = s->q->notify, .orcpt = s->q->orcpt,
	};

	if (lane != NULL && !lane_admits(s->r, lane, s->m, s->i))
		return;
	run = job_new(s->m, MDA_SECONDS, expire_seconds(s));
	j->id = s->m->id;
	j->reverse_path = message_reverse_path(s->m, s->i);
	j->delimiter = s->r->conf->subaddressing_delimiter;
	j->deadline_seconds = MDA_SECONDS;
	j->origin = *s->m->file.facts.client != '\0' ? s->m->file.facts.client : "local";
	j->helo = s->m->file.facts.helo;
	j->auth_user = s->m->file.facts.user;
	j->ret = s->m->file.facts.ret;
	j->envid = s->m->file.facts.envid;
	j->is_smtputf8 = s->m->file.facts.is_smtputf8;
	j->text_size = j->action == JOB_INCLUDE ? 0 : s->m->file.text_size;
	if (run == NULL || lane == NULL || !genalloc_append(size_t, &run->recipients, &s->i) ||
	    !genalloc_append(struct job_recipient, &j->recipients, &to) ||
	    !job_encode(&run->feed.head, j)) {
		if (run != NULL)
			job_free(run);
		genalloc_free(struct job_recipient, &j->recipients);
		defer(s, "4.3.0 no memory for the delivery", false);
		return;
	}
	genalloc_free(struct job_recipient, &j->recipients);
	run->feed.text_fd = s->m->file.fd;
	run->feed.text_left = j->text_size;
	run->is_quick = j->action == JOB_MAILDIR || j->action == JOB_MBOX || j->action == JOB_FILE ||
	    j->action == JOB_INCLUDE || j->action == JOB_NONE;
	run->reads_forward = j->reads_forward;
	run->reads_list = j->action == JOB_INCLUDE;
	run->uid = s->route.user.uid;
	message_set_progress(s->m, s->i, PROGRESS_RUNNING);
	s->m->running++;
	lane_add(s->r, lane, run);
}

static void
identify(struct identity *who, const struct userinfo *u, const char *as)
{
	*who = (struct identity){ .kind = IDENTITY_ROW, .uid = u->uid, .gid = u->gid };
	if (*as != '\0')
		*who = (struct identity){ .kind = IDENTITY_SYSTEM, .name = as };
	else if (u->is_system)
		*who = (struct identity){ .kind = IDENTITY_SYSTEM, .name = u->name };
}

/* Mail that ends at uid 0 is kept for a person, not bounced: nothing of ours runs as root. */
static void
deliver_for_root(struct step *s)
{
	struct identity who = { .kind = IDENTITY_ALIAS };
	struct job j = { .action = JOB_MAILDIR, .param = "", .user = "ppalias", .home = s->r->alias_home };

	log_line("%s.%zu: mail for %s goes to %s/Maildir: an alias \"%s: YOU\" would bring it to a person", s->m->id,
	    s->i, s->route.user.name, s->r->alias_home, s->route.user.name);
	hand_out(s, &who, &j);
}

static void
deliver(struct step *s)
{
	const struct conf_rule *rule = s->route.rule;
	const struct userinfo *u = &s->route.user;
	bool is_mailbox = s->q->kind == RECIPIENT_MAILBOX;
	struct identity who;
	struct job j = {
		.action = job_action(rule->action), .param = rule->action_text, .user = u->name, .home = u->home,
		.reads_forward = !is_mailbox && *rule->action_user == '\0', .lmtp_rcpt_to = rule->lmtp_rcpt_to,
		.makes_home = !u->is_system && *rule->action_user == '\0',
	};

	if (u->uid == 0) {
		deliver_for_root(s);
		return;
	}
	if (j.action == JOB_NONE)
		j.param = no_action_verdict(rule->action);
	identify(&who, u, rule->action_user);
	if (j.action == JOB_MBOX && who.kind == IDENTITY_SYSTEM)
		who.kind = IDENTITY_MBOX;
	else if (j.action == JOB_MBOX)
		j.param = "~/mbox";	/* a table row has no system mailbox */
	hand_out(s, &who, &j);
}

/* A command, file, include or error out of an alias table. */
static void
do_alias_node(struct step *s, const struct node *n)
{
	static const enum job_action actions[] = {
		[NODE_PIPE] = JOB_PIPE, [NODE_FILE] = JOB_FILE, [NODE_INCLUDE] = JOB_INCLUDE,
	};
	struct identity who = { .kind = IDENTITY_ALIAS };
	struct job j = { .param = n->text, .user = "ppalias", .home = s->r->alias_home };

	if (n->kind == NODE_ERROR) {
		if (n->text[0] == '4')
			defer(s, n->text, false);
		else
			outcome_failed(s->r, s->m, s->i, n->text);
		return;
	}
	j.action = actions[n->kind];
	hand_out(s, &who, &j);
}

/* A command or file out of a .forward: only as the user whose .forward it was,
 * if that is still the same one. */
static void
do_user_node(struct step *s, const struct node *n)
{
	struct identity who;
	struct job j = { .action = n->kind == NODE_PIPE ? JOB_PIPE : JOB_FILE, .param = n->text };

	if (!has_route(s, (size_t)s->q->parent, true))
		return;
	if (s->route.kind == ROUTE_INACTIVE) {
		outcome_failed(s->r, s->m, s->i, reason(s, s->route.status));
		return;
	}
	if (s->route.kind != ROUTE_DELIVER || s->route.user.uid != s->q->uid) {
		defer(s, "4.3.5 the user whose .forward named this is not found as it was", false);
		return;
	}
	identify(&who, &s->route.user, "");
	j.user = s->route.user.name;
	j.home = s->route.user.home;
	hand_out(s, &who, &j);
}

static void
do_node(struct step *s)
{
	stralloc list = STRALLOC_ZERO;
	struct node n;
	size_t at = 0;

	if (!stralloc_cats(&list, s->q->text) || !stralloc_0(&list))
		defer(s, "4.3.0 no memory", false);
	else if (!node_list_next(&n, &at, &list) || n.kind == NODE_ADDRESS || n.kind == NODE_USER)
		outcome_failed(s->r, s->m, s->i, "5.3.5 the queue holds a node that is none");
	else if (s->q->kind == RECIPIENT_OF_ALIAS)
		do_alias_node(s, &n);
	else if (n.kind == NODE_PIPE || n.kind == NODE_FILE)
		do_user_node(s, &n);
	else
		outcome_failed(s->r, s->m, s->i, "5.3.5 a .forward may name addresses, commands and files only");
	stralloc_free(&list);
}

/* smtp-recv had accepted it and the configuration has changed: mending that heals it. */
static void
refuse(struct step *s)
{
	if (is_checked(s->m) && s->q->parent == RECIPIENT_NO_PARENT)
		defer(s, reason(s, "4.3.5"), false);
	else
		outcome_failed(s->r, s->m, s->i, reason(s, s->route.status));
}

static void
follow_route(struct step *s)
{
	switch (s->route.kind) {
	case ROUTE_REJECT:
		refuse(s);
		break;
	case ROUTE_NO_USER:
		if (is_checked(s->m))
			defer(s, reason(s, "4.1.1"), true);
		else
			outcome_failed(s->r, s->m, s->i, reason(s, s->route.status));
		break;
	case ROUTE_INACTIVE:
		outcome_failed(s->r, s->m, s->i, reason(s, s->route.status));
		break;
	case ROUTE_LATER:
		defer(s, reason(s, "4.3.0"), false);
		break;
	case ROUTE_BROKEN:
		defer(s, reason(s, "4.3.5"), false);
		break;
	case ROUTE_EXPAND:
		outcome_expanded(s->r, s->m, s->i, &s->route.nodes, false, (uid_t)-1);
		break;
	case ROUTE_DELIVER:
		if (!pause_holds_back(s->r, s->m, s->i, false))
			deliver(s);
		break;
	case ROUTE_RELAY:
		if (!pause_holds_back(s->r, s->m, s->i, true))
			remote_hand_out(s->r, s->m, s->i, s->route.relay.s, expire_seconds(s));
		break;
	}
}

static void
make(struct step *s)
{
	s->q = message_recipient(s->m, s->i);
	if (depth(s->m, s->i) > NODE_DEPTH_MAX)
		outcome_failed(s->r, s->m, s->i, "5.4.6 too many levels of aliases");
	else if (s->q->kind == RECIPIENT_OF_ALIAS || s->q->kind == RECIPIENT_OF_USER)
		do_node(s);
	else if (has_route(s, s->i, s->q->kind == RECIPIENT_MAILBOX))
		follow_route(s);
	route_free(&s->route);
}

void
step_recipient(struct runner *r, struct message *m, size_t i)
{
	struct step s = { .r = r, .m = m, .i = i, .route = ROUTE_ZERO };

	make(&s);
}

void
step_resume(struct runner *r, struct message *m, size_t i, struct route *route)
{
	struct step s = { .r = r, .m = m, .i = i, .route = *route, .is_routed = true };

	if (route->status == route->own_status)
		s.route.status = s.route.own_status;
	*route = (struct route)ROUTE_ZERO;
	if (m->unrecorded == NULL && !message_is_to_rest(r, m) &&
	    message_recipient(m, i)->status == RECIPIENT_PENDING) {	/* or the operator has removed it meanwhile */
		make(&s);
		return;
	}
	route_free(&s.route);
	message_set_progress(m, i, PROGRESS_NONE);	/* nothing is started before that is on disk */
	if (i < m->first_undecided)
		m->first_undecided = i;
}
