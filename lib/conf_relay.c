/* conf_relay: `relay` with its options, and the URL of `relay via`.
 *
 * Nothing written here ever leads from a TLS scheme to clear text. */
#include "lib/conf_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"

enum { PORT_SMTP = 25, PORT_SMTPS = 465 };

static const struct scheme {
	const char *name;
	enum conf_tls tls;
	bool needs_label, is_lmtp, is_backup;
	uint16_t port;
} schemes[] = {
	{ "smtp", TLS_NEVER, false, false, false, PORT_SMTP },
	{ "smtp+tls", TLS_OPPORTUNISTIC, false, false, false, PORT_SMTP },
	{ "tls", TLS_REQUIRED, false, false, false, PORT_SMTP },
	{ "tls+auth", TLS_REQUIRED, true, false, false, PORT_SMTP },
	{ "smtps", TLS_AT_CONNECT, false, false, false, PORT_SMTPS },
	{ "smtps+auth", TLS_AT_CONNECT, true, false, false, PORT_SMTPS },
	{ "secure", TLS_ANY, false, false, false, 0 },
	{ "secure+auth", TLS_ANY, true, false, false, 0 },
	{ "lmtp", TLS_NEVER, false, true, false, 0 },
	{ "backup", TLS_OPPORTUNISTIC, false, false, true, PORT_SMTP },
	{ "tls+backup", TLS_REQUIRED, false, false, true, PORT_SMTP },
};

/* Schemes of other ages, and what they are called here. */
static const char *const foreign[][2] = {
	{ "ssl", "ssl:// is not known; write smtps:// (TLS at connect) or tls:// (STARTTLS)" },
	{ "ssl+auth", "ssl+auth:// is not known; write smtps+auth:// or tls+auth://" },
	{ "smtp+notls", "smtp+notls:// is of OpenSMTPD 6.4; write smtp://" },
	{ "tls-verify", "write tls:// and the word verify behind the URL" },
};

static const struct scheme *
find_scheme(const char *text, size_t len, const char **why)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strlen(schemes[i].name) == len && strncmp(schemes[i].name, text, len) == 0)
			return &schemes[i];
	*why = "there are the schemes smtp, smtp+tls, tls, tls+auth, smtps, smtps+auth, secure, "
	       "secure+auth, lmtp, backup "
	       "and tls+backup";
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		if (strlen(foreign[i][0]) == len && strncmp(foreign[i][0], text, len) == 0)
			*why = foreign[i][1];
	return NULL;
}

/* The octets of s, or NULL with *why. */
static const char *
keep(struct arena *a, const char *s, size_t len, const char **why)
{
	char *copy = arena_try(a, len + 1);

	if (copy == NULL)
		*why = "out of memory";
	else
		memcpy(copy, s, len);
	return copy;
}

static bool
take_port(struct conf_relay_url *url, const char *s, const char **why)
{
	uint64_t n;

	*why = "the port must be a number from 1 to 65535";
	if (!word_scan_number(s, &n) || n == 0 || n > UINT16_MAX)
		return false;
	url->port = (uint16_t)n;
	return true;
}

/* host[:port], [address][:port]. */
static bool
take_host(struct arena *a, struct conf_relay_url *url, const char *s, const char **why)
{
	const char *end = s + strcspn(s, ":");
	bool is_literal = s[0] == '[';
	struct in6_addr v6;

	if (is_literal) {
		s++;
		end = strchr(s, ']');
		*why = "\"]\" is missing after the address";
		if (end == NULL)
			return false;
		if (strncasecmp(s, "ipv6:", 5) == 0)
			s += 5;
	}
	if ((url->host = keep(a, s, (size_t)(end - s), why)) == NULL)
		return false;
	*why = "an IPv6 address stands in brackets: [2001:db8::1]:25";
	if (!is_literal && *end == ':' && strchr(end + 1, ':') != NULL)
		return false;
	*why = "a host name or address is missing";
	if (*url->host == '\0')
		return false;
	*why = "that is not the name or address of a host";
	if (is_literal ?
		strchr(url->host, ':') != NULL && inet_pton(AF_INET6, url->host, &v6) != 1 :
		!address_is_domain(url->host, strlen(url->host)))
		return false;
	end += is_literal;
	*why = "only \":PORT\" may follow the address";
	if (*end != '\0' && *end != ':')
		return false;
	return *end == '\0' || take_port(url, end + 1, why);
}

static bool
take_label(struct arena *a, struct conf_relay_url *url, const struct scheme *scheme, const char **s,
    const char **why)
{
	const char *at = strchr(*s, '@');

	url->label = "";
	*why = "a +auth scheme needs a label: tls+auth://LABEL@host";
	if (scheme->needs_label && (at == NULL || at == *s))
		return false;
	*why = "a label is for the +auth schemes: write "
	       "tls+auth:// or smtps+auth://, or remove the label";
	if (!scheme->needs_label && at != NULL)
		return false;
	if (at == NULL)
		return true;
	url->label = keep(a, *s, (size_t)(at - *s), why);
	*s = at + 1;
	return url->label != NULL;
}

bool
relay_parse_url(struct arena *a, struct conf_relay_url *url, const char *text, const char **why)
{
	const struct scheme *scheme = &schemes[1];
	const char *s = text, *slashes = strstr(text, "://");

	if (slashes != NULL) {
		scheme = find_scheme(text, (size_t)(slashes - text), why);
		s = slashes + 3;
	}
	if (scheme == NULL)
		return false;
	*url = (struct conf_relay_url){ .tls = scheme->tls, .is_lmtp = scheme->is_lmtp,
	    .is_backup = scheme->is_backup, .port = scheme->port };
	url->text = keep(a, text, strlen(text), why);
	if (url->text == NULL || !take_label(a, url, scheme, &s, why) || !take_host(a, url, s, why))
		return false;
	*why = "lmtp:// has no default port: write lmtp://host:port";
	return !url->is_lmtp || url->port != 0;
}

/* ---- the clause ---- */

/* What has been said, as far as it is not seen in the struct. */
struct seen {
	struct conf_place at;
	bool verify, no_verify;
};

static bool
take_text(struct parser *p, const char *what, const char **to)
{
	const char *s;

	if (word_already(p, what, **to != '\0') || (s = word_take_value(p, what)) == NULL)
		return false;
	*to = s;
	return true;
}

static bool
take_table(struct parser *p, const char *what, enum table_use use, const struct conf_table **to)
{
	return !word_already(p, what, *to != NULL) && parse_table_argument(p, what, use, to);
}

static bool
take_backup(struct parser *p, struct conf_relay *r)
{
	if (word_already(p, "backup", r->is_backup))
		return false;
	r->is_backup = true;
	if (word_peek(p)->kind == WORD_QUOTED ||
	    (word_peek(p)->kind == WORD_BARE && !word_is_keyword(word_peek(p))))
		return take_text(p, "backup", &r->backup_mx);
	return true;
}

static bool
take_tls(struct parser *p, struct conf_relay *r, struct seen *seen)
{
	if (r->via != NULL)
		return conf_error(p, p->words[p->next - 1].at,
		    "relay via: TLS is said by the URL; "
		    "write tls://%s and remove \"tls\"",
		    r->via->host);
	if (word_already(p, "tls", r->require_tls))
		return false;
	r->require_tls = true;
	seen->verify |= word_take(p, "verify");
	return true;
}

static bool
take_pki(struct parser *p, struct conf_relay *r, const char **to, bool is_ca)
{
	struct conf_place at = word_peek(p)->at;

	(void)r;
	if (!take_text(p, is_ca ? "ca" : "pki", to))
		return false;
	*to = conf_lowercase(p, *to);
	(is_ca ? parse_ca_use : parse_pki_use)(p, *to, at);
	return true;
}

/* One option; *is_end where the next word is none. */
static bool
take_option(struct parser *p, struct conf_relay *r, struct seen *seen, bool *is_end)
{
	if (word_take(p, "as"))
		return take_text(p, "as", &r->as);
	if (word_take(p, "source"))
		return take_table(p, "source", USE_SOURCE, &r->source);
	if (word_take(p, "hostname"))
		return take_text(p, "hostname", &r->hostname);
	if (word_take(p, "hostnames"))
		return take_table(p, "hostnames", USE_ADDRNAME, &r->hostnames);
	if (word_take(p, "pki"))
		return take_pki(p, r, &r->pki, false);
	if (word_take(p, "ca"))
		return take_pki(p, r, &r->ca, true);
	if (word_take(p, "backup"))
		return take_backup(p, r);
	if (word_take(p, "tls"))
		return take_tls(p, r, seen);
	if (word_take(p, "auth"))
		return take_table(p, "auth", USE_CREDENTIALS, &r->auth);
	if (word_take(p, "verify"))
		return seen->verify = true;
	if (word_take(p, "no-verify"))
		return seen->no_verify = true;
	*is_end = true;
	return true;
}

static bool
take_via(struct parser *p, struct conf_relay *r)
{
	struct conf_relay_url *url = arena_take(p->arena, sizeof *url);
	struct conf_place at = word_peek(p)->at;
	const char *text = word_take_value(p, "relay via: the host"), *why;

	if (text == NULL)
		return false;
	if (!relay_parse_url(p->arena, url, text, &why))
		return conf_error(p, at, "relay via: invalid url \"%s\": %s", text, why);
	r->via = url;
	r->is_backup = url->is_backup;
	return true;
}

static bool
is_secure(const struct conf_relay *r)
{
	if (r->via == NULL)
		return r->require_tls;
	return r->via->tls != TLS_NEVER && r->via->tls != TLS_OPPORTUNISTIC;
}

/* What only the whole clause shows. */
static bool
check_relay(struct parser *p, struct conf_relay *r, const struct seen *seen)
{
	bool has_label = r->via != NULL && *r->via->label != '\0';

	if (seen->verify && seen->no_verify)
		return conf_error(p, seen->at,
		    "relay: verify and no-verify exclude each other; keep one");
	if (has_label && r->auth == NULL)
		return conf_error(p, seen->at,
		    "relay via %s: auth without auth table; write "
		    "auth <secrets> "
		    "behind it, a table with a line for \"%s\"",
		    r->via->text, r->via->label);
	if (r->auth != NULL && !has_label)
		return conf_error(p, seen->at,
		    "relay: auth needs a label to look up: relay via tls+auth://LABEL@host");
	if (seen->verify && !is_secure(r))
		return conf_error(p, seen->at,
		    "relay: cannot \"verify\" with insecure protocol; write %s",
		    r->via == NULL ? "tls verify" : "a tls://, smtps:// or secure:// URL");
	if (seen->no_verify && !has_label)
		conf_warn(p, seen->at,
		    "relay: no-verify changes nothing here; "
		    "certificates are checked "
		    "only after verify, or for +auth");
	r->verify = seen->verify || (has_label && !seen->no_verify);
	return true;
}

bool
parse_relay(struct parser *p, struct conf_relay *r)
{
	struct seen seen = { .at = p->words[p->next - 1].at };
	bool is_end = false;

	if (word_take(p, "via") && !take_via(p, r))
		return false;
	while (!is_end)
		if (!take_option(p, r, &seen, &is_end))
			return false;
	return check_relay(p, r, &seen);
}
