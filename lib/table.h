/* table: one interface for every kind of table; the caller never knows which.
 *
 * A question has five answers and every caller handles all of them. Keys are
 * lower-cased before they are asked. Tables open when first asked and stay
 * open; a file or db table that was replaced meanwhile is read anew. */
#ifndef PIPEPOST_TABLE_H
#define PIPEPOST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

#include "lib/conf.h"

enum lookup {
	LOOKUP_FOUND,
	LOOKUP_ABSENT,		/* proven: the table was asked and has no such entry */
	LOOKUP_INACTIVE,	/* proven: it is there and switched off; of ALIAS, DOMAIN and USERINFO only */
	LOOKUP_LATER,		/* could not tell: locked, missing, unreadable, no memory */
	LOOKUP_BROKEN,		/* could not tell, and an administrator must mend it */
};

enum service {
	SERVICE_ALIAS,
	SERVICE_DOMAIN,
	SERVICE_USERINFO,
	SERVICE_CREDENTIALS,
	SERVICE_NETADDR,
	SERVICE_SOURCE,
	SERVICE_MAILADDR,
	SERVICE_ADDRNAME,
	SERVICE_MAILADDRMAP,
};

/* "alias", "domain", ... */
const char *service_name(enum service s);

/* How a table is called in messages: "<aliases>". Returns to. */
const char *table_label(char *to, size_t size, const struct conf_table *t);
enum { TABLE_LABEL_MAX = 80 };

/* The open tables of one configuration. */
struct table_set;

/* NULL with errno ENOMEM. The conf must outlive the set. */
struct table_set *table_set_new(const struct conf *c);
void table_set_free(struct table_set *set);

enum { TABLE_BURST_SECONDS = 5 };

/* Every question from now on, with its answer, appends a line to *trace (NULL: no more).
 * Secrets are left out. For smtpctl why. */
void table_set_trace(struct table_set *set, stralloc *trace);

/* One recipient is done with: the processes that answered for sqlite tables
 * end, so that none serves two. After table_set_serve_many() they do serve a
 * burst, of 100 recipients or TABLE_BURST_SECONDS. True: some stay; call it
 * again after TABLE_BURST_SECONDS even if there was no other recipient.
 * A table that made somebody wait in vain answers LATER at once for some seconds. */
bool table_set_end_recipient(struct table_set *set);
void table_set_serve_many(struct table_set *set);

/* Looks the keys up in turn; the first that is there decides. *value receives
 * its value, no NUL ("" in a list): for alias and mailaddrmap a comma list.
 * After LATER and BROKEN, *why receives one line for the log ("FILE: reason",
 * no NUL); it is left alone otherwise. which, if not NULL, receives the index
 * of the key that hit, or is inactive (0 for an exec table, whose program does not say). */
enum lookup table_lookup(struct table_set *set, const struct conf_table *t, enum service service,
    const char *const keys[], size_t nkeys, stralloc *value, size_t *which, stralloc *why);

/* Whether the key matches an entry by the rules of its service: domain (a
 * glob: '*' stands for any octets, dots too), netaddr (address text, CIDR, the word "local"; binary
 * comparison, families never mix), mailaddr (user@dom, @dom with glob, user = that user anywhere, "@" = everyone). */
enum lookup table_match(struct table_set *set, const struct conf_table *t, enum service service,
    const char *key, stralloc *why);

struct userinfo {
	const char *name;	/* in memory of its own; free with userinfo_free */
	uid_t uid;
	gid_t gid;
	const char *home;
	bool is_system;		/* an account of this system: its groups belong to it */
};
void userinfo_free(struct userinfo *u);

/* The user of that name: from a userinfo table "uid:gid:home", from
 * TABLE_SYSTEM getpwnam(). A table is asked for name@domain first, so that the
 * same name in two domains may be two users; domain may be NULL. Names that could not be account names (empty, a
 * slash, control octets, over 255 octets) are ABSENT without asking. uid or
 * gid 0 or -1 in a table row is ABSENT (the seed's words); a home that is not
 * absolute is BROKEN. */
enum lookup table_userinfo(struct table_set *set, const struct conf_table *t, const char *name,
    const char *domain, struct userinfo *u, stralloc *why);

/* The n-th element of a source table, counted round: for `source`. */
enum lookup table_fetch(struct table_set *set, const struct conf_table *t, enum service service, size_t n,
    stralloc *value, stralloc *why);

/* Calls each(arg, key, value) for every entry (value NULL in a list) until it
 * returns false. FOUND after the last one. For smtpd -n and the reader; not
 * for sqlite, exec and proc tables (BROKEN). */
enum lookup table_each(struct table_set *set, const struct conf_table *t,
    bool (*each)(void *arg, const char *key, const char *value), void *arg, stralloc *why);

/* Whether an answer may take long (a helper program, a network behind NSS):
 * the runner asks such tables in a child process. */
bool table_may_wait(const struct conf_table *t);

/* What may have to be waited for, as a set of bits: one for the database or the
 * program behind the table, the same for all tables that share it; none where
 * an answer never waits. */
uint64_t table_sources(const struct conf *c, const struct conf_table *t);

/* From now on a table with a source that is not in the set is not asked: it
 * answers LATER at once, and that source is noted. Whatever was made of such an
 * answer is none: table_set_refused() gives the sources noted since. */
void table_set_permit(struct table_set *set, uint64_t sources);
uint64_t table_set_refused(const struct table_set *set);

#endif
