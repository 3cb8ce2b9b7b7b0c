/* format: the %{…} of maildir and mbox paths and of mda commands (smtpd.conf(5)). Pure. */
#ifndef PIPEPOST_DELIVER_LOCAL_FORMAT_H
#define PIPEPOST_DELIVER_LOCAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum { FORMAT_MAX = 1023 };	/* octets of a result */

struct format_values {
	const char *sender;	/* reverse-path */
	const char *rcpt;	/* as given in RCPT */
	const char *dest;	/* after expansion */
	const char *username;
	const char *directory;
	char delimiter;		/* of the sub-address; NUL: none */
	bool is_command;	/* the result goes to a shell: values are cleaned for it, `raw` ones too */
};

/* Expands the NUL-ended format into to[]. False where it cannot be done, and
 * *why says why in a static string: that is a deferral. A result that is no
 * command has no component "." or "..". */
bool format_expand(char to[FORMAT_MAX + 1], const char **why, const struct format_values *v, const char *format);

/* The sub-address of a mailbox's local part, behind the first delimiter:
 * "bob+tag@x" has "tag". *len is 0 where there is none. */
const char *format_find_tag(size_t *len, const char *address, char delimiter);

#endif
