/* conf_table: table declarations, and the tables that other directives name.
 *
 * Nothing is opened. Whether a list stands where a mapping is needed is known
 * here for inline tables only; smtpd -n looks into the others. */
#include "lib/conf_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	bool is_mapping;
	const char *example;
} uses[] = {
	[USE_ALIAS] = { "alias", true, "{ root = \"alice\" }" },
	[USE_DOMAIN] = { "domain", false, "{ \"example.org\" }" },
	[USE_CREDENTIALS] = { "credentials", true, "{ label = \"user:password\" }" },
	[USE_NETADDR] = { "address", false, "{ \"192.0.2.0/24\" }" },
	[USE_USERINFO] = { "user", true, "{ alice = \"1000:1000:/home/alice\" }" },
	[USE_SOURCE] = { "source address", false, "{ \"192.0.2.1\" }" },
	[USE_MAILADDR] = { "mail address", false, "{ \"@example.org\" }" },
	[USE_ADDRNAME] = { "host name", true, "{ 192.0.2.1 = \"mail.example.org\" }" },
	[USE_MAILADDRMAP] = { "allowed senders", true, "{ alice = \"alice@example.org\" }" },
};

struct table_node *
table_find(const struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->ntables; i++)
		if (strcmp(p->tables[i]->t.name, name) == 0)
			return p->tables[i];
	return NULL;
}

static struct table_node *
new_table(struct parser *p, const char *name, struct conf_place at)
{
	struct table_node *t = arena_take(p->arena, sizeof *t);

	t->t = (struct conf_table){
		.name = name, .kind = TABLE_INLINE, .type = "", .path = "", .at = at
	};
	t->index = p->ntables;
	t->is_public = p->source != NULL && p->source->is_public;
	*APPEND(p, p->tables, p->ntables, p->table_room) = t;
	return t;
}

void
parse_accounts(struct parser *p)
{
	new_table(p, "getpwnam", p->last)->t.kind = TABLE_SYSTEM;
}

/* ---- inline ---- */

/* key [= value]; a first entry with value makes the table a mapping. */
static bool
take_entry(struct parser *p, struct conf_table *t, size_t *room)
{
	const struct word *w = word_peek(p);
	const char *key = word_take_value(p, "an entry of the list"), *value = NULL;

	if (key == NULL)
		return false;
	if (word_take_punct(p, '=') &&
	    (value = word_take_value(p, conf_print(p, "the value of %s", word_show(p, w)))) == NULL)
		return false;
	if (t->nentries == 0)
		t->is_mapping = value != NULL;
	if (t->is_mapping != (value != NULL))
		return conf_error(p, w->at,
		    "%s: either every entry has a value (key = value) or none", word_show(p, w));
	*APPEND(p, t->entries, t->nentries, *room) =
	    (struct conf_pair){ conf_lowercase(p, key), value };
	return true;
}

/* The { is taken. */
static bool
take_entries(struct parser *p, struct conf_table *t)
{
	size_t room = 0;

	if (word_is_punct(word_peek(p), '}'))
		return conf_error(p, word_peek(p)->at,
		    "the list is empty; write at least one entry");
	do {
		if (!take_entry(p, t, &room))
			return false;
		if (word_take_punct(p, ',') && word_is_punct(word_peek(p), '}'))
			return conf_error(p, word_peek(p)->at,
			    "an entry must follow the last \",\"; remove the comma");
	} while (!word_take_punct(p, '}'));
	return true;
}

/* ---- declaration ---- */

static const struct {
	const char *type;
	enum conf_table_kind kind;
} kinds[] = {
	{ "file", TABLE_FILE },
	{ "static", TABLE_FILE },
	{ "db", TABLE_DB },
	{ "sqlite", TABLE_SQLITE },
	{ "exec", TABLE_EXEC },
};

static bool
is_type(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-' ||
			s[i] == '_'))
			return false;
	return len > 0 && len <= 32;
}

/* [TYPE:]/path */
static bool
set_source(struct parser *p, struct conf_table *t, const char *s, struct conf_place at)
{
	const char *colon = s[0] == '/' ? NULL : strchr(s, ':');
	const char *path = colon == NULL ? s : colon + 1;
	size_t len = strlen(path);

	if (colon == NULL && s[0] != '/')
		return conf_error(p, at,
		    "table %s: \"%s\" is neither a list in { } "
		    "nor a path; write "
		    "file:/path, db:/path or sqlite:/path",
		    t->name, s);
	t->type = colon == NULL ? "file" : conf_copy(p, s, (size_t)(colon - s));
	if (strcmp(t->type, "getpwnam") == 0)
		return conf_error(p, at,
		    "table %s: the accounts of this system are "
		    "always there as <getpwnam>; use that",
		    t->name);
	if (!is_type(t->type, strlen(t->type)))
		return conf_error(p, at,
		    "table %s: \"%s\" cannot be the kind of a "
		    "table; there are: file, db, sqlite, exec",
		    t->name, t->type);
	if (path[0] != '/')
		return conf_error(p, at, "table %s: the path \"%s\" must begin with \"/\"", t->name,
		    path);
	if (path[len - 1] == ';')
		return conf_error(p, at, "table %s: the path ends in \";\"; remove it", t->name);
	t->path = path;
	t->kind = TABLE_PROC;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(t->type, kinds[i].type) == 0)
			t->kind = kinds[i].kind;
	return true;
}

bool
parse_table(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const char *name = word_take_value(p, "the name of the table"), *source;
	struct table_node *t;

	if (name == NULL)
		return false;
	if (*name == '\0' || strlen(name) > CONF_TABLE_NAME_MAX)
		return conf_error(p, at, "the name of a table has 1 to %d octets",
		    CONF_TABLE_NAME_MAX);
	t = table_find(p, name);
	if (t != NULL && t->index == 0)
		return conf_error(p, at, "table getpwnam is always there; choose another name");
	if (t != NULL)
		return conf_error(p, at,
		    "table %s is already declared in %s line %u; remove one or rename it", name,
		    t->t.at.file, t->t.at.line);
	t = new_table(p, name, at);
	if (word_take_punct(p, '{'))
		return take_entries(p, &t->t) && word_end(p, "the table");
	at = word_peek(p)->at;
	source = word_take_value(p,
	    conf_print(p, "what table %s is (file:/path, db:/path, sqlite:/path or { list })",
	        name));
	return source != NULL && word_end(p, "the table") && set_source(p, &t->t, source, at);
}

/* ---- tables in other directives ---- */

/* The first declared table whose name holds one of the hints, or "name". */
static const char *
guess_table(const struct parser *p, const char *clause)
{
	static const struct { const char *clause, *hints[3], *otherwise; } guesses[] = {
		{ "domain", { "domain", "host", NULL }, "domains" },
		{ "alias", { "alias", NULL, NULL }, "aliases" },
		{ "virtual", { "virt", "alias", NULL }, "virtuals" },
		{ "userbase", { "user", "account", NULL }, "users" },
		{ "sender", { "sender", "from", NULL }, "senders" },
		{ "recipient", { "recipient", "rcpt", NULL }, "recipients" },
		{ "source", { "source", "net", "addr" }, "networks" },
	};

	for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
		if (strcmp(clause, guesses[i].clause) != 0)
			continue;
		for (size_t h = 0; h < 3 && guesses[i].hints[h] != NULL; h++)
			for (size_t t = 1; t < p->ntables; t++)
				if (strcasestr(p->tables[t]->t.name, guesses[i].hints[h]) != NULL)
					return p->tables[t]->t.name;
		return guesses[i].otherwise;
	}
	return NULL;
}

/* A page may lose every <name> as if it were a tag. The rule as it was meant,
 * as far as the names of the tables tell. */
static const char *
restore_names(struct parser *p)
{
	const char *line = p->words[0].text;

	for (size_t i = 1; i < p->nwords && p->words[i].kind != WORD_END && i < 64; i++) {
		const struct word *w = &p->words[i], *after = &p->words[i + 1];
		const char *name = w->kind == WORD_BARE ? guess_table(p, w->text) : NULL;
		const char *quote = w->kind == WORD_QUOTED ? "\"" : "";
		bool is_tight = word_is_punct(w, '>') || word_is_punct(w - 1, '<');

		line =
		    conf_print(p, "%s%s%s%s%s", line, is_tight ? "" : " ", quote, w->text, quote);
		if (name != NULL && (after->kind == WORD_END || word_is_keyword(after)))
			line = conf_print(p, "%s <%s>", line, name);
	}
	return line;
}

static bool
check_address(const char *entry)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char address[INET6_ADDRSTRLEN + 8];
	const char *slash = strchr(entry, '/');
	size_t len = slash == NULL ? strlen(entry) : (size_t)(slash - entry);
	uint64_t bits = 0;

	if (strncasecmp(entry, "ipv6:", 5) == 0) {
		entry += 5;
		len -= 5;
	}
	if (len > 1 && entry[0] == '[' && entry[len - 1] == ']') {
		entry++;
		len -= 2;
	}
	if (len >= sizeof address || (slash != NULL && !word_scan_number(slash + 1, &bits)))
		return false;
	memcpy(address, entry, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, binary) == 1)
		return bits <= 32;
	return inet_pton(AF_INET6, address, binary) == 1 && bits <= 128;
}

static bool
check_addresses(struct parser *p, const char *clause, const struct conf_table *t,
    struct conf_place at, bool is_net)
{
	for (size_t i = 0; i < t->nentries; i++) {
		const char *entry = t->entries[i].key;

		if (check_address(entry) && (is_net || strchr(entry, '/') == NULL))
			continue;
		if (!is_net || strcmp(entry, "local") != 0)
			return conf_error(p, at, "%s: \"%s\" is not an address%s", clause, entry,
			    is_net ? " or a network such as 192.0.2.0/24" : "");
	}
	return true;
}

static bool
check_inline(struct parser *p, const char *clause, enum table_use use, const struct table_node *t,
    struct conf_place at)
{
	if (uses[use].is_mapping != t->t.is_mapping)
		return conf_error(p, at, "%s: table %s is a %s, but a %s table must be a %s: %s",
		    clause, t->t.name, t->t.is_mapping ? "mapping" : "list", uses[use].name,
		    uses[use].is_mapping ? "mapping" : "list", uses[use].example);
	if (use == USE_CREDENTIALS && t->is_public)
		return conf_error(p, at,
		    "%s: table %s holds secrets in a file that everybody can read; put them into a "
		    "file or db table of mode 0640",
		    clause, t->t.name);
	if (use == USE_NETADDR || use == USE_SOURCE)
		return check_addresses(p, clause, &t->t, at, use == USE_NETADDR);
	return true;
}

static bool
check_use(struct parser *p, const char *clause, enum table_use use, const struct table_node *t,
    struct conf_place at)
{
	if (t->t.kind == TABLE_SYSTEM && use != USE_USERINFO)
		return conf_error(p, at, "%s: <getpwnam> knows users only", clause);
	if (t->t.kind == TABLE_INLINE && t->t.nentries > 0)
		return check_inline(p, clause, use, t, at);
	return true;
}

/* <name>, the < already taken. */
static bool
take_named(struct parser *p, const char *clause, enum table_use use, const struct conf_table **t)
{
	const struct word *w = word_peek(p);
	struct table_node *found;

	if (w->kind != WORD_BARE && w->kind != WORD_QUOTED)
		return conf_error(p, w->at,
		    "%s: the name of a table is missing between \"<\" and \">\"", clause);
	p->next++;
	if (!word_take_punct(p, '>'))
		return conf_error(p, word_peek(p)->at, "%s: \">\" is missing after <%s", clause,
		    w->text);
	found = table_find(p, w->text);
	if (found == NULL) {
		/* It may be declared further down, which makes another message. */
		*APPEND(p, p->lost, p->nlost, p->lost_room) =
		    (struct pending){ w->text, w->at, p->order };
		*t = &p->tables[0]->t;
		return true;
	}
	*t = &found->t;
	return check_use(p, clause, use, found, w->at);
}

static struct table_node *
new_anonymous(struct parser *p, struct conf_place at)
{
	return new_table(p, conf_print(p, "<dynamic:%zu>", p->ntables), at);
}

static bool
take_string(struct parser *p, const char *clause, enum table_use use, const struct conf_table **t)
{
	const struct word *w = word_peek(p);
	const char *s = word_take_value(p, conf_print(p, "%s: the table", clause));
	struct table_node *made;

	if (s == NULL)
		return false;
	if (uses[use].is_mapping && table_find(p, s) != NULL)
		return conf_error(p, w->at,
		    "%s \"%s\": write <%s>, with the brackets, for the table of that name", clause,
		    s, s);
	if (uses[use].is_mapping)
		return conf_error(p, w->at,
		    "%s \"%s\": a table is needed: <%s> if one of that name is declared, or %s",
		    clause, s, s, uses[use].example);
	made = new_anonymous(p, w->at);
	made->t.entries = arena_take(p->arena, sizeof *made->t.entries);
	made->t.entries[0].key = conf_lowercase(p, s);
	made->t.nentries = 1;
	*t = &made->t;
	return check_use(p, clause, use, made, w->at);
}

bool
table_argument_begins(const struct parser *p)
{
	const struct word *w = word_peek(p);

	return word_is_punct(w, '<') || word_is_punct(w, '{') || w->kind == WORD_QUOTED ||
	    (w->kind == WORD_BARE && !word_is_keyword(w));
}

bool
parse_table_argument(struct parser *p, const char *clause, enum table_use use,
    const struct conf_table **t)
{
	const struct word *w = word_peek(p);
	struct table_node *made;

	if (word_take_punct(p, '<'))
		return take_named(p, clause, use, t);
	if (word_take_punct(p, '{')) {
		made = new_anonymous(p, w->at);
		*t = &made->t;
		return take_entries(p, &made->t) && check_use(p, clause, use, made, w->at);
	}
	if (w->kind == WORD_END || word_is_keyword(w))
		return conf_error(p, w->at,
		    "%s needs a table, but %s follows; were the <names> lost? Probably it was: %s",
		    clause, word_show(p, w), restore_names(p));
	return take_string(p, clause, use, t);
}
