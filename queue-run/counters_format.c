/* counters_format: the names of the counters. Pure; see counters.h. */
#include "queue-run/counters.h"

#include <inttypes.h>
#include <stdio.h>

/* Of which file a number is, and what of it. */
enum source { SMTP, REMOTE, QUEUE };
enum kind { COUNTER, ACTIVE, DERIVED };
enum derived { UPTIME, WORKERS, WINDOW, RUNNERS, ABORTED, TIMEOUT };

struct entry {
	const char *key;
	enum source source;
	enum kind kind;
	unsigned which;		/* a slot, a gauge, or enum derived */
	const char *help;	/* for Prometheus */
};

/* OpenSMTPD's of 2009 in its order, then ours by name. */
static const struct entry entries[] = {
	{ "mta.sessions", REMOTE, COUNTER, STATS_REMOTE_SESSIONS, "Sessions with servers of other hosts." },
	{ "mta.sessions.active", REMOTE, ACTIVE, STATS_GAUGE_PROCESS, "Sessions with servers of other hosts, now." },
	{ "parent.uptime", QUEUE, DERIVED, UPTIME, "Seconds since the counters began." },
	{ "queue.inserts.local", QUEUE, COUNTER, STATS_QUEUE_INSERTS_LOCAL, "Recipients queued from this host." },
	{ "queue.inserts.remote", QUEUE, COUNTER, STATS_QUEUE_INSERTS_REMOTE, "Recipients queued from the network." },
	{ "runner.active", QUEUE, DERIVED, WORKERS, "Delivery processes, now." },
	{ "smtp.errors.delays", SMTP, COUNTER, STATS_SMTP_DELAYS, "Replies held back from clients that err." },
	{ "smtp.errors.linetoolong", SMTP, COUNTER, STATS_SMTP_LINETOOLONG, "Lines over the limit." },
	{ "smtp.errors.read_eof", SMTP, COUNTER, STATS_SMTP_READ_EOF, "Clients that left in the middle." },
	{ "smtp.errors.read_system", SMTP, COUNTER, STATS_SMTP_READ_SYSTEM, "Reads that failed." },
	{ "smtp.errors.read_timeout", SMTP, COUNTER, STATS_SMTP_READ_TIMEOUT, "Clients that said nothing in time." },
	{ "smtp.errors.tempfail", SMTP, COUNTER, STATS_SMTP_TEMPFAIL, "Replies of 4xx for reasons of ours." },
	{ "smtp.errors.toofast", SMTP, COUNTER, STATS_SMTP_TOOFAST, "Clients that did not wait for a reply." },
	{ "smtp.errors.write_eof", SMTP, COUNTER, STATS_SMTP_WRITE_EOF, "Clients that left before a reply." },
	{ "smtp.errors.write_system", SMTP, COUNTER, STATS_SMTP_WRITE_SYSTEM, "Writes that failed." },
	{ "smtp.errors.write_timeout", SMTP, COUNTER, STATS_SMTP_WRITE_TIMEOUT, "Clients that took no reply in time." },
	{ "smtp.sessions", SMTP, COUNTER, STATS_SMTP_SESSIONS, "Sessions with clients." },
	{ "smtp.sessions.aborted", SMTP, DERIVED, ABORTED, "Sessions that broke off." },
	{ "smtp.sessions.active", SMTP, ACTIVE, STATS_GAUGE_PROCESS, "Sessions with clients, now." },
	{ "smtp.sessions.timeout", SMTP, DERIVED, TIMEOUT, "Sessions that ended by a time limit." },
	{ "smtp.sessions.smtps", SMTP, COUNTER, STATS_SMTP_SMTPS, "Sessions with TLS from the start." },
	{ "smtp.sessions.smtps.active", SMTP, ACTIVE, STATS_GAUGE_SMTPS, "Sessions with TLS from the start, now." },
	{ "smtp.sessions.starttls", SMTP, COUNTER, STATS_SMTP_STARTTLS, "Sessions with TLS after STARTTLS." },
	{ "smtp.sessions.starttls.active", SMTP, ACTIVE, STATS_GAUGE_STARTTLS,
	    "Sessions with TLS after STARTTLS, now." },

	{ "mta.messages", REMOTE, COUNTER, STATS_REMOTE_MESSAGES, "Messages that other hosts have accepted." },
	{ "mta.sessions.tls", REMOTE, COUNTER, STATS_REMOTE_TLS, "Sessions with servers of other hosts that used TLS." },
	{ "mta.unreachable", REMOTE, COUNTER, STATS_REMOTE_UNREACHABLE, "Servers of other hosts that could not be reached." },
	{ "queue.bounce", QUEUE, COUNTER, STATS_QUEUE_BOUNCES, "Notices to senders." },
	{ "queue.messages", QUEUE, COUNTER, STATS_QUEUE_MESSAGES, "Messages accepted into the queue." },
	{ "runner.running", QUEUE, DERIVED, RUNNERS, "Whether queue-run is there." },
	{ "runner.starts", QUEUE, COUNTER, STATS_QUEUE_RUNS, "Starts of queue-run." },
	{ "scheduler.delivery.ok", QUEUE, COUNTER, STATS_QUEUE_DELIVERED, "Recipients delivered to." },
	{ "scheduler.delivery.permfail", QUEUE, COUNTER, STATS_QUEUE_FAILED, "Recipients that failed." },
	{ "scheduler.delivery.tempfail", QUEUE, COUNTER, STATS_QUEUE_DEFERRED, "Attempts that were put off." },
	{ "scheduler.envelope.expired", QUEUE, COUNTER, STATS_QUEUE_EXPIRED, "Recipients that were given up." },
	{ "scheduler.envelope.removed", QUEUE, COUNTER, STATS_QUEUE_REMOVED, "Recipients removed by the administrator." },
	{ "scheduler.message.inflight", QUEUE, DERIVED, WINDOW, "Messages being worked on, now." },
	{ "smtp.accepted", SMTP, COUNTER, STATS_SMTP_ACCEPTED, "Messages accepted from clients." },
	{ "smtp.auth", SMTP, COUNTER, STATS_SMTP_AUTH, "Logins of clients." },
	{ "smtp.auth.failed", SMTP, COUNTER, STATS_SMTP_AUTH_FAILED, "Wrong passwords." },
	{ "smtp.rejected", SMTP, COUNTER, STATS_SMTP_REJECTED, "Recipients refused by a rule." },
	{ "smtp.tls.failed", SMTP, COUNTER, STATS_SMTP_TLS_FAILED, "TLS handshakes with clients that failed." },
};
enum { NENTRIES = sizeof entries / sizeof entries[0] };

static uint64_t
derive(const struct counters *c, enum derived which)
{
	const uint64_t *smtp = c->smtp.values;
	bool has_runner = c->queue.active[STATS_GAUGE_PROCESS] > 0;

	switch (which) {
	case UPTIME:
		return (uint64_t)c->uptime;
	case WORKERS:
		return has_runner ? c->queue.values[STATS_QUEUE_WORKERS] : 0;
	case WINDOW:
		return has_runner ? c->queue.values[STATS_QUEUE_WINDOW] : 0;
	case RUNNERS:
		return has_runner;
	case ABORTED:
		return smtp[STATS_SMTP_READ_EOF] + smtp[STATS_SMTP_READ_SYSTEM] + smtp[STATS_SMTP_WRITE_EOF] +
		    smtp[STATS_SMTP_WRITE_SYSTEM];
	case TIMEOUT:
		return smtp[STATS_SMTP_READ_TIMEOUT] + smtp[STATS_SMTP_WRITE_TIMEOUT];
	}
	return 0;
}

static uint64_t
value_of(const struct counters *c, const struct entry *e)
{
	const struct counter_file *f = e->source == SMTP ? &c->smtp : e->source == REMOTE ? &c->remote : &c->queue;

	switch (e->kind) {
	case COUNTER:
		return f->values[e->which];
	case ACTIVE:
		return f->active[e->which];
	case DERIVED:
		break;
	}
	return derive(c, (enum derived)e->which);
}

/* "1d2h3m4s" */
static void
say_uptime(char *to, size_t size, int64_t s)
{
	snprintf(to, size, "%" PRId64 "d%" PRId64 "h%" PRId64 "m%" PRId64 "s", s / 86400, s / 3600 % 24, s / 60 % 60,
	    s % 60);
}

/* Adds a line for each place that holds messages; format takes its name and number. */
static bool
add_lengths(stralloc *to, const struct counters *c, bool is_prometheus)
{
	char line[160];

	if (!c->has_lengths)
		return true;
	if (is_prometheus && !stralloc_cats(to, "# HELP pipepost_queue_length Messages in the queue, by place.\n"
	    "# TYPE pipepost_queue_length gauge\n"))
		return false;
	for (enum queue_place p = QUEUE_NEW; p <= QUEUE_CORRUPT; p++) {
		if (is_prometheus)
			snprintf(line, sizeof line, "pipepost_queue_length{place=\"%s\"} %zu\n", queue_place_names[p],
			    c->lengths[p]);
		else
			snprintf(line, sizeof line, "queue.length.%s=%zu\n", queue_place_names[p], c->lengths[p]);
		if (!stralloc_cats(to, line))
			return false;
	}
	return true;
}

bool
counters_format(stralloc *to, const struct counters *c)
{
	char line[160], uptime[64];

	for (size_t i = 0; i < NENTRIES; i++) {
		snprintf(line, sizeof line, "%s=%" PRIu64 "\n", entries[i].key, value_of(c, &entries[i]));
		if (!stralloc_cats(to, line))
			return false;
	}
	if (!add_lengths(to, c, false))
		return false;
	say_uptime(uptime, sizeof uptime, c->uptime);
	snprintf(line, sizeof line, "uptime=%" PRId64 "\nuptime.human=%s\n", c->uptime, uptime);
	return stralloc_cats(to, line);
}

/* "smtp.sessions.active" as "pipepost_smtp_sessions_active". */
static bool
add_name(stralloc *to, const char *key, bool is_counter)
{
	if (!stralloc_cats(to, "pipepost_"))
		return false;
	for (; *key != '\0'; key++) {
		char c = *key == '.' ? '_' : *key;

		if (!stralloc_catb(to, &c, 1))
			return false;
	}
	return !is_counter || stralloc_cats(to, "_total");
}

static bool
is_counter(const struct entry *e)
{
	return e->kind == COUNTER || (e->kind == DERIVED && (e->which == ABORTED || e->which == TIMEOUT));
}

static bool
add_metric(stralloc *to, const struct counters *c, const struct entry *e)
{
	bool counts = is_counter(e);
	char value[32];

	snprintf(value, sizeof value, " %" PRIu64 "\n", value_of(c, e));
	return stralloc_cats(to, "# HELP ") && add_name(to, e->key, counts) && stralloc_cats(to, " ") &&
	    stralloc_cats(to, e->help) && stralloc_cats(to, "\n# TYPE ") && add_name(to, e->key, counts) &&
	    stralloc_cats(to, counts ? " counter\n" : " gauge\n") && add_name(to, e->key, counts) &&
	    stralloc_cats(to, value);
}

bool
counters_format_prometheus(stralloc *to, const struct counters *c)
{
	for (size_t i = 0; i < NENTRIES; i++)
		if (!add_metric(to, c, &entries[i]))
			return false;
	return add_lengths(to, c, true);
}
