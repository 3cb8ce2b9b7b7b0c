/* bounce_text: other people's text made fit for a notice. Pure. */
#ifndef PIPEPOST_BOUNCE_TEXT_H
#define PIPEPOST_BOUNCE_TEXT_H

#include <stdbool.h>

#include <skalibs/stralloc.h>

#include "lib/notice.h"

enum {
	BOUNCE_WRAP_AT = 72,		/* columns that a line of ours should have at most */
	BOUNCE_LINE_MAX = 900,		/* octets of one word on a line; a line may have 998 (RFC 5322 2.1.1) */
	BOUNCE_STATUS_MAX = 12,		/* "5.999.999" with its NUL */
};

/* Appends the words of text as lines: the first continues where *to ends (and
 * begins with indent if that is the start of a line), the others begin with
 * indent, all end with LF. Line ends and blanks in text part words, other
 * control octets are escaped, octets over 127 become '?' unless keeps_8bit.
 * NOTICE_REASON_MAX octets are shown at most. Fails with ENOMEM. */
bool bounce_append_wrapped(stralloc *to, const char *indent, const char *text, bool keeps_8bit);

/* Appends what xtext (RFC 3461 4) stands for; what is no xtext stays as it is. */
bool bounce_append_xtext_decoded(stralloc *to, const char *xtext);

/* Appends a UTF-8 address in seven bits: utf-8-addr-xtext of RFC 6533 3. */
bool bounce_append_utf8_xtext(stralloc *to, const char *address);

/* Makes "smtpd.conf:12" of "/etc/mail/smtpd.conf:12", in place: a stranger has no
 * use for the rest, and an administrator finds it in the log. */
void bounce_hide_directories(char *reason);

/* Makes status, remote and "550 words" of a reason that is a server's reply, "5.1.1
 * mx.example.net[192.0.2.1]: 550 words", in place; leaves any other as it is. */
void bounce_split_reply(struct notice_recipient *r);

/* The enhanced status code of a recipient: the given one, else one at the front of
 * the reason ("5.1.1 words", "550 5.1.1 words"), else by its action. Returns status. */
const char *bounce_find_status(char status[BOUNCE_STATUS_MAX], const struct notice_recipient *r);

#endif
