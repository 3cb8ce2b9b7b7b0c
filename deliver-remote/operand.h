/* operand: the destination of the command line, as the param of a job. */
#ifndef PIPEPOST_DELIVER_REMOTE_OPERAND_H
#define PIPEPOST_DELIVER_REMOTE_OPERAND_H

#include <stdbool.h>

#include <skalibs/stralloc.h>

/* Reads a relay URL of smtpd.conf ("scheme://host"), or a domain or an address in brackets, for which
 * MX records are asked as qmail-remote does. words are further fields of a relay (lib/relay.h), a blank in
 * front of each. *param receives the param, with NUL. False: *why says what would be right. */
bool operand_read(stralloc *param, const char *operand, const char *words, const char **why);

/* Whether the param asks for AUTH. */
bool operand_has_label(const char *param);

#endif
