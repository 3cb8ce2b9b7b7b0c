/* table: see table.h.
 *
 * Keeps the open tables of one configuration, notices replaced files and asks
 * the kind (table_kind.h). It never says ABSENT unless a table was asked. */
#include "lib/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/table_kind.h"

struct table_set {
	const struct conf *conf;
	struct open_table *first;
	struct table_helpers helpers;
	uint64_t permitted, refused;	/* sources (table_sources()) */
	stralloc *trace;		/* not owned, or NULL */
};

enum { WHY_MAX = 512 };

const char *
service_name(enum service s)
{
	static const char *const names[] = {
		[SERVICE_ALIAS] = "alias",
		[SERVICE_DOMAIN] = "domain",
		[SERVICE_USERINFO] = "userinfo",
		[SERVICE_CREDENTIALS] = "credentials",
		[SERVICE_NETADDR] = "netaddr",
		[SERVICE_SOURCE] = "source",
		[SERVICE_MAILADDR] = "mailaddr",
		[SERVICE_ADDRNAME] = "addrname",
		[SERVICE_MAILADDRMAP] = "mailaddrmap",
	};

	return names[s];
}

const char *
table_label(char *to, size_t size, const struct conf_table *t)
{
	bool has_brackets = t->name[0] == '<';	/* as anonymous ones have */

	snprintf(to, size, has_brackets ? "%s" : "<%s>", t->name);
	return to;
}

enum lookup
table_say(stralloc *why, enum lookup answer, const char *format, ...)
{
	char line[WHY_MAX];
	va_list args;

	if (why == NULL)
		return answer;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	why->len = 0;
	stralloc_cats(why, line);	/* without memory: no words, the same answer */
	return answer;
}

enum lookup
table_say_errno(stralloc *why, const char *path)
{
	return table_say(why, LOOKUP_LATER, "%s: %s", path, strerror(errno));
}

/* ---- opening ---- */

static const struct table_kind *
kind_of(const struct conf_table *t)
{
	switch (t->kind) {
	case TABLE_INLINE:
		return &table_kind_inline;
	case TABLE_FILE:
		return &table_kind_file;
	case TABLE_DB:
		return &table_kind_db;
	case TABLE_SYSTEM:
		return &table_kind_system;
	case TABLE_SQLITE:
	case TABLE_EXEC:
	case TABLE_PROC:
		break;
	}
	return &table_kind_helper;
}

struct table_set *
table_set_new(const struct conf *c)
{
	struct table_set *set = calloc(1, sizeof *set);

	if (set == NULL)
		return NULL;
	set->conf = c;
	set->permitted = UINT64_MAX;
	return set;
}

void
table_set_permit(struct table_set *set, uint64_t sources)
{
	set->permitted = sources;
	set->refused = 0;
}

uint64_t
table_set_refused(const struct table_set *set)
{
	return set->refused;
}

void
table_set_trace(struct table_set *set, stralloc *trace)
{
	set->trace = trace;
}

stralloc *
table_set_tracer(const struct table_set *set)
{
	return set->trace;
}

const struct conf *
table_set_conf(const struct table_set *set)
{
	return set->conf;
}

struct table_helpers *
table_set_helpers(struct table_set *set)
{
	return &set->helpers;
}

static void
unload(struct open_table *o)
{
	if (o->is_loaded && o->kind->unload != NULL)
		o->kind->unload(o);
	o->is_loaded = false;
	table_free_patterns(o);
}

void
table_set_free(struct table_set *set)
{
	struct open_table *next;

	if (set == NULL)
		return;
	for (struct open_table *o = set->first; o != NULL; o = next) {
		next = o->next;
		unload(o);
		stralloc_free(&o->failure_why);
		free(o);
	}
	table_helpers_free(&set->helpers);
	free(set);
}

static struct open_table *
find_table(struct table_set *set, const struct conf_table *t)
{
	struct open_table *o;

	for (o = set->first; o != NULL; o = o->next)
		if (o->t == t)
			return o;
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return NULL;
	o->t = t;
	o->kind = kind_of(t);
	o->helpers = &set->helpers;
	o->cdb.fd = -1;
	o->next = set->first;
	set->first = o;
	return o;
}

static bool
is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    is_same_time(a->st_mtim, b->st_mtim) && is_same_time(a->st_ctim, b->st_ctim);
}

static enum lookup
load(struct open_table *o, stralloc *why)
{
	const char *path = o->t->path;
	enum lookup answer;
	/* A FIFO in its place must not stop the caller's loop. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1)
		return table_say_errno(why, path);
	if (fstat(fd, &o->stamp) == -1 || !S_ISREG(o->stamp.st_mode)) {
		close(fd);
		return table_say(why, LOOKUP_BROKEN, "%s: is not a regular file", path);
	}
	o->is_loaded = true;
	answer = o->kind->load(o, fd, why);
	if (answer == LOOKUP_LATER)
		unload(o);
	return answer;
}

/* What a broken file answers until it is replaced, without reading it again. */
static void
remember(struct open_table *o, enum lookup answer, const stralloc *why)
{
	o->failure = answer == LOOKUP_BROKEN ? LOOKUP_BROKEN : LOOKUP_FOUND;
	o->failure_why.len = 0;
	if (answer == LOOKUP_BROKEN && stralloc_copy(&o->failure_why, why))
		stralloc_0(&o->failure_why);
}

static enum lookup
refresh(struct open_table *o, stralloc *why)
{
	stralloc reason = STRALLOC_ZERO;
	enum lookup answer;
	struct stat now;

	if (o->kind->load == NULL)
		return LOOKUP_FOUND;
	if (stat(o->t->path, &now) == -1)
		return table_say_errno(why, o->t->path);
	if (o->is_loaded && is_same_file(&o->stamp, &now)) {
		if (o->failure != LOOKUP_FOUND)
			table_say(why, o->failure, "%s", o->failure_why.len > 0 ? o->failure_why.s : o->t->path);
		return o->failure;
	}
	unload(o);
	answer = load(o, &reason);
	remember(o, answer, &reason);
	if (answer != LOOKUP_FOUND)
		table_say(why, answer, "%.*s", (int)reason.len, reason.s);
	stralloc_free(&reason);
	return answer;
}

static bool
is_permitted(struct table_set *set, const struct conf_table *t)
{
	uint64_t refused;

	if (set->permitted == UINT64_MAX)
		return true;	/* what may wait is not even looked for */
	refused = table_sources(set->conf, t) & ~set->permitted;
	set->refused |= refused;
	return refused == 0;
}

struct open_table *
table_open(struct table_set *set, const struct conf_table *t, enum lookup *answer, stralloc *why)
{
	struct open_table *o;

	if (!is_permitted(set, t)) {
		*answer = table_say(why, LOOKUP_LATER, "%s: is not asked here", t->name);
		return NULL;
	}
	o = find_table(set, t);
	if (o == NULL) {
		*answer = table_say(why, LOOKUP_LATER, "%s: out of memory", t->name);
		return NULL;
	}
	*answer = refresh(o, why);
	return *answer == LOOKUP_FOUND ? o : NULL;
}

/* ---- asking ---- */

/* Writes key in lower case. False where it is longer than any entry could be. */
static bool
lowercase_key(char lower[TABLE_KEY_MAX + 1], const char *key)
{
	size_t len = strlen(key);

	if (len > TABLE_KEY_MAX)
		return false;
	for (size_t i = 0; i <= len; i++)
		lower[i] = key[i] >= 'A' && key[i] <= 'Z' ? (char)(key[i] + ('a' - 'A')) : key[i];
	return true;
}

static enum lookup
find_first(struct open_table *o, const char *const keys[], size_t nkeys, stralloc *value, size_t *which,
    stralloc *why)
{
	char lower[TABLE_KEY_MAX + 1];

	for (size_t i = 0; i < nkeys; i++) {
		enum lookup answer = LOOKUP_ABSENT;

		value->len = 0;
		if (lowercase_key(lower, keys[i]))
			answer = o->kind->find(o, lower, value, why);
		if (answer == LOOKUP_ABSENT)
			continue;
		*which = i;
		return answer;
	}
	return LOOKUP_ABSENT;
}

static enum lookup
look_up(struct table_set *set, const struct conf_table *t, enum service service, const char *const keys[],
    size_t nkeys, stralloc *value, size_t *which, stralloc *why)
{
	enum lookup answer;
	struct open_table *o = table_open(set, t, &answer, why);
	size_t hit = 0;

	if (o == NULL)
		return answer;
	value->len = 0;
	if (o->kind->ask != NULL)
		answer = o->kind->ask(o, service, keys, nkeys, value, &hit, why);
	else
		answer = find_first(o, keys, nkeys, value, &hit, why);
	if ((answer == LOOKUP_FOUND || answer == LOOKUP_INACTIVE) && which != NULL)
		*which = hit;
	return answer;
}

enum lookup
table_lookup(struct table_set *set, const struct conf_table *t, enum service service, const char *const keys[],
    size_t nkeys, stralloc *value, size_t *which, stralloc *why)
{
	enum lookup answer = look_up(set, t, service, keys, nkeys, value, which, why);

	if (set->trace != NULL)
		table_trace(set->trace, t, service, keys, nkeys, answer, value, why);
	return answer;
}

enum lookup
table_each(struct table_set *set, const struct conf_table *t,
    bool (*each)(void *arg, const char *key, const char *value), void *arg, stralloc *why)
{
	enum lookup answer;
	struct open_table *o = table_open(set, t, &answer, why);

	if (o == NULL)
		return answer;
	if (o->kind->each == NULL)
		return table_say(why, LOOKUP_BROKEN, "%s: its entries cannot be listed", t->name);
	return o->kind->each(o, each, arg, why);
}

/* ---- the n-th element ---- */

struct nth {
	size_t wanted, seen;
	stralloc *value;
	bool is_there, no_memory;
};

static bool
count_one(void *arg, const char *key, const char *value)
{
	struct nth *n = arg;

	(void)value;
	if (n->seen++ != n->wanted)
		return true;
	n->is_there = true;
	n->no_memory = !stralloc_copys(n->value, key);
	return false;
}

/* A source address in the form that inet_pton takes. */
static enum lookup
plain_address(const struct conf_table *t, stralloc *value, stralloc *why)
{
	struct table_net net;
	size_t skip = 0;

	if (!stralloc_0(value))
		return table_say_errno(why, t->name);
	value->len--;
	if (!table_net_scan(&net, value->s) || strchr(value->s, '/') != NULL)
		return table_say(why, LOOKUP_BROKEN, "%s: '%s' is not an address", t->name, value->s);
	if (value->s[0] == '[') {
		skip = 1;
		value->len--;
	}
	if (strncasecmp(value->s + skip, "ipv6:", 5) == 0)
		skip += 5;
	memmove(value->s, value->s + skip, value->len - skip);
	value->len -= skip;
	return LOOKUP_FOUND;
}

static enum lookup
fetch_entry(struct table_set *set, const struct conf_table *t, size_t n, stralloc *value, stralloc *why)
{
	struct nth nth = { .wanted = n, .value = value };
	enum lookup answer = table_each(set, t, count_one, &nth, why);

	if (answer == LOOKUP_FOUND && !nth.is_there && nth.seen > 0) {
		nth = (struct nth){ .wanted = n % nth.seen, .value = value };
		answer = table_each(set, t, count_one, &nth, why);
	}
	if (answer != LOOKUP_FOUND)
		return answer;
	if (nth.no_memory)
		return table_say(why, LOOKUP_LATER, "%s: out of memory", t->name);
	return nth.is_there ? LOOKUP_FOUND : LOOKUP_ABSENT;
}

enum lookup
table_fetch(struct table_set *set, const struct conf_table *t, enum service service, size_t n, stralloc *value,
    stralloc *why)
{
	enum lookup answer;
	struct open_table *o = table_open(set, t, &answer, why);

	if (o == NULL)
		return answer;
	if (o->kind->fetch != NULL)
		answer = o->kind->fetch(o, n, value, why);
	else
		answer = fetch_entry(set, t, n, value, why);
	return answer == LOOKUP_FOUND && service == SERVICE_SOURCE ? plain_address(t, value, why) : answer;
}
