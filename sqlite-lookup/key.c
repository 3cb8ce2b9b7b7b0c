/* key: see key.h. */
#include "sqlite-lookup/key.h"

#include <string.h>

bool
key_take(struct key *k, enum query q, const char *text)
{
	size_t len = strlen(text);
	const char *at;

	if (len > TABLE_KEY_MAX)
		return false;
	for (size_t i = 0; i <= len; i++)
		k->text[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
	k->user = k->domain = k->address = NULL;
	k->user_len = k->domain_len = 0;
	if (!query_kinds[q].has_parts)
		return true;
	at = strrchr(k->text, '@');
	if (q == QUERY_DOMAIN) {
		k->domain = k->text;
		k->domain_len = len;
		return true;
	}
	k->user_len = at == NULL ? len : (size_t)(at - k->text);
	if (k->user_len > 0)
		k->user = k->text;
	if (at != NULL && at[1] != '\0') {
		k->domain = at + 1;
		k->domain_len = len - k->user_len - 1;
	}
	if (k->user != NULL && k->domain != NULL)
		k->address = k->text;
	return true;
}

enum parameter
key_parameter(const char *name, bool is_first)
{
	if (name == NULL)
		return is_first ? PARAMETER_KEY : PARAMETER_NULL;
	if (strcmp(name, "?1") == 0)
		return PARAMETER_KEY;
	if (strcmp(name, ":user") == 0)
		return PARAMETER_USER;
	if (strcmp(name, ":domain") == 0)
		return PARAMETER_DOMAIN;
	if (strcmp(name, ":address") == 0)
		return PARAMETER_ADDRESS;
	return name[0] == '?' ? PARAMETER_NULL : PARAMETER_UNKNOWN;
}
