/* table_match: see table_match.h, and table_match() of table.h.
 *
 * Wildcards and networks of a table are collected once and kept until its file
 * is replaced; what they do not decide is one exact lookup. An entry that is
 * no address, where addresses are wanted, makes the table BROKEN: to skip it
 * would open what a reject rule closes. */
#include "lib/table_match.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/table_kind.h"

/* ---- patterns ---- */

static bool
same_octet(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

bool
table_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *resume = NULL;

	while (*s != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			resume = s;
		} else if (*pattern != '\0' && same_octet(*pattern, *s)) {
			pattern++, s++;
		} else if (star != NULL) {
			pattern = star + 1;
			s = ++resume;	/* the last star takes one octet more */
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Copies s without brackets to text[size]; false if it does not fit. */
static bool
copy_address(char *text, size_t size, const char *s, size_t len)
{
	if (len >= 2 && s[0] == '[' && s[len - 1] == ']')
		s++, len -= 2;
	if (len > 5 && strncasecmp(s, "ipv6:", 5) == 0)
		s += 5, len -= 5;
	if (len == 0 || len >= size)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return true;
}

static bool
scan_bits(unsigned *bits, const char *s, unsigned max)
{
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 3 || s[n] != '\0')
		return false;
	*bits = (unsigned)strtoul(s, NULL, 10);
	return *bits <= max;
}

bool
table_net_scan(struct table_net *n, const char *s)
{
	char text[INET6_ADDRSTRLEN + 8];
	size_t len = strcspn(s, "/");
	unsigned max;

	*n = (struct table_net){ .family = AF_INET };
	if (!copy_address(text, sizeof text, s, len))
		return false;
	if (inet_pton(AF_INET, text, n->octets) == 1) {
		max = 32;
	} else if (inet_pton(AF_INET6, text, n->octets) == 1) {
		n->family = AF_INET6;
		max = 128;
	} else {
		return false;
	}
	n->bits = max;
	return s[len] == '\0' || scan_bits(&n->bits, s + len + 1, max);
}

bool
table_net_contains(const struct table_net *net, const struct table_net *address)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (net->family != address->family || memcmp(net->octets, address->octets, whole) != 0)
		return false;
	return rest == 0 || ((net->octets[whole] ^ address->octets[whole]) >> (8 - rest)) == 0;
}

/* ---- the patterns of a table ---- */

struct collect {
	struct open_table *o;
	bool no_memory;
	stralloc bad;		/* an entry that is no address */
};

static bool
collect_glob(void *arg, const char *key, const char *value)
{
	struct collect *c = arg;
	char *copy;

	(void)value;
	if (strchr(key, '*') == NULL)
		return true;
	copy = strdup(key);
	c->no_memory = copy == NULL || !genalloc_append(char *, &c->o->globs, &copy);
	if (c->no_memory)
		free(copy);
	return !c->no_memory;
}

static bool
collect_net(void *arg, const char *key, const char *value)
{
	struct collect *c = arg;
	struct table_net net;

	(void)value;
	if (strcmp(key, "local") == 0)
		return true;	/* a word, found exactly */
	if (!table_net_scan(&net, key)) {
		c->no_memory = !stralloc_copys(&c->bad, key) || !stralloc_0(&c->bad);
		return false;
	}
	c->no_memory = !genalloc_append(struct table_net, &c->o->nets, &net);
	return !c->no_memory;
}

void
table_free_patterns(struct open_table *o)
{
	char **globs = genalloc_s(char *, &o->globs);

	for (size_t i = 0; i < genalloc_len(char *, &o->globs); i++)
		free(globs[i]);
	genalloc_free(char *, &o->globs);
	genalloc_free(struct table_net, &o->nets);
	o->has_globs = o->has_nets = false;
}

static enum lookup
collect(struct open_table *o, bool *has, bool (*each)(void *, const char *, const char *), stralloc *why)
{
	struct collect c = { .o = o, .bad = STRALLOC_ZERO };
	char label[TABLE_LABEL_MAX];
	enum lookup answer;

	if (*has)
		return LOOKUP_FOUND;
	answer = o->kind->each(o, each, &c, why);
	if (answer == LOOKUP_FOUND && c.bad.len > 0)
		answer = table_say(why, LOOKUP_BROKEN, "%s: '%s' is not an address",
		    table_label(label, sizeof label, o->t), c.bad.s);
	else if (answer == LOOKUP_FOUND && c.no_memory)
		answer = table_say(why, LOOKUP_LATER, "%s: out of memory", o->t->name);
	stralloc_free(&c.bad);
	if (answer == LOOKUP_FOUND)
		*has = true;
	else
		table_free_patterns(o);
	return answer;
}

/* ---- matching ---- */

static enum lookup
find_exactly(struct open_table *o, const char *key, stralloc *why)
{
	stralloc value = STRALLOC_ZERO;
	enum lookup answer = LOOKUP_ABSENT;

	if (strlen(key) <= TABLE_KEY_MAX)
		answer = o->kind->find(o, key, &value, why);
	stralloc_free(&value);
	return answer;
}

static enum lookup
find_glob(struct open_table *o, const char *key, bool (*matches)(const char *pattern, const char *key),
    stralloc *why)
{
	enum lookup answer = collect(o, &o->has_globs, collect_glob, why);
	char **globs = genalloc_s(char *, &o->globs);

	if (answer != LOOKUP_FOUND)
		return answer;
	for (size_t i = 0; i < genalloc_len(char *, &o->globs); i++)
		if (matches(globs[i], key))
			return LOOKUP_FOUND;
	return LOOKUP_ABSENT;
}

static enum lookup
match_domain(struct open_table *o, const char *key, stralloc *why)
{
	enum lookup answer;

	if (*key == '\0')
		return LOOKUP_ABSENT;
	answer = find_exactly(o, key, why);
	return answer == LOOKUP_ABSENT ? find_glob(o, key, table_glob, why) : answer;
}

static enum lookup
match_netaddr(struct open_table *o, const char *key, stralloc *why)
{
	enum lookup answer = collect(o, &o->has_nets, collect_net, why);
	const struct table_net *nets = genalloc_s(struct table_net, &o->nets);
	struct table_net address;

	if (answer != LOOKUP_FOUND)
		return answer;
	if (!table_net_scan(&address, key))
		return find_exactly(o, key, why);
	for (size_t i = 0; i < genalloc_len(struct table_net, &o->nets); i++)
		if (table_net_contains(&nets[i], &address))
			return LOOKUP_FOUND;
	return LOOKUP_ABSENT;
}

/* A pattern with '@' is for the whole address (an empty local part: any, "@" alone: every
 * address), one without for the local part. The '@' of an address is its last one. */
bool
table_glob_mailaddr(const char *pattern, const char *key)
{
	const char *at = strrchr(key, '@');
	char local[TABLE_KEY_MAX + 1];

	if (strcmp(pattern, "@") == 0)
		return true;
	if (pattern[0] == '@')
		return at != NULL && table_glob(pattern + 1, at + 1);
	if (strchr(pattern, '@') != NULL)
		return table_glob(pattern, key);
	if (at == NULL || (size_t)(at - key) >= sizeof local)
		return false;
	memcpy(local, key, (size_t)(at - key));
	local[at - key] = '\0';
	return table_glob(pattern, local);
}

static enum lookup
match_mailaddr(struct open_table *o, const char *key, stralloc *why)
{
	const char *at = strrchr(key, '@');
	char local[TABLE_KEY_MAX + 1] = "";
	const char *keys[] = { key, at, local, "@" };

	if (at != NULL && (size_t)(at - key) < sizeof local)
		memcpy(local, key, (size_t)(at - key));
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		enum lookup answer;

		if (keys[i] == NULL || keys[i][0] == '\0')
			continue;
		answer = find_exactly(o, keys[i], why);
		if (answer != LOOKUP_ABSENT)
			return answer;
	}
	return find_glob(o, key, table_glob_mailaddr, why);
}

/* A helper does its own matching: its table is asked for the key itself. */
static enum lookup
ask_helper(struct open_table *o, enum service service, const char *key, stralloc *why)
{
	stralloc value = STRALLOC_ZERO;
	size_t which;
	enum lookup answer = o->kind->ask(o, service, &key, 1, &value, &which, why);

	stralloc_free(&value);
	return answer;
}

static enum lookup
match(struct table_set *set, const struct conf_table *t, enum service service, const char *key,
    stralloc *why)
{
	enum lookup answer;
	char lower[TABLE_KEY_MAX + 1];
	struct open_table *o = table_open(set, t, &answer, why);
	size_t len = strlen(key);

	if (o == NULL)
		return answer;
	if (len >= sizeof lower)
		return LOOKUP_ABSENT;	/* no entry is that long */
	for (size_t i = 0; i <= len; i++)
		lower[i] = key[i] >= 'A' && key[i] <= 'Z' ? (char)(key[i] + ('a' - 'A')) : key[i];
	if (o->kind->ask != NULL)
		return ask_helper(o, service, lower, why);
	switch (service) {
	case SERVICE_DOMAIN:
		return match_domain(o, lower, why);
	case SERVICE_NETADDR:
		return match_netaddr(o, lower, why);
	case SERVICE_MAILADDR:
		return match_mailaddr(o, lower, why);
	default:
		return find_exactly(o, lower, why);
	}
}

enum lookup
table_match(struct table_set *set, const struct conf_table *t, enum service service, const char *key,
    stralloc *why)
{
	enum lookup answer = match(set, t, service, key, why);

	if (table_set_tracer(set) != NULL)
		table_trace(table_set_tracer(set), t, service, &key, 1, answer, NULL, why);
	return answer;
}
