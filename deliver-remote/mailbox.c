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

static bool
is_null(const char *address)
{
	return *address == '\0' || strcmp(address, "#@[]") == 0;
}

bool
mailbox_append(stralloc *to, const char *address)
{
	size_t start = to->len;
	bool is_done;

	if (is_null(address))
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

bool
mailbox_append_as(stralloc *to, const char *reverse_path, const char *as, const char *own_name)
{
	const char *at = strchr(as, '@'), *old_at = strrchr(reverse_path, '@');
	size_t local = at == as ? (old_at == NULL ? strlen(reverse_path) : (size_t)(old_at - reverse_path)) : 0;
	stralloc path = STRALLOC_ZERO;
	bool is_done;

	if (is_null(reverse_path) || *as == '\0')
		return mailbox_append(to, reverse_path);
	is_done = stralloc_catb(&path, reverse_path, local) && stralloc_cats(&path, as) &&
	    (at != NULL || (stralloc_cats(&path, "@") && stralloc_cats(&path, own_name))) && stralloc_0(&path);
	if (!is_done)
		errno = ENOMEM;
	is_done = is_done && mailbox_append(to, path.s);
	stralloc_free(&path);
	return is_done;
}
