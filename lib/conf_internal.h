/* conf_internal: what the parts of the configuration reader share; nobody else includes it.
 *
 *   conf.c         the way through: read, parse directive by directive, finish, free
 *   conf_memory.c  the arena, and lists that grow in it
 *   conf_lex.c     octets to words, one directive at a time; macros and includes
 *   conf_words.c   taking words from a directive, and complaining about them
 *   conf_main.c    the directives of a few words: expire, sizes, pki ...
 *   conf_limit.c   limit, and the default of everything
 *   conf_table.c   table declarations, and tables named by other directives
 *   conf_listen.c  listen
 *   conf_rule.c    accept and reject
 *   conf_relay.c   relay and its URL
 *   conf_format.c  %{...} in commands and paths
 *   conf_finish.c  what can only be said when the whole file has been read
 *   conf_find.c    questions about a finished configuration
 *
 * Memory is the only thing held while parsing, and all of it is in the arena:
 * conf_take() never returns NULL but jumps back to conf.c, which frees the
 * arena and reports ENOMEM. */
#ifndef PIPEPOST_CONF_INTERNAL_H
#define PIPEPOST_CONF_INTERNAL_H

#include <setjmp.h>

#include "lib/conf.h"

enum {
	CONF_FILE_MAX = 1 << 20,	/* octets in one file */
	CONF_INPUT_MAX = 8 << 20,	/* octets in all, expanded macros included */
	CONF_INCLUDE_DEPTH_MAX = 16,
	CONF_INCLUDE_MAX = 1000,	/* files in all */
	CONF_WORD_MAX = 8095,		/* octets in a word */
	CONF_DIRECTIVE_MAX = 200000,	/* words in a directive */
	CONF_MESSAGES_MAX = 500,
	CONF_TAG_MAX = 31,
	CONF_TABLE_NAME_MAX = 255,
};

/* ---- memory ---- */

struct arena {
	struct chunk *chunks;
	jmp_buf no_memory;
};

void *arena_try(struct arena *a, size_t size);		/* zeroed; NULL with ENOMEM */
void *arena_take(struct arena *a, size_t size);		/* zeroed; jumps to no_memory */
void arena_free(struct arena *a);

/* Makes a list of *n elements of one size, *room of which fit, longer by one
 * zeroed element. Returns the list; where it was before stays in the arena. */
void *arena_append(struct arena *a, void *list, size_t *n, size_t *room, size_t size);

/* The same for list, nlist and room: the new element's address. */
#define APPEND(p, list, n, room) \
	((list) = arena_append((p)->arena, (list), &(n), &(room), sizeof *(list)), &(list)[(n) - 1])

/* ---- words ---- */

enum word_kind {
	WORD_END,	/* of the directive: the last one always is */
	WORD_BARE,	/* letters, digits, punctuation */
	WORD_QUOTED,
	WORD_PUNCT,	/* ( ) { } < > ! = , in text[0]; => is = */
};

struct word {
	enum word_kind kind;
	const char *text;
	struct conf_place at;
};

/* A text being read: a file, or the value of a macro. */
struct source {
	const char *s;
	size_t len, pos;
	struct conf_place at;
	bool is_macro;
	bool is_public;		/* others than owner and group may read the file */
	struct source *below;
};

struct macro {
	const char *name, *value;
	struct conf_place at;
	bool is_fixed;		/* from -D: wins over the file */
	bool is_used;
};

struct message_entry {
	struct conf_message m;
	size_t order;		/* of the directive: messages come out in that order */
};

/* conf.tables is one array at last; until then tables keep their places. */
struct table_node {
	struct conf_table t;
	size_t index;
	bool is_public;
};

/* A name that is looked up when the whole file is known. */
struct pending {
	const char *name;
	struct conf_place at;
	size_t order;
};

struct parser {
	struct conf *c;
	struct arena *arena;

	struct source *source;
	size_t octets, files, depth;
	struct macro *macros;		size_t nmacros, macro_room;

	struct word *words;		size_t nwords, word_room;
	size_t next;			/* the word to be taken */
	size_t order;			/* number of the directive */

	struct message_entry *messages;	size_t nmessages, message_room;
	struct table_node **tables;	size_t ntables, table_room;
	struct pending *lost;
	size_t nlost, lost_room; /* tables not declared when used */
	struct pending *pki_names;	size_t npki_names, pki_name_room;	/* as declared */
	struct pending *tls_uses;
	size_t ntls_uses, tls_use_room; /* listeners that name no pki */
	struct pending *pki_uses;	size_t npki_uses, pki_use_room;
	struct pending *ca_uses;	size_t nca_uses, ca_use_room;
	size_t rule_room, listen_room, pki_room, ca_room, mta_room;
	size_t nrule_lines;		/* accept and reject seen, broken ones too */
	struct conf_place first_rule, first_match, last;
	size_t first_match_order;
	bool is_truncated;
};

char *conf_copy(struct parser *p, const char *s, size_t len);
char *conf_print(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *conf_lowercase(struct parser *p, const char *s);

/* ---- messages: always false, for `return conf_error(...)` ---- */

bool conf_error(struct parser *p, struct conf_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void conf_warn(struct parser *p, struct conf_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void conf_note(struct parser *p, struct conf_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- lexer ---- */

/* Begins to read a text in memory, which the parser keeps. */
void lex_push(struct parser *p, const char *s, size_t len, struct conf_place at, bool is_macro,
    bool is_public);

/* Reads a file into the arena and begins to read it. False with errno; *too_big. */
bool lex_push_file(struct parser *p, const char *path, bool *too_big);

/* Reads the words of the next directive into p->words; false at the end. A
 * directive with a lexical error is reported, and skipped. */
bool lex_directive(struct parser *p);
void lex_define(struct parser *p, const char *name, const char *value, struct conf_place at,
    bool is_fixed);

/* ---- words of a directive ---- */

const struct word *word_peek(const struct parser *p);
bool word_is(const struct word *w, const char *text);		/* bare */
bool word_is_punct(const struct word *w, char c);
bool word_is_keyword(const struct word *w);
bool word_take(struct parser *p, const char *text); /* takes it if it is this bare word */
bool word_take_punct(struct parser *p, char c);
const char *word_show(struct parser *p, const struct word *w);	/* for a message */

/* A value: a quoted string, or a bare word that is no word of the language.
 * `what` completes "NAME needs ...". NULL after an error. */
const char *word_take_value(struct parser *p, const char *what);
bool word_take_number(struct parser *p, const char *what, uint32_t *n);
bool word_take_delay(struct parser *p, const char *what, uint32_t *seconds);
bool word_scan_number(const char *s, uint64_t *n);
bool word_end(struct parser *p, const char *after);		/* nothing may follow */
bool word_already(struct parser *p, const char *what, bool is_set);	/* error if set */

/* The name in names[] that was probably meant, or NULL. */
const char *word_guess(const char *s, const char *const *names);

/* ---- directives: false after an error ---- */

bool parse_include(struct parser *p);
bool parse_macro(struct parser *p);
bool parse_directive(struct parser *p);
bool parse_table(struct parser *p);
void parse_accounts(struct parser *p);	/* <getpwnam>, always the first table */
bool parse_listen(struct parser *p);
bool parse_rule(struct parser *p);
bool parse_relay(struct parser *p, struct conf_relay *relay);
bool parse_pki(struct parser *p);
bool parse_ca(struct parser *p);
bool parse_limit(struct parser *p);
void parse_defaults(struct conf *c, struct parser *p);

/* Remembers that a pki or ca is named here. */
void parse_pki_use(struct parser *p, const char *name, struct conf_place at);
void parse_ca_use(struct parser *p, const char *name, struct conf_place at);

/* What a table is for: decides whether it must be a list or a mapping. */
enum table_use {
	USE_ALIAS, USE_DOMAIN, USE_CREDENTIALS, USE_NETADDR, USE_USERINFO, USE_SOURCE, USE_MAILADDR,
	USE_ADDRNAME, USE_MAILADDRMAP,
};

/* <name>, "value", { list } or { mapping }. The table is one of the parser's
 * nodes until conf_finish() moves it. */
bool parse_table_argument(struct parser *p, const char *clause, enum table_use use,
    const struct conf_table **t);
struct table_node *table_find(const struct parser *p, const char *name);
bool table_argument_begins(const struct parser *p);

/* Whether every %{...} of a command or path can be expanded. */
bool format_check(struct parser *p, const char *what, const char *s, struct conf_place at);

bool relay_parse_url(struct arena *a, struct conf_relay_url *url, const char *text,
    const char **why);

/* Checks the whole, then gives the lists the shape of conf.h; conf_shape() does only that. */
void conf_finish(struct parser *p);
void conf_shape(struct parser *p);

#endif
