/* environment: what a command may know of the message (deliver-local(8)).
 *
 * Most values are a peer's words: a control octet in one becomes '?', and so
 * does a '(' in front, which old shells took for the begin of a function. */
#include "deliver-local/command.h"

#include <errno.h>
#include <paths.h>
#include <string.h>

#include "deliver-local/format.h"

static bool
put_octets(stralloc *to, const char *name, const char *value, size_t len)
{
	size_t start;

	if (!stralloc_cats(to, name) || !stralloc_catb(to, "=", 1))
		return false;
	start = to->len;
	if (!stralloc_catb(to, value, len) || !stralloc_0(to))
		return false;
	for (size_t i = start; i + 1 < to->len; i++)
		if ((unsigned char)to->s[i] < 0x20 || to->s[i] == 0x7f || (i == start && to->s[i] == '('))
			to->s[i] = '?';
	return true;
}

static bool
put(stralloc *to, const char *name, const char *value)
{
	return put_octets(to, name, value, strlen(value));
}

static bool
put_if_known(stralloc *to, const char *name, const char *value)
{
	return value[0] == '\0' || put(to, name, value);
}

/* LOCAL, DOMAIN and HOST: of the address in RCPT. */
static bool
put_address_parts(stralloc *to, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t len = at == NULL ? strlen(address) : (size_t)(at - address);
	const char *domain = at == NULL ? "" : at + 1;

	return put_octets(to, "LOCAL", address, len) && put(to, "DOMAIN", domain) && put(to, "HOST", domain);
}

static bool
put_extension(stralloc *to, const char *address, char delimiter)
{
	size_t len;
	const char *tag = format_find_tag(&len, address, delimiter);

	return len == 0 || (put_octets(to, "EXTENSION", tag, len) && put_octets(to, "EXT", tag, len));
}

bool
command_environment(stralloc *to, const struct job *j, const struct job_recipient *r)
{
	const char *original = r->original[0] != '\0' ? r->original : r->address;

	if (put(to, "PATH", "/usr/local/bin:" _PATH_DEFPATH) && put(to, "SHELL", "/bin/sh") &&
	    put(to, "HOME", j->home[0] != '\0' ? j->home : "/") && put(to, "USER", j->user) &&
	    put(to, "LOGNAME", j->user) && put(to, "SENDER", j->reverse_path) && put(to, "RECIPIENT", r->address) &&
	    put(to, "ORIGINAL_RECIPIENT", original) && put_address_parts(to, original) &&
	    put_extension(to, original, j->delimiter) && put_if_known(to, "CLIENT_ADDRESS", j->origin) &&
	    put_if_known(to, "CLIENT_HELO", j->helo) && put_if_known(to, "SASL_USERNAME", j->auth_user) &&
	    put_if_known(to, "QUEUE_ID", j->id))
		return true;
	errno = ENOMEM;
	return false;
}
