/* relay: where a message goes and how, from a rule of smtpd.conf to the param of a
 * JOB_RELAY (job.h). Pure.
 *
 * The runner fills a struct relay from the rule and from what it looked up, and
 * encodes it; deliver-remote, which reads no configuration, decodes it. */
#ifndef PIPEPOST_RELAY_H
#define PIPEPOST_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "lib/conf.h"

enum {
	RELAY_PARAM_MAX = 65536,	/* octets of an encoded relay */
	RELAY_KEY_MAX = 220,		/* octets of a key, without NUL */
};

/* The EHLO name that goes with a local address. */
struct relay_name {
	const char *address;
	const char *name;
};

/* No text is NULL; "" is none. Texts belong to whoever set them; after
 * relay_decode() to the struct. */
struct relay {
	/* where to */
	const char *host;		/* is_mx: the domain, which may be a literal in brackets;
					 * else a name, or an address without brackets */
	bool is_mx;			/* by MX of host; else the addresses of host itself */
	uint32_t port;			/* 0: 25; and for TLS_ANY 25, then 465 */
	bool is_lmtp;
	bool is_backup;			/* only MXs better than backup_mx */
	const char *backup_mx;		/* set where is_backup */
	bool inet4_only, inet6_only;

	/* as whom */
	const char *own_name;		/* the server's name: our own entry in a list of MXs, and the
					 * domain of an `as` without one */
	const char *helo;		/* EHLO name where no entry of names fits */
	genalloc names;			/* struct relay_name */
	genalloc sources;		/* const char *: local addresses, used in turn; empty: any */
	const char *as;			/* "user", "@domain", "user@domain": reverse-path, unless it is null */

	/* TLS */
	enum conf_tls tls;		/* TLS_REQUIRED also for `relay tls` */
	bool verify;			/* certificate and name */
	const char *ca;			/* path of the trust anchors; "": the system's */
	const char *certificate, *key;	/* paths of our own */

	/* AUTH: never in clear text. The secret itself does not come this way */
	const char *label;		/* under which the table has it; "" without AUTH */
	const char *table;		/* its name in smtpd.conf; "" without AUTH */

	/* limits: as `limit mta` of smtpd.conf(5) has them */
	uint32_t session_mail_max;		/* transactions of one session */
	uint32_t session_transaction_delay;	/* seconds between two of them */
	uint32_t session_keepalive;		/* seconds that an idle session is kept */
	uint32_t max_failures_per_session;

	char *memory;			/* relay.c's own */
};

/* To nowhere yet: no texts, opportunistic TLS, the default limits. */
void relay_init(struct relay *r);

/* Frees the lists, and the texts of a decoded one. */
void relay_free(struct relay *r);

/* Fills in what the rule and the configuration say: all but names and sources,
 * whose tables have to be asked. domain is the recipient's and counts where
 * the rule names no host; own_name is the server's name. `limit mta for domain`
 * is that of the domain, or of the rule's host. Texts are the conf's and the arguments'. */
void relay_from_conf(struct relay *r, const struct conf *c, const struct conf_relay *rule, const char *domain,
    const char *own_name);

/* `limit mta` as it is for a domain or the host of a relay. NULL: a conf without any. */
const struct conf_mta_limit *relay_find_limit(const struct conf *c, const char *host);

/* Takes host, port, TLS and label; texts are the url's. */
void relay_take_url(struct relay *r, const struct conf_relay_url *url);

/* Fail with ENOMEM. */
bool relay_add_source(struct relay *r, const char *address);
bool relay_add_name(struct relay *r, const char *address, const char *name);

/* Appends r as a string without NUL, control octets or blank lines: host and
 * domain names in lower case, the same text for the same relay. Fails with errno ENOMEM, EMSGSIZE (over RELAY_PARAM_MAX). */
bool relay_encode(stralloc *to, const struct relay *r);

/* Takes what relay_encode() writes. Everything is set; free with relay_free(),
 * whatever the outcome. Fails with errno EPROTO, EMSGSIZE, ENOMEM. */
bool relay_decode(struct relay *r, const char *param);

/* Appends the key by which messages are grouped: relays that differ in anything
 * have different ones. Lower-case letters, digits, '-', '.', '%';
 * it begins with a letter, may be a file name, and begins with the host for a reader:
 * "mx-example.org-89ab…". No NUL is added. Fails as relay_encode does. */
bool relay_key(stralloc *to, const struct relay *r);

#endif
