/* mailbox: an envelope's address as it may stand between < and > of a command. */
#ifndef PIPEPOST_DELIVER_REMOTE_MAILBOX_H
#define PIPEPOST_DELIVER_REMOTE_MAILBOX_H

#include <stdbool.h>

#include <skalibs/stralloc.h>

/* Appends the address and a NUL: as it is where it is a mailbox, else with its
 * local part quoted, as mail from callers of qmail-queue needs it. "" and
 * qmail's #@[] (both the null reverse-path) give "". Fails with errno EINVAL (cannot be sent
 * at all; nothing was appended), ENOMEM. */
bool mailbox_append(stralloc *to, const char *address);

/* The same for a reverse-path, of which `as` ("user", "@domain" or "user@domain"; "": nothing) says how it
 * is to be rewritten; a user without a domain is one of own_name. The null reverse-path stays. */
bool mailbox_append_as(stralloc *to, const char *reverse_path, const char *as, const char *own_name);

#endif
