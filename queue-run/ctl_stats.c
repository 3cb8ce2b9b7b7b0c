/* ctl_stats: the counters, as they are or as they change. See ctl.h and counters.h. */
#include "queue-run/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "queue-run/counters.h"

enum { HEADING_LINES = 25 };

static void
read_counters(struct ctl *c, struct counters *counters, bool is_reset)
{
	const char *what = "";

	if (!counters_read(counters, c->spool, is_reset, &what))
		die_errno(is_reset ? EX_NOPERM : EX_OSFILE, "%s/stats/%s", c->spool, what);
}

/* Only who may read the queue can count it. */
static void
add_lengths(struct ctl *c, struct counters *counters)
{
	const char *what = "";

	ctl_need_queue(c);
	if (!counters_add_lengths(counters, &c->queue, &what))
		die_errno(EX_OSFILE, "%s/%s", c->spool, what);
}

int
ctl_show_stats(struct ctl *c, const char *const *args)
{
	struct counters counters;
	stralloc text = STRALLOC_ZERO;
	bool is_reset = false, is_prometheus = false, has_lengths = false;

	for (; *args != NULL; args++) {
		if (strcmp(*args, "-z") == 0)
			is_reset = true;
		else if (strcmp(*args, "-p") == 0)
			is_prometheus = true;
		else if (strcmp(*args, "-q") == 0)
			has_lengths = true;
		else
			ctl_usage("show stats [-p] [-q] [-z]");
	}
	read_counters(c, &counters, is_reset);	/* in which only root may reset all */
	if (has_lengths)
		add_lengths(c, &counters);
	if (!(is_prometheus ? counters_format_prometheus(&text, &counters) : counters_format(&text, &counters)))
		die_errno(EX_OSERR, "counters");
	fwrite(text.s, 1, text.len, stdout);
	stralloc_free(&text);
	return 0;
}

/* ---- monitor ---- */

/* Columns as OpenSMTPD has them: what is now, or what has happened since the line before. */
struct column {
	const char *name;
	int width;
};

static const struct column columns[] = {
	{ "curr", 5 }, { "conn", 5 }, { "disc", 5 }, { "curr", 7 }, { "enq", 5 }, { "deq", 5 }, { "ok", 6 },
	{ "tmpfail", 8 }, { "prmfail", 8 }, { "loop", 5 }, { "expire", 7 }, { "remove", 7 }, { "bounce", 7 },
};
enum { NCOLUMNS = sizeof columns / sizeof columns[0] };

static void
print_monitor_heading(void)
{
	printf("%-15s  %-17s  %s\n", "--- client ---", "-- envelope --", "--- delivery --- misc ---");
	for (size_t i = 0; i < NCOLUMNS; i++)
		printf("%*s%s", columns[i].width, columns[i].name, i + 1 < NCOLUMNS ? "" : "\n");
}

/* A reset between two lines must not look like an enormous number. */
static uint64_t
grown(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static uint64_t
queue_growth(const struct counters *now, const struct counters *before, enum stats_queue slot)
{
	return grown(now->queue.values[slot], before->queue.values[slot]);
}

static void
print_monitor_line(const struct counters *now, const struct counters *before)
{
	uint64_t sessions = now->smtp.active[STATS_GAUGE_PROCESS], before_sessions = before->smtp.active[STATS_GAUGE_PROCESS];
	uint64_t connected = grown(now->smtp.values[STATS_SMTP_SESSIONS], before->smtp.values[STATS_SMTP_SESSIONS]);
	uint64_t ok = queue_growth(now, before, STATS_QUEUE_DELIVERED), failed = queue_growth(now, before, STATS_QUEUE_FAILED);
	uint64_t expired = queue_growth(now, before, STATS_QUEUE_EXPIRED);
	uint64_t removed = queue_growth(now, before, STATS_QUEUE_REMOVED);
	uint64_t values[NCOLUMNS] = {
		sessions, connected, grown(before_sessions + connected, sessions),
		now->queue.active[STATS_GAUGE_PROCESS] > 0 ? now->queue.values[STATS_QUEUE_WINDOW] : 0,
		queue_growth(now, before, STATS_QUEUE_INSERTS_LOCAL) + queue_growth(now, before, STATS_QUEUE_INSERTS_REMOTE),
		ok + failed + expired + removed, ok, queue_growth(now, before, STATS_QUEUE_DEFERRED), failed, 0, expired,
		removed, queue_growth(now, before, STATS_QUEUE_BOUNCES),
	};

	for (size_t i = 0; i < NCOLUMNS; i++)
		printf("%*" PRIu64 "%s", columns[i].width, values[i], i + 1 < NCOLUMNS ? "" : "\n");
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
}

/* A line a second, until it is interrupted. */
int
ctl_monitor(struct ctl *c, const char *const *args)
{
	struct counters now, before;

	if (args[0] != NULL)
		ctl_usage("monitor");
	read_counters(c, &before, false);
	for (unsigned n = 0;; n++) {
		if (n % HEADING_LINES == 0)
			print_monitor_heading();
		sleep(1);
		read_counters(c, &now, false);
		print_monitor_line(&now, &before);
		before = now;
	}
}
