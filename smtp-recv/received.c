/* received: see received.h.
 *
 * What the client says of itself has been cut down to letters of domains before
 * it comes here; the comment behind it is ours. */
#include "smtp-recv/received.h"

#include <string.h>

#include "lib/message.h"
#include "smtp-recv/session.h"

/* " from HELO (host [address])" */
static bool
append_client(stralloc *to, const struct session *s)
{
	return stralloc_cats(to, " from ") && stralloc_cats(to, s->helo) && stralloc_cats(to, " (") &&
	    stralloc_cats(to, s->peer.host) && stralloc_cats(to, " ") && stralloc_cats(to, s->peer.shown) &&
	    stralloc_cats(to, ")\n\t");
}

/* RFC 8314 4.3: the cipher suite's registered name. */
static bool
append_tls(stralloc *to, const struct tls_report *r)
{
	if (!stralloc_cats(to, "\n\ttls ") || !stralloc_cats(to, r->cipher) || !stralloc_cats(to, " (") ||
	    !stralloc_cats(to, r->protocol))
		return false;
	return stralloc_cats(to, strcmp(r->certificate, "verified") == 0 ? ", client certificate verified)" : ")");
}

/* (auth=yes user=NAME) or (auth=no): a comment, in which parentheses and backslashes would end
 * or hide something. */
static bool
append_user(stralloc *to, const char *user)
{
	if (*user == '\0')
		return stralloc_cats(to, "\n\t(auth=no)");
	if (!stralloc_cats(to, "\n\t(auth=yes user="))
		return false;
	for (; *user != '\0'; user++)
		if (!stralloc_append(to, *user <= ' ' || *user > '~' || strchr("()\\\"", *user) != NULL ? '?' : *user))
			return false;
	return stralloc_cats(to, ")");
}

bool
received_append(stralloc *to, const struct session *s, int64_t now)
{
	const struct transaction *t = &s->transaction;

	if (!stralloc_cats(to, "Received:"))
		return false;
	if (!(s->listen->mask_source ? stralloc_cats(to, " ") : append_client(to, s)))
		return false;
	if (!stralloc_cats(to, "by ") || !stralloc_cats(to, s->name) || !stralloc_cats(to, " with ") ||
	    !stralloc_cats(to, session_protocol(s)))
		return false;
	/* More than one would tell each recipient of the others. */
	if (t->nrecipients == 1 && !(stralloc_cats(to, "\n\tfor <") && stralloc_cats(to, t->first.s) &&
	    stralloc_cats(to, ">")))
		return false;
	if (s->cover.is_open && !append_tls(to, &s->cover.report))
		return false;
	if (s->listen->received_auth && !append_user(to, s->user))
		return false;
	return stralloc_cats(to, "; ") && message_append_date(to, now) && stralloc_cats(to, "\n");
}
