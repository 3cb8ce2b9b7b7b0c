/* command: see command.h. */
#include "deliver-remote/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	NOTIFY_MAX = 40,	/* octets of " NOTIFY=SUCCESS,FAILURE,DELAY" */
	VALUE_MAX = 500,	/* octets of ENVID and ORCPT: RFC 3461 5.1 and 5.2 have 100 and 500 */
};

/* Printable ASCII without blanks: what a parameter's value may hold. */
static bool
is_value(const char *s)
{
	size_t len = 0;

	for (; s[len] != '\0'; len++)
		if (s[len] <= ' ' || s[len] > '~')
			return false;
	return len > 0 && len <= VALUE_MAX;
}

bool
command_put_mail(struct connection *c, const struct extensions *x, const struct command_mail *m)
{
	bool has_ret = x->dsn && (strcmp(m->ret, "FULL") == 0 || strcmp(m->ret, "HDRS") == 0);
	bool has_envid = x->dsn && is_value(m->envid);
	char size[32] = "";

	if (x->size)
		snprintf(size, sizeof size, " SIZE=%" PRIu64, m->size);
	return connection_command(c, "MAIL FROM:<%s>%s%s%s%s%s%s%s", m->reverse_path, size,
	    x->eightbitmime ? " BODY=8BITMIME" : "", x->smtputf8 && m->needs_smtputf8 ? " SMTPUTF8" : "",
	    has_ret ? " RET=" : "", has_ret ? m->ret : "", has_envid ? " ENVID=" : "", has_envid ? m->envid : "");
}

/* Writes " NOTIFY=...", or "" where nothing was asked for. */
static void
write_notify(char to[NOTIFY_MAX], const char *letters)
{
	static const struct { char letter; const char *word; } words[] = {
		{ 's', "SUCCESS" }, { 'f', "FAILURE" }, { 'd', "DELAY" },
	};
	size_t len = 0;

	to[0] = '\0';
	if (strcmp(letters, "never") == 0) {
		snprintf(to, NOTIFY_MAX, " NOTIFY=NEVER");
		return;
	}
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strchr(letters, words[i].letter) != NULL)
			len += (size_t)snprintf(to + len, NOTIFY_MAX - len, "%s%s", len == 0 ? " NOTIFY=" : ",",
			    words[i].word);
}

bool
command_put_rcpt(struct connection *c, const struct extensions *x, const char *address, const char *notify,
    const char *orcpt)
{
	bool has_orcpt = x->dsn && is_value(orcpt);
	char words[NOTIFY_MAX] = "";

	if (x->dsn)
		write_notify(words, notify);
	return connection_command(c, "RCPT TO:<%s>%s%s%s", address, words, has_orcpt ? " ORCPT=" : "",
	    has_orcpt ? orcpt : "");
}
