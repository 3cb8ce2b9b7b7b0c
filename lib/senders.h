/* senders: which reverse-paths a login may use: `senders <table>` of a listener. */
#ifndef PIPEPOST_SENDERS_H
#define PIPEPOST_SENDERS_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

#include "lib/table.h"

/* Whether an entry of the list s[0..len) ("joe@example.org, @example.net, *") fits the address,
 * without brackets: as in a table of addresses (table_match(), SERVICE_MAILADDR), and "*" fits
 * any. What follows the delimiter in its local part counts only where the entry has it, too;
 * '\0': nothing does. Pure. */
bool senders_match(const char *s, size_t len, const char *address, char delimiter);

/* FOUND: the login may send as reverse_path (no brackets). ABSENT: not, or it is not in the table. The
 * null reverse-path, which claims nobody's name (it is that of a receipt, RFC 8098 3), is for all
 * who are. *why as table_lookup() has it. */
enum lookup senders_allow(struct table_set *set, const struct conf_table *t, const char *login,
    const char *reverse_path, char delimiter, stralloc *why);

#endif
