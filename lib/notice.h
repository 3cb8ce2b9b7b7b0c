/* notice: what queue-run asks queue-bounce to tell a sender, over its fd 0:
 *
 *	{ LETTER value NUL } NUL  original text until end of file
 *
 * The fields of the message come first; each recipient's begin with its T.
 * Fields that are "" or 0 are left out. */
#ifndef PIPEPOST_NOTICE_H
#define PIPEPOST_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

enum {
	NOTICE_TEXT_MAX = 64 * 1024,		/* octets of original text that are looked at: send no more */
	NOTICE_FULL_MAX = 50 * 1024,		/* a longer original comes back without its body */
	NOTICE_REASON_MAX = 1000,		/* octets of a reason that are shown */
	NOTICE_SIZE_MAX = 128 * 1024 * 1024,	/* octets of all fields */
};

/* The reverse-path of a notice to postmaster about a notice that failed: what
 * bounces once more is discarded. */
#define NOTICE_DOUBLE_PATH "#@[]"

/* Fixed letters: they go over the pipe. */
enum notice_kind {
	NOTICE_FAILURE = 'F',	/* some recipients will never get it */
	NOTICE_DELAY = 'D',	/* still trying */
	NOTICE_SUCCESS = 'S',	/* delivered, relayed or expanded, and NOTIFY=SUCCESS asked for it */
	NOTICE_DOUBLE = 'B',	/* a notice of ours failed: goes to postmaster, in full */
};

enum notice_action {
	NOTICE_FAILED = 'f',
	NOTICE_DELAYED = 'z',
	NOTICE_DELIVERED = 'd',
	NOTICE_RELAYED = 'r',	/* to a host that does not do DSN */
	NOTICE_EXPANDED = 'x',	/* to an alias's members */
};

struct notice_recipient {
	const char *address;	/* T: that the outcome is about, after expansion */
	const char *original;	/* P: of the envelope, "" where it is the same */
	const char *orcpt;	/* O: xtext as received */
	const char *notify;	/* N: letters as in the envelope */
	const char *status;	/* C: "5.1.1"; "": taken from the front of reason, else by action */
	const char *reason;	/* R: any text: it is made one printable line */
	const char *remote;	/* H: the host that said so, "" where it was us */
	enum notice_action action;	/* A */
	int64_t last_attempt;	/* L: seconds, 0 = none */
	int64_t retry_until;	/* W: seconds, 0 = unknown; delays only */
};

/* Strings are never NULL; after decoding they point into the request. */
struct notice {
	enum notice_kind kind;		/* k */
	const char *id;			/* i: queue id of the original */
	const char *host;		/* h: reporting host, "" = this host's name */
	const char *reverse_path;	/* s: of the original: who is notified; "" with NOTICE_DOUBLE */
	const char *envid;		/* e: xtext as received */
	const char *ret;		/* r: "FULL", "HDRS" or "" */
	bool is_smtputf8;		/* u: the sender speaks it: message/global parts */
	int64_t arrived;		/* a: seconds */
	uint64_t text_size;		/* z: octets of the whole original text */
	genalloc recipients;		/* struct notice_recipient */
};
#define NOTICE_ZERO \
	{ .kind = NOTICE_FAILURE, .id = "", .host = "", .reverse_path = "", .envid = "", .ret = "", \
	  .recipients = GENALLOC_ZERO }

/* A recipient with everything unknown: copy it and set what is known. */
extern const struct notice_recipient notice_recipient_unknown;

/* Appends all fields and the closing NUL; the text (its first NOTICE_TEXT_MAX
 * octets at most) follows on the pipe. Fails with errno ENOMEM. */
bool notice_encode(stralloc *to, const struct notice *n);

/* Decodes s[0..len). *used receives the octets up to and with the closing NUL.
 * n begins as NOTICE_ZERO; the caller frees with notice_free().
 * Fails with errno ENODATA (s ends before the closing NUL), EPROTO (unknown
 * letter, bad number, or no recipient), ENOMEM. */
bool notice_decode(struct notice *n, size_t *used, const char *s, size_t len);
void notice_free(struct notice *n);

/* Whether the sender wants a notice of this kind for a recipient with these
 * NOTIFY letters (RFC 3461 4.1: without NOTIFY, of failure and delay). A double
 * bounce is always wanted: the postmaster gave no letters. */
bool notice_is_wanted(enum notice_kind kind, const char *notify);

#endif
