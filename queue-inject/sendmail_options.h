/* sendmail_options: what the command line of sendmail(8) asks for. Pure. */
#ifndef PIPEPOST_SENDMAIL_OPTIONS_H
#define PIPEPOST_SENDMAIL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum sendmail_mode {
	SENDMAIL_SUBMIT,	/* -bm: the message on fd 0 is queued */
	SENDMAIL_SMTP,		/* -bs: SMTP on fd 0 and 1 */
	SENDMAIL_DAEMON,	/* -bd, -bD, -bl */
	SENDMAIL_MAILQ,		/* -bp, or called mailq */
	SENDMAIL_ALIASES,	/* -bi, -I, or called newaliases */
	SENDMAIL_VERIFY,	/* -bv */
	SENDMAIL_RUN_QUEUE,	/* -q */
	SENDMAIL_SCHEDULE,	/* -qI ID, -qR DOMAIN */
	SENDMAIL_NOTHING,	/* host status, of which there is none */
};

enum { SENDMAIL_ENVID_MAX = 100 };	/* octets, RFC 3461 4.4 */

/* Strings point into argv and are NULL where not given, unless said otherwise. */
struct sendmail_options {
	enum sendmail_mode mode;
	bool is_foreground;		/* -bD, -qf */
	bool takes_header_recipients;	/* -t */
	bool is_verbose;		/* -v */
	const char *reverse_path;	/* -f, -r: as written; "" and "<>" are the null one */
	const char *full_name;		/* -F */
	const char *queue_id;		/* -qI */
	const char *domain;		/* -qR, without "@"; else NULL */
	const char *sender;		/* -qS: part of a reverse-path; else NULL */
	const char *aliases;		/* -oA, -O AliasFile=: the text for -bi, or NULL */
	const char *envid;		/* -V: plain text, 1 to SENDMAIL_ENVID_MAX printable octets */
	const char *notify;		/* "never", or of the letters s, f, d; never NULL */
	const char *ret;		/* "FULL", "HDRS"; never NULL */
	const char *body;		/* "7BIT", "8BITMIME"; never NULL */
	char notify_letters[4];		/* where notify points, if it was a list */
	const char *const *arguments;	/* recipients, or all that another command's name got; ended by NULL */
};

/* Reads argv, argv[0] included, whose last part may be another command's name.
 * After false *why is one line for the user. *notice, where not NULL
 * afterwards, is something to be said before going on. */
bool sendmail_read_options(struct sendmail_options *o, const char *const *argv, const char **why,
    const char **notice);

#endif
