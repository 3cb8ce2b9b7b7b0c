/* senders: see senders.h. */
#include "lib/senders.h"

#include <string.h>

#include "lib/table_match.h"

enum { ENTRY_MAX = 512 };	/* octets; no address has so many */

/* The length of the first entry of s[0..len): a comma ends it, but not one in double quotes. */
static size_t
entry_length(const char *s, size_t len)
{
	bool is_quoted = false;
	size_t i;

	for (i = 0; i < len && (is_quoted || s[i] != ','); i++) {
		if (s[i] == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && s[i] == '\\')
			i++;
	}
	return i < len ? i : len;
}

/* Writes the address without "+tag". False if it has none. */
static bool
strip_tag(char to[ENTRY_MAX], const char *address, char delimiter)
{
	const char *at = strrchr(address, '@'), *tag = strchr(address, delimiter);
	size_t len;

	if (delimiter == '\0' || at == NULL || tag == NULL || tag == address || tag > at)
		return false;
	len = (size_t)(tag - address);
	if (len + strlen(at) >= ENTRY_MAX)
		return false;
	memcpy(to, address, len);
	memcpy(to + len, at, strlen(at) + 1);
	return true;
}

static bool
fits(const char *entry, const char *address)
{
	return strcmp(entry, "*") == 0 || table_glob_mailaddr(entry, address);
}

bool
senders_match(const char *s, size_t len, const char *address, char delimiter)
{
	char entry[ENTRY_MAX], plain[ENTRY_MAX];
	bool has_plain = strip_tag(plain, address, delimiter);

	while (len > 0) {
		size_t n = entry_length(s, len), first = 0, last = n;

		while (first < n && (s[first] == ' ' || s[first] == '\t'))
			first++;
		while (last > first && (s[last - 1] == ' ' || s[last - 1] == '\t'))
			last--;
		if (last > first && last - first < sizeof entry) {
			memcpy(entry, s + first, last - first);
			entry[last - first] = '\0';
			if (fits(entry, address) || (has_plain && fits(entry, plain)))
				return true;
		}
		n += n < len;
		s += n;
		len -= n;
	}
	return false;
}

enum lookup
senders_allow(struct table_set *set, const struct conf_table *t, const char *login, const char *reverse_path,
    char delimiter, stralloc *why)
{
	stralloc list = STRALLOC_ZERO;
	enum lookup answer = table_lookup(set, t, SERVICE_MAILADDRMAP, &login, 1, &list, NULL, why);

	if (answer == LOOKUP_FOUND && *reverse_path != '\0' &&
	    !senders_match(list.s, list.len, reverse_path, delimiter))
		answer = LOOKUP_ABSENT;
	stralloc_free(&list);
	return answer;
}
