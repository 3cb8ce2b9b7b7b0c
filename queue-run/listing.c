/* listing: see listing.h.
 *
 * Whatever came from a peer is made printable, and in the forms for programs
 * the bar that separates fields is escaped as well. */
#include "queue-run/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

enum { NUMBER_ROOM = 24, SLOTS_AHEAD_SECONDS = 4 * 3600 + 2 * QUEUE_SLOT_SECONDS };

bool
listing_is_open(const struct queue_recipient *r)
{
	return r->status == RECIPIENT_PENDING || r->status == RECIPIENT_FAILED;
}

/* ---- pieces ---- */

/* Somebody else's text as one field. */
static bool
add_field(stralloc *to, const char *text)
{
	const char *bar;

	for (; (bar = strchr(text, '|')) != NULL; text = bar + 1)
		if (!printable_append(to, text, (size_t)(bar - text)) || !stralloc_cats(to, "\\174"))
			return false;
	return printable_append(to, text, strlen(text)) && stralloc_cats(to, "|");
}

/* The null reverse-path is "@", as the originals write it. */
static bool
add_sender(stralloc *to, const struct listed *m)
{
	const char *s = m->file->envelope.reverse_path;

	return add_field(to, *s != '\0' ? s : "@");
}

static bool
add_number(stralloc *to, int64_t n, const char *end)
{
	char digits[NUMBER_ROOM];

	snprintf(digits, sizeof digits, "%" PRId64, n);
	return stralloc_cats(to, digits) && stralloc_cats(to, end);
}

static bool
add_uid(stralloc *to, const struct listed *m, size_t i, const char *end)
{
	return stralloc_catb(to, m->file->name, m->file->id_len) && stralloc_cats(to, ".") &&
	    add_number(to, (int64_t)i, end);
}

/* Adds a flag behind those that are there since start. */
static bool
add_flag(stralloc *to, size_t start, bool is_set, const char *flag)
{
	if (!is_set)
		return true;
	return (to->len == start || stralloc_cats(to, ",")) && stralloc_cats(to, flag);
}

static bool
is_notice(const struct listed *m)
{
	return m->file->facts.origin == ORIGIN_NOTICE;
}

static bool
is_in_flight(const struct listed *m)
{
	return m->place == QUEUE_CUR && m->is_runner_there;
}

/* Seconds until its next attempt; 0 = it is due. A slot too far ahead counts as due: a moved clock made it. */
static int64_t
rest(const struct listed *m)
{
	int64_t seconds = m->place == QUEUE_LATER ? m->due - m->now : 0;

	return seconds < 0 || seconds > SLOTS_AHEAD_SECONDS ? 0 : seconds;
}

static bool
is_due(const struct listed *m)
{
	return !is_in_flight(m) && !m->is_paused && rest(m) == 0;
}

/* The attempt that is going on counts as the last one. */
static int64_t
last_try(const struct listed *m, const struct queue_recipient *r)
{
	if (is_in_flight(m) && m->taken > m->file->last_attempt)
		return m->taken;
	return r->attempts > 0 ? m->file->last_attempt : 0;
}

/* ---- seven fields ---- */

static const char *
seed_type(const struct listed *m, enum listing_agent agent)
{
	switch (agent) {
	case LISTING_MDA:
		return is_notice(m) ? "MDA-DAEMON|" : "MDA|";
	case LISTING_MTA:
		return is_notice(m) ? "MTA-DAEMON|" : "MTA|";
	case LISTING_UNKNOWN:
		break;
	}
	return "UNKNOWN|";
}

static bool
add_seed_flags(stralloc *to, const struct listed *m, const struct queue_recipient *r)
{
	size_t start = to->len;
	bool is_waiting = m->place != QUEUE_HOLD && m->place != QUEUE_CORRUPT;

	return add_flag(to, start, r->attempts > 0, "TEMPFAIL") &&
	    add_flag(to, start, m->file->facts.user[0] != '\0', "AUTH") &&
	    add_flag(to, start, is_in_flight(m), "PROCESSING") &&
	    add_flag(to, start, is_waiting && is_due(m), "SCHEDULED") &&
	    add_flag(to, start, is_waiting, "ENQUEUED") && (to->len > start || stralloc_cats(to, "-")) &&
	    stralloc_cats(to, "|");
}

static bool
append_seed(stralloc *to, const struct listed *m, size_t i, enum listing_agent agent)
{
	const struct queue_recipient *r = queue_file_recipient(m->file, i);

	return stralloc_cats(to, seed_type(m, agent)) && add_uid(to, m, i, "|") && add_seed_flags(to, m, r) &&
	    add_sender(to, m) && add_field(to, r->text) && add_number(to, last_try(m, r), "|") &&
	    add_number(to, r->attempts, "\n");
}

/* ---- fourteen fields ---- */

static const char *
long_source(const struct listed *m)
{
	const struct facts *f = &m->file->facts;

	if (f->client[0] != '\0')
		return strchr(f->client, ':') != NULL ? "inet6|" : "inet4|";
	return f->origin == ORIGIN_UNKNOWN ? "?|" : "local|";
}

static const char *
long_agent(const struct queue_recipient *r, enum listing_agent agent)
{
	if (r->status == RECIPIENT_FAILED)
		return "bounce|";
	return agent == LISTING_MTA ? "mta|" : agent == LISTING_MDA ? "mda|" : "?|";
}

static bool
add_long_flags(stralloc *to, const struct listed *m)
{
	size_t start = to->len;

	return add_flag(to, start, is_notice(m), "bounce") &&
	    add_flag(to, start, m->file->facts.user[0] != '\0', "auth") &&
	    add_flag(to, start, m->place == QUEUE_HOLD, "suspend") &&
	    add_flag(to, start, m->place == QUEUE_WAIT, "hold") && stralloc_cats(to, "|");
}

/* The address of the envelope that a recipient comes from. */
static const char *
original(const struct queue_file *f, const struct queue_recipient *r)
{
	while (r->parent != RECIPIENT_NO_PARENT)
		r = queue_file_recipient(f, (size_t)r->parent);
	return r->text;
}

static bool
add_state(stralloc *to, const struct listed *m)
{
	if (is_in_flight(m))
		return stralloc_cats(to, "inflight|") && add_number(to, m->now < m->taken ? 0 : m->now - m->taken, "|");
	if (m->place == QUEUE_CORRUPT)
		return stralloc_cats(to, "invalid||");
	if (m->place == QUEUE_HOLD || m->is_paused)
		return stralloc_cats(to, "pending||");	/* whoever has paused it decides when */
	return stralloc_cats(to, "pending|") && add_number(to, rest(m), "|");
}

/* The last field: no bar behind it. */
static bool
add_reason(stralloc *to, const char *reason)
{
	if (!add_field(to, reason))
		return false;
	to->len--;
	return stralloc_cats(to, "\n");
}

static bool
append_long(stralloc *to, const struct listed *m, size_t i, enum listing_agent agent, int64_t expires)
{
	const struct queue_recipient *r = queue_file_recipient(m->file, i);

	return add_uid(to, m, i, "|") && stralloc_cats(to, long_source(m)) && stralloc_cats(to, long_agent(r, agent)) &&
	    add_long_flags(to, m) && add_sender(to, m) && add_field(to, original(m->file, r)) &&
	    add_field(to, r->text) && add_number(to, m->file->created, "|") && add_number(to, expires, "|") &&
	    add_number(to, last_try(m, r), "|") && add_number(to, r->attempts, "|") && add_state(to, m) &&
	    add_reason(to, r->reason);
}

/* ---- a table ---- */

char *
listing_size(char *to, size_t size, uint64_t octets)
{
	static const char units[] = "KMGTP";
	double n = (double)octets;
	size_t u = 0;

	if (octets < 1000) {
		snprintf(to, size, "%u", (unsigned)octets);
		return to;
	}
	for (n /= 1024; n >= 1000 && u + 1 < sizeof units - 1; u++)
		n /= 1024;
	snprintf(to, size, n < 10 ? "%.1f%c" : "%.0f%c", n, units[u]);
	return to;
}

char *
listing_time(char *to, size_t size, int64_t seconds)
{
	static const struct unit {
		int64_t seconds, below;
		char letter;
	} units[] = { { 1, 100, 's' }, { 60, 100 * 60, 'm' }, { 3600, 48 * 3600, 'h' }, { 86400, INT64_MAX, 'd' } };
	size_t u = 0;

	if (seconds < 1) {
		snprintf(to, size, "now");
		return to;
	}
	while (u + 1 < sizeof units / sizeof units[0] && seconds >= units[u].below)
		u++;
	snprintf(to, size, "%" PRId64 "%c", seconds / units[u].seconds, units[u].letter);
	return to;
}

static const char *
table_state(const struct listed *m, const struct queue_recipient *r)
{
	if (is_in_flight(m))
		return "active";
	if (m->place == QUEUE_HOLD)
		return "held";
	if (m->place == QUEUE_CORRUPT)
		return "damaged";
	if (r->status == RECIPIENT_FAILED)
		return "failed";
	if (m->is_paused)
		return "paused";
	return rest(m) == 0 ? "due" : "waiting";
}

/* Whether there will be a next attempt, and when. */
static void
say_next(char *to, size_t size, const struct listed *m)
{
	char time[NUMBER_ROOM];

	if (m->place == QUEUE_HOLD || m->place == QUEUE_CORRUPT || m->is_paused)
		snprintf(to, size, "-");
	else if (is_in_flight(m) || rest(m) == 0)
		snprintf(to, size, "now");
	else
		snprintf(to, size, "in %s", listing_time(time, sizeof time, rest(m)));
}

#define TABLE_COLUMNS "%-31s %4s %5s  %-7s %-7s  "

bool
listing_append_heading(stralloc *to, enum listing_form form)
{
	char line[128];

	if (form != LISTING_TABLE)
		return true;
	snprintf(line, sizeof line, TABLE_COLUMNS "FROM -> TO\n", "ID", "AGE", "SIZE", "STATE", "NEXT");
	return stralloc_cats(to, line);
}

/* The words of the last failure, on a line of their own. */
static bool
add_table_reason(stralloc *to, const struct queue_recipient *r)
{
	char words[NUMBER_ROOM + 16];

	if (r->reason[0] == '\0')
		return true;
	snprintf(words, sizeof words, " (attempt %u)\n", r->attempts);
	return stralloc_cats(to, "    ") && printable_append(to, r->reason, strlen(r->reason)) &&
	    stralloc_cats(to, r->attempts > 0 ? words : "\n");
}

static bool
append_table(stralloc *to, const struct listed *m, size_t i)
{
	const struct queue_recipient *r = queue_file_recipient(m->file, i);
	const char *sender = m->file->envelope.reverse_path;
	char uid[QUEUE_ID_MAX + NUMBER_ROOM + 2], age[NUMBER_ROOM], size[NUMBER_ROOM], next[NUMBER_ROOM + 4], line[256];

	snprintf(uid, sizeof uid, "%.*s.%zu", (int)m->file->id_len, m->file->name, i);
	listing_time(age, sizeof age, m->now - m->file->created);
	listing_size(size, sizeof size, m->file->text_size);
	say_next(next, sizeof next, m);
	snprintf(line, sizeof line, TABLE_COLUMNS, uid, age, size, table_state(m, r), next);
	if (*sender == '\0')
		sender = "<>";
	return stralloc_cats(to, line) && printable_append(to, sender, strlen(sender)) && stralloc_cats(to, " -> ") &&
	    printable_append(to, r->text, strlen(r->text)) && stralloc_cats(to, "\n") && add_table_reason(to, r);
}

bool
listing_append(stralloc *to, enum listing_form form, const struct listed *m, size_t i, enum listing_agent agent,
    int64_t expires)
{
	switch (form) {
	case LISTING_SEED:
		return append_seed(to, m, i, agent);
	case LISTING_LONG:
		return append_long(to, m, i, agent, expires);
	case LISTING_TABLE:
		break;
	}
	return append_table(to, m, i);
}
