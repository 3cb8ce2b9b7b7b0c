/* session: one connection, from the banner to the end, and what it remembers. */
#ifndef PIPEPOST_SMTP_RECV_SESSION_H
#define PIPEPOST_SMTP_RECV_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include "lib/conf.h"
#include "lib/facts.h"
#include "lib/smtp.h"
#include "lib/table.h"
#include "smtp-recv/login.h"
#include "smtp-recv/peer.h"
#include "smtp-recv/starttls.h"

/* Limits. Each stands in smtp-recv(8) under its name, and has a reply of its own. */
enum {
	COMMAND_SECONDS = 300,		/* for one command line, RFC 5321 4.5.3.2.7 */
	REPLY_SECONDS = 300,		/* until the client takes a reply */
	DATA_BLOCK_SECONDS = 180,	/* for one piece of the text, 4.5.3.2.5 */
	DATA_SECONDS = 3600,		/* for the whole text */
	SESSION_SECONDS = 7200,		/* from the banner; looked at between commands */
	COMMAND_MAX = 2048,		/* octets of MAIL and RCPT; others SMTP_COMMAND_MAX */
	REPLY_LINE_MAX = 512,		/* octets with CRLF, 4.5.3.1.5 */
	HELO_MAX = 255,			/* octets */
	ENVID_MAX = 100,		/* octets, RFC 3461 4.4 */
	ORCPT_MAX = 500,		/* octets, 4.2 */
	SUBMITTER_MAX = 500,		/* octets of MAIL's AUTH, RFC 4954 5 */
	REFUSALS_FREE = 9,		/* refusals that cost nothing; each further one waits a second */
	REFUSALS_MAX = 20,		/* then 421 */
	IDLE_COMMANDS_MAX = 100,	/* commands without a message getting nearer, then 421 */
	LOGGED_REFUSALS_MAX = 50,	/* log lines for refusals of one session */
	LOGGED_COMMAND_MAX = 300,	/* octets of a refused command in the log, quotes included */
	LOGGED_ERRORS_MAX = 10,		/* configuration errors logged at the door */
};

enum state { CONNECTED, GREETED, ENVELOPE, ADDRESSED, CLOSED };

/* What MAIL and RCPT have brought together. Made by transaction_begin, ended
 * by transaction_reset, nowhere else. */
struct transaction {
	struct facts facts;	/* strings belong to the session, the transaction or to constants */
	stralloc reverse_path;	/* with NUL */
	stralloc envelope;	/* in the grammar of envelope.h, without its end */
	stralloc first;		/* the first recipient, with NUL */
	stralloc envid;		/* with NUL */
	size_t nrecipients;
	size_t nrefused;	/* recipients refused */
};

struct session {
	/* options */
	bool is_local;			/* -b */
	bool trusts_environment;	/* -e */
	bool allows_bare;		/* -a */
	bool allows_long_lines;		/* -x */
	int greeting_wait_ms;		/* -w */
	const char *listener_name;	/* -l, or NULL */
	const char *conf_path;		/* -f */
	struct conf_macro *macros;	/* -D */
	size_t nmacros;

	/* who and where */
	struct peer peer;
	struct conf *conf;
	struct table_set *tables;
	const struct conf_listen *listen;	/* never NULL once set up */
	char name[256];				/* the name we go by */
	struct cover cover;			/* TLS */

	/* the conversation */
	enum state state;
	const char *verb;		/* of the command being answered */
	char command[LOGGED_COMMAND_MAX + 1];	/* its line for the log, quoted, no secrets in it */
	bool was_auth;			/* AUTH came, and nothing known since: what comes now may be a secret */
	const char *ended_by;		/* why it is over, for the log */
	bool is_esmtp;
	char helo[HELO_MAX + 1];
	char user[LOGIN_MAX + 1];	/* who has authenticated; "" while nobody has */
	struct transaction transaction;
	unsigned nmessages;		/* transactions begun */
	unsigned naccepted;
	unsigned nrefusals;		/* 5xx replies */
	unsigned nlogged;
	unsigned nidle;
	unsigned nauth_failures;	/* wrong passwords */
	tain end;			/* SESSION_SECONDS */
	size_t out_len;
	char out[4096];			/* replies not sent yet */
	struct smtp_input in;
};

/* Replies "code text" (printable, cut off at REPLY_LINE_MAX); it is sent when
 * the buffer is full or before the session waits for input. Returns code. */
unsigned session_reply(struct session *s, unsigned code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same as one of several lines: "code-text". */
void session_reply_more(struct session *s, unsigned code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses: replies, writes a line for the log with why (words for the log
 * only, may be ""), and counts 5xx replies (REFUSALS_*). */
unsigned session_refuse(struct session *s, const char *why, unsigned code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What is answered from now on: a verb, and the line for the log of a refusal. */
void session_note_command(struct session *s, const char *verb, const char *line, size_t len);

/* The client's address for a line of the log. */
const char *session_address(const struct session *s);

/* Sends what is buffered. False: the client is gone, and the state CLOSED. */
bool session_flush(struct session *s);

/* Ends the conversation after the replies that are buffered. why is kept by reference. */
void session_close(struct session *s, const char *why);

/* Flushes, then waits for more input until the deadline. When that fails, it is
 * counted, the session is closed and a 421 with the words `timeout` may be under way. */
bool session_fill(struct session *s, const tain *deadline, const char *timeout);

/* A read has failed (errno): the client sent nothing more, or nothing in time. It is counted, and the
 * session closed, with 421 and the words `timeout` where there was none in time. */
void session_lose_reader(struct session *s, const char *timeout);

/* Whether the client waits for our reply, as it must behind EHLO, HELO and DATA
 * (RFC 2920 3.1). If not, whatever it has sent was not meant for us, or somebody
 * else's words were put into its mouth: it is refused and the session closed
 * before a word of it is read. A local user may pipe in a whole conversation.
 * May read into the input buffer. */
bool session_is_in_step(struct session *s);

/* For a DATA that is refused before 354: what a client has sent behind it is the
 * text of a message, and must not be read as commands. Closes the session. */
void session_require_silence(struct session *s);

/* The deadline that lies `seconds` from now, but no later than limit (may be NULL). */
void session_deadline(tain *deadline, int seconds, const tain *limit);

/* The whole conversation. */
void session_run(struct session *s);

/* "SMTP", "ESMTPS", "UTF8SMTPSA" and so on (RFC 3848, RFC 6531) for the transaction. */
const char *session_protocol(const struct session *s);

#endif
