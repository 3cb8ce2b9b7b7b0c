/* mailbox: see mailbox.h. */
#include "deliver-remote/mailbox.h"

#include <errno.h>
#include <string.h>

#include "lib/address.h"

/* Appends "local"@domain. */
static bool
append_quoted(stralloc *to, const char *address)
{
	const char *at = strrchr(address, '@');

	if (at == NULL)
		at = address + strlen(address);
	if (!stralloc_catb(to, "\"", 1))
		return false;
	for (const char *s = address; s < at; s++)
		if (((*s == '"' || *s == '\\') && !stralloc_catb(to, "\\", 1)) || !stralloc_catb(to, s, 1))
			return false;
	return stralloc_catb(to, "\"", 1) && stralloc_cats(to, at);
}

bool
mailbox_append(stralloc *to, const char *address)
{
	size_t start = to->len;
	bool is_done;

	if (strcmp(address, "#@[]") == 0)
		address = "";
	if (*address == '\0' || address_is_mailbox(address, strlen(address))) {
		is_done = stralloc_cats(to, address);
	} else {
		is_done = append_quoted(to, address);
		if (is_done && !address_is_mailbox(to->s + start, to->len - start)) {
			to->len = start;
			errno = EINVAL;
			return false;
		}
	}
	if (is_done && stralloc_0(to))
		return true;
	to->len = start;
	errno = ENOMEM;
	return false;
}
