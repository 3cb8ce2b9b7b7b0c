/* refusal: the words in which a recipient is refused: in smtp-recv's reply, in its log, and in smtpctl why. Pure. */
#ifndef PIPEPOST_REFUSAL_H
#define PIPEPOST_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/route.h"

enum { REFUSAL_TEXT_MAX = 1024 };

/* Whether the answer of route_check() lets the recipient in. */
bool refusal_is_none(const struct route *r);

/* The reply to a recipient that is not let in: returns its code, and writes what follows it. */
unsigned refusal_reply(char text[REFUSAL_TEXT_MAX], const struct route *r, const char *address);

/* Appends which rule of which file has decided, and why; also of a recipient that is let in. No NUL. Fails with
 * errno ENOMEM. */
bool refusal_explain(stralloc *to, const struct route *r);

#endif
