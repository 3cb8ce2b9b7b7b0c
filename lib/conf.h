/* conf: smtpd.conf, parsed into one structure.
 *
 * conf_read() reads the file and its includes once, collects every error and
 * warning and never prints. Nothing is opened but those files: whether tables,
 * keys and programs exist is asked by smtpd -n and by those who use them.
 * A conf lives in memory of its own and is freed as one. */
#ifndef PIPEPOST_CONF_H
#define PIPEPOST_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_place {
	const char *file;
	unsigned line;		/* 1 is the first */
};

/* "file:line: text", without the severity: smtpd -n puts "warning: " before a warning's text. */
struct conf_message {
	struct conf_place at;
	bool is_error;
	bool is_note;		/* neither error nor warning: smtpd -n -v prints it */
	const char *text;	/* what is wrong, and what would be right */
};

/* ---- tables ---- */

enum conf_table_kind {
	TABLE_INLINE,		/* { a, b } or { a = b }, also as <dynamic> argument of a rule */
	TABLE_FILE,		/* file:/path or /path */
	TABLE_DB,		/* db:/path, a cdb file */
	TABLE_SQLITE,		/* sqlite:/path, answered by sqlite-lookup */
	TABLE_EXEC,		/* exec:/path, a program with sqlite-lookup's contract */
	TABLE_PROC,		/* TYPE:/path, a program table-TYPE with OpenSMTPD's text protocol */
	TABLE_SYSTEM,		/* <getpwnam>: the accounts of this system */
};

struct conf_pair {
	const char *key;	/* lower-cased */
	const char *value;	/* NULL in a list */
};

struct conf_table {
	const char *name;	/* an anonymous one has "<dynamic:N>" */
	enum conf_table_kind kind;
	const char *type;	/* as written before the colon; "" for inline */
	const char *path;	/* "" for inline and system */
	bool is_mapping;	/* inline only: every entry has a value */
	struct conf_pair *entries;
	size_t nentries;
	struct conf_place at;
};

/* ---- rules ---- */

enum conf_from { FROM_LOCAL, FROM_ANY, FROM_SOURCE };
enum conf_for { FOR_LOCAL, FOR_ANY, FOR_DOMAIN };

enum conf_action {
	ACTION_NONE,		/* accept without action: only aliases and .forward deliver */
	ACTION_FORWARD_ONLY,
	ACTION_MBOX,
	ACTION_MAILDIR,
	ACTION_MDA,
	ACTION_LMTP,
	ACTION_RELAY,
};

enum conf_tls {
	TLS_OPPORTUNISTIC,	/* smtp+tls://, no scheme */
	TLS_NEVER,		/* smtp:// */
	TLS_REQUIRED,		/* tls:// */
	TLS_AT_CONNECT,		/* smtps:// */
	TLS_ANY,		/* secure://: STARTTLS, else smtps; never clear text */
};

/* A relay URL, [scheme://][label@]host[:port]. */
struct conf_relay_url {
	const char *text;	/* as written */
	enum conf_tls tls;
	bool is_lmtp;
	bool is_backup;
	const char *label;	/* "" without */
	const char *host;	/* name, or literal without brackets */
	uint16_t port;		/* the scheme's default where none is written; 0: both of TLS_ANY's */
};

struct conf_relay {
	const struct conf_relay_url *via;	/* NULL: by MX */
	bool is_backup;
	const char *backup_mx;			/* "" = the server name */
	bool require_tls;			/* relay tls */
	bool verify;				/* certificate and name are checked */
	const struct conf_table *auth;		/* credentials, NULL without */
	const struct conf_table *source;	/* NULL without */
	const struct conf_table *hostnames;	/* local address -> EHLO name, NULL without */
	const char *hostname;			/* EHLO name, "" = server name */
	const char *as;				/* "", "user", "@domain" or "user@domain" */
	const char *pki;			/* "" without */
	const char *ca;				/* "" without */
};

struct conf_rule {
	struct conf_place at;
	const char *text;		/* the rule's own words, blanks folded: for logs and notices */
	bool is_reject;

	enum conf_from from;
	bool not_from;
	const struct conf_table *from_source;
	enum conf_for to;
	bool not_for;
	const struct conf_table *for_domain;
	const struct conf_table *sender;	/* NULL: any */
	bool not_sender;
	const struct conf_table *recipient;	/* NULL: any */
	bool not_recipient;
	const char *tag;			/* NULL: any */
	bool not_tag;
	bool authenticated;			/* the condition stands there */
	bool not_authenticated;

	const struct conf_table *alias;		/* at most one of alias and virtual */
	const struct conf_table *virtual;
	const struct conf_table *userbase;	/* never NULL for a local rule: <getpwnam> by default */

	enum conf_action action;
	const char *action_text;	/* maildir path, mda command, lmtp destination; "" = default */
	const char *action_user;	/* "as USER", "" without */
	bool lmtp_rcpt_to;
	struct conf_relay relay;
	uint32_t expire_seconds;	/* resolved: the rule's, else the global value */
};

/* ---- listeners ---- */

enum conf_auth { AUTH_NONE, AUTH_OPTIONAL, AUTH_REQUIRED };

struct conf_listen {
	struct conf_place at;
	const char *on;			/* address, interface, host name, "all" ("*" is stored as "all") */
	uint16_t port;			/* always set: by port, smtps or the default 25 */
	bool inet4_only, inet6_only;
	bool starttls;			/* offered */
	bool tls_required;		/* MAIL before STARTTLS gets 530 */
	bool smtps;			/* TLS at connect. `secure` is stored as two listeners */
	bool verify_client;
	enum conf_auth auth;
	const struct conf_table *auth_table;	/* NULL: system accounts */
	const char *auth_program;		/* auth exec:PATH; "" without */
	const char *pki, *ca;			/* "" without */
	const char *tag;			/* "" without */
	const char *hostname;			/* "" = server name */
	const struct conf_table *hostnames;	/* NULL without */
	const struct conf_table *senders;	/* NULL without */
	bool masquerade;
	bool mask_source, received_auth, no_dsn;
};

struct conf_pki {
	struct conf_place at;
	const char *name;		/* lower-cased, may be "*" */
	const char *certificate, *key, *dhe, *ca;	/* "" where not given */
};

struct conf_ca {
	struct conf_place at;
	const char *name;
	const char *certificate;
};

/* ---- limits: every one has its default here and its line in smtpd.conf(5) ---- */

struct conf_limits {
	uint32_t session_max_rcpt;		/* 1000 recipients per transaction */
	uint32_t session_max_mails;		/* 1000 transactions per connection */
	uint32_t mda_max_session;		/* 50 */
	uint32_t mda_max_session_per_user;	/* 7 */
	uint32_t mda_task_hiwat, mda_task_lowat, mda_task_release;	/* 50, 30, 10 */
	uint32_t scheduler_max_inflight;	/* 5000 */
	uint32_t scheduler_max_schedule;	/* 10 */
	uint32_t scheduler_max_evp_batch_size;	/* 256 */
	uint32_t scheduler_max_msg_batch_size;	/* 1024 */
	uint32_t max_mta_deferred;		/* 100 */
};

/* limit mta [for domain D]: counts, and delays in seconds. */
struct conf_mta_limit {
	const char *domain;		/* "" for the default block, which always is the first */
	bool inet4_only, inet6_only;
	uint32_t max_conn_per_host, max_conn_per_route, max_conn_per_source;
	uint32_t max_conn_per_connector, max_conn_per_relay, max_conn_per_domain;
	uint32_t conn_delay_host, conn_delay_route, conn_delay_source;
	uint32_t conn_delay_connector, conn_delay_relay, conn_delay_domain;
	uint32_t reconn_delay_route;
	uint32_t session_mail_max, session_transaction_delay, session_keepalive;
	uint32_t max_failures_per_session;
	uint32_t task_hiwat, task_lowat, task_release;
};

enum { CONF_BOUNCE_WARN_MAX = 4 };

struct conf {
	const char *path;
	struct conf_table *tables;	size_t ntables;		/* named and anonymous; [0] is <getpwnam> */
	struct conf_rule *rules;	size_t nrules;
	struct conf_listen *listens;	size_t nlistens;
	struct conf_pki *pkis;		size_t npkis;
	struct conf_ca *cas;		size_t ncas;
	struct conf_limits limits;
	struct conf_mta_limit *mta_limits;	size_t nmta_limits;
	uint32_t expire_seconds;			/* 4 days */
	uint32_t bounce_warn_seconds[CONF_BOUNCE_WARN_MAX];	/* 4 h */
	size_t nbounce_warn;
	uint64_t max_message_size;			/* 36700160 octets */
	char subaddressing_delimiter;			/* '+' */
	bool queue_compression;
	const char *queue_encryption_key;		/* "" without */
	const char *ciphers;				/* "" = default */
	uint32_t min_uid;				/* 100: lowest uid a table row may name (extension) */

	struct conf_message *messages;	size_t nmessages;	/* in the order of the lines */
	size_t nerrors;
	void *arena;		/* conf.c's own */
};

/* A -D NAME=VALUE macro: split at the last '='; wins over the file. */
struct conf_macro {
	const char *name, *value;
};

enum { CONF_MACROS_MAX = 64 };		/* of -D */

/* What option -D does: takes text apart, which is kept, as macros[*n], and counts it.
 * False: *why is what is wrong with it, words for behind "-D TEXT: ". */
bool conf_add_macro(struct conf_macro macros[CONF_MACROS_MAX], size_t *n, char *text, const char **why);

/* Reads the configuration at path, and whatever it includes. NULL only with
 * errno ENOMEM; otherwise the caller looks at nerrors: with errors in it,
 * only the messages may be used. A file that cannot be read is such an error
 * (at line 0). Free with conf_free(). */
struct conf *conf_read(const char *path, const struct conf_macro *macros, size_t nmacros);

/* The same from memory, under the name path: for tests and fuzzing. */
struct conf *conf_parse(const char *path, const char *s, size_t len, const struct conf_macro *macros,
    size_t nmacros);
void conf_free(struct conf *c);

/* The first of its errors, or NULL. */
const struct conf_message *conf_first_error(const struct conf *c);

/* The named table (without the < >), or NULL. */
const struct conf_table *conf_find_table(const struct conf *c, const char *name);

/* The listener for a socket's local address (text, v4-mapped already made v4)
 * and port: address and port, then interface and port, then all and port.
 * NULL: none. */
const struct conf_listen *conf_find_listen(const struct conf *c, const char *address, uint16_t port);

/* The listener with this tag, or else with this "on" text, or this "on:port"; NULL: none. */
const struct conf_listen *conf_find_listen_named(const struct conf *c, const char *name);

/* Whether only this host itself can reach it: its "on" is a loopback address or interface. */
bool conf_listen_is_loopback(const struct conf_listen *l);

/* The certificate for a client that asks this listener, which goes by the given name, for
 * none: its own pki, else the one with its name, else "*", else the only one. NULL: none. */
const struct conf_pki *conf_find_pki(const struct conf *c, const struct conf_listen *l, const char *name);

/* The entry with exactly this name, or NULL. */
const struct conf_pki *conf_find_pki_named(const struct conf *c, const char *name);

/* The file with the authorities of this name, or NULL. */
const char *conf_find_ca(const struct conf *c, const char *name);

/* Parses a relay URL into *url (strings in the conf's memory). On failure
 * returns false and *why says what would be right. */
bool conf_parse_relay_url(struct conf *c, struct conf_relay_url *url, const char *text, const char **why);

/* The server's name: first line of SYSCONFDIR/mail/mailname, else of
 * SYSCONFDIR/mailname, else gethostname(); no DNS. "localhost" if all fail.
 * Writes at most size octets with the NUL. Returns name. */
char *conf_server_name(char *name, size_t size);

#endif
