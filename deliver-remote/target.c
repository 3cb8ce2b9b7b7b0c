/* target: see target.h.
 *
 * Destinations are smtp://host:port and lmtp://host:port; the host's addresses are asked
 * of the system's resolver. */
#include "deliver-remote/target.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

bool
destination_read(struct destination *t, const char *param)
{
	const char *colon;

	static const struct { const char *scheme; enum conf_tls tls; bool is_lmtp; } schemes[] = {
		{ "smtp://", TLS_NEVER, false }, { "smtp+tls://", TLS_OPPORTUNISTIC, false },
		{ "tls://", TLS_REQUIRED, false }, { "smtps://", TLS_AT_CONNECT, false },
		{ "secure://", TLS_ANY, false }, { "lmtp://", TLS_NEVER, true },
	};
	size_t i = 0, n = sizeof schemes / sizeof schemes[0];

	while (i < n && strncmp(param, schemes[i].scheme, strlen(schemes[i].scheme)) != 0)
		i++;
	if (i == n)
		return false;
	t->is_lmtp = schemes[i].is_lmtp;
	t->tls = schemes[i].tls;
	t->verify = false;
	t->helo = "localhost";
	param += strlen(schemes[i].scheme);
	colon = strrchr(param, ':');
	if (colon == NULL)
		return false;
	snprintf(t->host, sizeof t->host, "%.*s", (int)(colon - param), param);
	snprintf(t->port, sizeof t->port, "%s", colon + 1);
	return true;
}

bool
target_find(genalloc *targets, const struct destination *t, struct outcome *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	struct target x = { .name = t->host };

	genalloc_setlen(struct target, targets, 0);
	if (getaddrinfo(t->host, t->port, &hints, &list) != 0) {
		outcome_set(why, VERDICT_DEFERRED, "4.4.3 %s: no address", t->host);
		return false;
	}
	for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		memcpy(&x.address, a->ai_addr, a->ai_addrlen);
		x.len = a->ai_addrlen;
		if (!genalloc_append(struct target, targets, &x))
			return false;
	}
	freeaddrinfo(list);
	return true;
}
