/* config: the file that says where the database is and how it is asked
 * (table-sqlite(5)).
 *
 * Parsing is pure and keeps pointers into the text; what it found odd is
 * collected and never printed here. */
#ifndef SQLITE_LOOKUP_CONFIG_H
#define SQLITE_LOOKUP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

enum {
	CONFIG_OCTETS_MAX = 65536,
	CONFIG_MESSAGES_MAX = 32,	/* of one file; more are dropped */
};

enum query {
	QUERY_ALIAS,
	QUERY_DOMAIN,
	QUERY_USERINFO,
	QUERY_CREDENTIALS,
	QUERY_NETADDR,
	QUERY_SOURCE,
	QUERY_MAILADDR,
	QUERY_ADDRNAME,
	QUERY_MAILADDRMAP,
	QUERY_FETCH_SOURCE,
	QUERY_COUNT,
};

struct query_kind {
	const char *key;	/* in the file: "query_alias" */
	const char *service;	/* asked for: "alias" */
	int columns;
	const char *meaning;	/* of the columns */
	bool is_list;		/* all rows count; otherwise the first */
	bool has_parts;		/* :user, :domain and :address stand for something */
	bool may_be_inactive;	/* a further last column may be called "active" */
};
extern const struct query_kind query_kinds[QUERY_COUNT];

/* QUERY_COUNT: there is no such service. */
enum query query_of_service(const char *service);

enum config_trouble {
	CONFIG_UNKNOWN_KEY,
	CONFIG_NO_VALUE,
	CONFIG_DUPLICATE_QUERY,
	CONFIG_DUPLICATE_DBPATH,
	CONFIG_SEMICOLON,
	CONFIG_NOT_A_NUMBER,
	CONFIG_NO_QUERY,
	CONFIG_NO_DBPATH,	/* from here on: errors */
	CONFIG_RELATIVE_DBPATH,
	CONFIG_NUL,
};

struct config_message {
	enum config_trouble what;
	unsigned line;		/* 0: the whole file */
	const char *word;	/* the key or value it is about */
};

struct config_value {
	const char *text;	/* NULL: not there */
	unsigned line;
};

struct config {
	const char *path;
	char *text;		/* the file, changed in place */
	struct config_value dbpath;
	struct config_value queries[QUERY_COUNT];
	struct config_message *messages;	/* room for CONFIG_MESSAGES_MAX, made when there is one */
	size_t nmessages;
};
#define CONFIG_ZERO { .path = NULL }

/* Parses text[0..len], which the config takes over (from malloc, with room for
 * one octet more). path is kept by reference. Fails with errno ENOMEM. */
bool config_parse(struct config *c, const char *path, char *text, size_t len);

/* Reads and parses the file. Fails with errno EFBIG (over CONFIG_OCTETS_MAX),
 * EINVAL (not a regular file), ENOMEM or that of open and read. */
bool config_read(struct config *c, const char *path);
void config_free(struct config *c);

/* The first error, or NULL: warnings only. */
const struct config_message *config_error(const struct config *c);
bool config_is_error(const struct config_message *m);

/* Appends "path:line: " and severity and what the message says. Fails with errno ENOMEM. */
bool config_describe(stralloc *to, const struct config *c, const struct config_message *m,
    const char *severity);

#endif
