/* facts: what is known of the transaction that brought a message.
 *
 * smtp-recv, sendmail and queue-bounce hand them to queue-inject in a fixed
 * list of environment variables, so that the envelope on fd 1 stays the plain
 * qmail-queue grammar; queue-inject stores them behind the envelope; the
 * runner routes by them. */
#ifndef PIPEPOST_FACTS_H
#define PIPEPOST_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

enum origin {
	ORIGIN_UNKNOWN,		/* from ppsmtp, but a wrapper cleared the facts: nothing is believed */
	ORIGIN_LOCAL,		/* submitted on this host; `uid` says by whom; recipients were not checked */
	ORIGIN_SMTP,		/* received by smtp-recv; every recipient was accepted by a rule */
	ORIGIN_NOTICE,		/* a bounce or another notice of our own; not checked */
};

/* Every string is "" where nothing is known, never NULL. They point into
 * whatever they were read from (the environment, a message's envelope). */
struct facts {
	enum origin origin;
	uid_t uid;		/* real uid of queue-inject's caller */
	const char *client;	/* address text: "192.0.2.1", "2001:db8::1"; "" for local */
	const char *helo;
	const char *user;	/* AUTH identity */
	const char *tag;	/* the listener's */
	const char *body;	/* "7BIT", "8BITMIME" */
	const char *ret;	/* "FULL", "HDRS" (RFC 3461) */
	const char *envid;	/* xtext as received */
	bool is_smtputf8;
};

/* A struct facts with everything unknown. */
extern const struct facts facts_unknown;

/* Reads the PIPEPOST_* variables with getenv(). A value with control octets or
 * over 1024 octets counts as absent, and so does one that SMTP does not know of
 * (body, ret, envid). Of a caller who is not believed only those three and
 * is_smtputf8 are taken. What is absent, and uid, is left alone. */
void facts_from_environment(struct facts *f, bool is_believed);

/* Appends them as "NAME=value" strings, each with its NUL, unknown ones left
 * out: what a caller of queue-inject puts into its environment.
 * Fails with errno ENOMEM. */
bool facts_to_environment(stralloc *to, const struct facts *f);

/* The names, in the order of the struct, ended by NULL: what a set-id program
 * keeps of its environment. */
extern const char *const facts_variables[];

/* On disk: "LETTER value NUL" for each known fact (queue(5)), in a fixed order.
 * facts_decode() keeps pointers into s; an unknown letter fails with EPROTO. */
bool facts_encode(stralloc *to, const struct facts *f);
bool facts_decode(struct facts *f, const char *s, size_t len);

#endif
