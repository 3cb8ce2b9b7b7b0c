/* sendmail_header: the header of a submitted message, read and put right. Pure
 * but for the random part of a Message-ID. */
#ifndef PIPEPOST_SENDMAIL_HEADER_H
#define PIPEPOST_SENDMAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

/* What a program hands over becomes our text: CRLF becomes LF, NUL a space. */
struct sendmail_cleaner {
	bool has_cr;		/* the last octet was a CR that may belong to a CRLF */
};

/* Appends s[0..len), cleaned; is_last: nothing follows. Fails with ENOMEM. */
bool sendmail_clean(struct sendmail_cleaner *c, stralloc *to, const char *s, size_t len, bool is_last);

/* Where the header of text[0..len) lies. */
struct sendmail_span {
	size_t start;		/* behind a leading "From " line of an mbox */
	size_t end;		/* behind the last field */
	size_t body;		/* behind the empty line, if there is one */
};

/* False: more text is needed to tell, and is_last says that there is none (then
 * it is always true). Text without any header is a body: start == end == body. */
bool sendmail_find_header(struct sendmail_span *span, const char *text, size_t len, bool is_last);

/* Appends the recipients (each with its NUL) that the header names: those of
 * Resent-To, Resent-Cc and Resent-Bcc where there is one of them, else To, Cc
 * and Bcc. *is_clean is false where something in them is not an address.
 * Fails with ENOMEM. */
bool sendmail_append_recipients(stralloc *to, bool *is_clean, const char *text, const struct sendmail_span *span);

/* Who submits what. */
struct sendmail_origin {
	const char *host;		/* the server's name */
	const char *full_name;		/* "" = none */
	const char *from;		/* mailbox for a missing From */
	int64_t now;			/* seconds */
};

/* Appends the header as it is queued: the fields as they were but Bcc,
 * Resent-Bcc and Return-Path, then From, Date and Message-ID where they are missing,
 * and the empty line. The trace line is queue-inject's. Fails with ENOMEM, or the errno of getrandom. */
bool sendmail_append_header(stralloc *to, const char *text, const struct sendmail_span *span,
    const struct sendmail_origin *o);

/* Appends a display name as RFC 5322 wants it: atoms, a quoted string, or (RFC
 * 2047) encoded words. Control octets become blanks. Fails with ENOMEM. */
bool sendmail_append_phrase(stralloc *to, const char *name);

#endif
