/* local: see local.h. */
#include "deliver-remote/local.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Reads an address of that family. */
static bool
scan(struct sockaddr_storage *to, socklen_t *len, sa_family_t family, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	*len = 0;
	if (family == AF_INET && inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(to, &v4, sizeof v4);
		*len = sizeof v4;
	} else if (family == AF_INET6 && inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		memcpy(to, &v6, sizeof v6);
		*len = sizeof v6;
	}
	return *len > 0;
}

enum local_source
local_source(struct sockaddr_storage *source, socklen_t *len, const struct relay *r, sa_family_t family, uint32_t turn)
{
	size_t n = genalloc_len(const char *, &r->sources), fit = 0;

	for (size_t i = 0; i < n; i++)
		fit += scan(source, len, family, genalloc_s(const char *, &r->sources)[i]);
	if (fit == 0)
		return n == 0 ? LOCAL_ANY : LOCAL_NONE;
	turn %= (uint32_t)fit;
	for (size_t i = 0; i < n; i++)
		if (scan(source, len, family, genalloc_s(const char *, &r->sources)[i]) && turn-- == 0)
			break;
	return LOCAL_SOURCE;
}

static bool
is_address(const struct sockaddr_storage *a, const char *text)
{
	struct sockaddr_storage b;
	socklen_t len;

	if (!scan(&b, &len, a->ss_family, text))
		return false;
	return a->ss_family == AF_INET ?
	    ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((struct sockaddr_in *)&b)->sin_addr.s_addr :
	    IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr, &((struct sockaddr_in6 *)&b)->sin6_addr);
}

const char *
local_helo(const struct relay *r, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < genalloc_len(struct relay_name, &r->names); i++) {
		const struct relay_name *n = &genalloc_s(struct relay_name, &r->names)[i];

		if (is_address(address, n->address))
			return n->name;
	}
	return *r->helo != '\0' ? r->helo : r->own_name;
}
