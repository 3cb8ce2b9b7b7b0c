/* bounce_report: a notice as a message: multipart/report of RFC 6522 with the
 * delivery status of RFC 3464 (RFC 6533 where the sender speaks SMTPUTF8). */
#ifndef PIPEPOST_BOUNCE_REPORT_H
#define PIPEPOST_BOUNCE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

#include "lib/notice.h"

enum { BOUNCE_LISTED_MAX = 100 };	/* recipients that the words name; the status part has all of them */

/* Appends the message. text[0..len) is the original, as much of it as there is;
 * unique (letters and digits) becomes part of its Message-ID and boundary.
 * Everything in n and text is data: no value can begin a line or a field of its own.
 * Fails with errno ENOMEM only. Pure. */
bool bounce_report_append(stralloc *to, const struct notice *n, const char *text, size_t len, const char *unique,
    int64_t now);

/* Appends the address that is notified: the reverse-path, or postmaster here.
 * Fails with ENOMEM. */
bool bounce_report_append_addressee(stralloc *to, const struct notice *n);

#endif
