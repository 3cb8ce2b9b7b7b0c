/* relay: see relay.h.
 *
 * An encoded relay is a row of words "name=value", one blank between two, in the
 * order of fields[]; what has its default value is left out. In values blanks, control
 * octets, octets over 126 and '%' are %XX. The decoder fails on every word it does not know, so
 * that a runner and a deliver-remote of different ages never misunderstand each other in silence. */
#include "lib/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <skalibs/types.h>
#include <skalibs/uint32.h>

#include "lib/address.h"

enum kind {
	KIND_TEXT,
	KIND_NAME,	/* a text in which case means nothing */
	KIND_FLAG,
	KIND_NUMBER,
	KIND_PORT,
	KIND_TLS,
	KIND_LIST,	/* a word for each element */
	KIND_PAIRS,	/* a word for each pair, a comma after its first half */
};

static const struct field {
	const char *name;
	enum kind kind;
	size_t offset;
} fields[] = {
#define FIELD(name, kind, member) { name, KIND_ ## kind, offsetof(struct relay, member) }
	FIELD("host", NAME, host),
	FIELD("mx", FLAG, is_mx),
	FIELD("port", PORT, port),
	FIELD("lmtp", FLAG, is_lmtp),
	FIELD("backup", FLAG, is_backup),
	FIELD("backup-mx", NAME, backup_mx),
	FIELD("inet4", FLAG, inet4_only),
	FIELD("inet6", FLAG, inet6_only),
	FIELD("own-name", NAME, own_name),
	FIELD("helo", TEXT, helo),
	FIELD("name", PAIRS, names),
	FIELD("source", LIST, sources),
	FIELD("as", TEXT, as),
	FIELD("tls", TLS, tls),
	FIELD("verify", FLAG, verify),
	FIELD("ca", TEXT, ca),
	FIELD("certificate", TEXT, certificate),
	FIELD("key", TEXT, key),
	FIELD("label", TEXT, label),
	FIELD("table", TEXT, table),
	FIELD("session-mail-max", NUMBER, session_mail_max),
	FIELD("session-transaction-delay", NUMBER, session_transaction_delay),
	FIELD("session-keepalive", NUMBER, session_keepalive),
	FIELD("max-failures-per-session", NUMBER, max_failures_per_session),
#undef FIELD
};

enum { NFIELDS = sizeof fields / sizeof *fields };

static const char *const tls_words[] = {
	[TLS_OPPORTUNISTIC] = "opportunistic",
	[TLS_NEVER] = "never",
	[TLS_REQUIRED] = "required",
	[TLS_AT_CONNECT] = "at-connect",
	[TLS_ANY] = "any",
};

enum { NTLS = sizeof tls_words / sizeof *tls_words };

void
relay_init(struct relay *r)
{
	*r = (struct relay){
		.host = "", .is_mx = false, .backup_mx = "", .own_name = "", .helo = "", .as = "",
		.names = GENALLOC_ZERO, .sources = GENALLOC_ZERO, .tls = TLS_OPPORTUNISTIC,
		.ca = "", .certificate = "", .key = "", .label = "", .table = "",
		.session_mail_max = 100, .session_transaction_delay = 0, .session_keepalive = 10,
		.max_failures_per_session = 25,
	};
}

void
relay_free(struct relay *r)
{
	genalloc_free(struct relay_name, &r->names);
	genalloc_free(const char *, &r->sources);
	free(r->memory);
	relay_init(r);
}

/* ---- from the configuration ---- */

const struct conf_mta_limit *
relay_find_limit(const struct conf *c, const char *domain)
{
	for (size_t i = 1; i < c->nmta_limits; i++)
		if (strcasecmp(c->mta_limits[i].domain, domain) == 0)
			return &c->mta_limits[i];
	return c->nmta_limits > 0 ? &c->mta_limits[0] : NULL;
}

static void
take_limits(struct relay *r, const struct conf_mta_limit *l)
{
	if (l == NULL)
		return;
	r->inet4_only = l->inet4_only;
	r->inet6_only = l->inet6_only;
	r->session_mail_max = l->session_mail_max;
	r->session_transaction_delay = l->session_transaction_delay;
	r->session_keepalive = l->session_keepalive;
	r->max_failures_per_session = l->max_failures_per_session;
}

static const struct conf_pki *
find_pki(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->npkis; i++)
		if (strcmp(c->pkis[i].name, name) == 0)
			return &c->pkis[i];
	return NULL;
}

static const char *
find_ca(const struct conf *c, const char *name)
{
	const struct conf_pki *pki = find_pki(c, name);

	for (size_t i = 0; i < c->ncas; i++)
		if (strcmp(c->cas[i].name, name) == 0)
			return c->cas[i].certificate;
	return pki == NULL ? "" : pki->ca;	/* `pki NAME ca`, as 5.4 has it */
}

static void
take_certificates(struct relay *r, const struct conf *c, const struct conf_relay *rule)
{
	const struct conf_pki *pki = *rule->pki == '\0' ? NULL : find_pki(c, rule->pki);

	if (pki != NULL) {
		r->certificate = pki->certificate;
		r->key = pki->key;
		r->ca = pki->ca;
	}
	if (*rule->ca != '\0')
		r->ca = find_ca(c, rule->ca);
}

void
relay_take_url(struct relay *r, const struct conf_relay_url *url)
{
	r->tls = url->tls;
	r->port = url->port;
	r->is_lmtp = url->is_lmtp;
	r->label = url->label;
	if (url->is_backup) {	/* backup://HOST says which MX we are, not where to go */
		r->backup_mx = url->host;
	} else {
		r->host = url->host;
		r->is_mx = false;
	}
}

void
relay_from_conf(struct relay *r, const struct conf *c, const struct conf_relay *rule, const char *domain,
    const char *own_name)
{
	r->host = domain;
	r->is_mx = true;
	r->own_name = own_name;
	r->helo = *rule->hostname == '\0' ? own_name : rule->hostname;
	r->as = rule->as;
	r->tls = rule->require_tls ? TLS_REQUIRED : TLS_OPPORTUNISTIC;
	r->verify = rule->verify;
	r->is_backup = rule->is_backup;
	if (rule->is_backup)
		r->backup_mx = *rule->backup_mx == '\0' ? own_name : rule->backup_mx;
	if (rule->via != NULL)
		relay_take_url(r, rule->via);
	if (rule->auth != NULL)
		r->table = rule->auth->name;
	take_certificates(r, c, rule);
	take_limits(r, relay_find_limit(c, r->host));
}

bool
relay_add_source(struct relay *r, const char *address)
{
	if (genalloc_append(const char *, &r->sources, &address))
		return true;
	errno = ENOMEM;
	return false;
}

bool
relay_add_name(struct relay *r, const char *address, const char *name)
{
	struct relay_name n = { address, name };

	if (genalloc_append(struct relay_name, &r->names, &n))
		return true;
	errno = ENOMEM;
	return false;
}

/* ---- encoding ---- */

static const void *
member(const struct relay *r, const struct field *f)
{
	return (const char *)r + f->offset;
}

static const char *
text_of(const struct relay *r, const struct field *f)
{
	return *(const char *const *)member(r, f);
}

static bool
put_escaped(stralloc *to, const char *s, bool lowers)
{
	static const char hex[] = "0123456789abcdef";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char word[3] = { '%', hex[c >> 4], hex[c & 15] };

		if (lowers)
			address_lowercase((char *)&c, 1);
		if (c <= ' ' || c > '~' || c == '%' || c == ',') {
			if (!stralloc_catb(to, word, 3))
				return false;
		} else if (!stralloc_catb(to, (const char *)&c, 1)) {
			return false;
		}
	}
	return true;
}

/* " name=" */
static bool
put_word(stralloc *to, const struct field *f)
{
	return stralloc_cats(to, to->len == 0 ? "" : " ") && stralloc_cats(to, f->name) && stralloc_cats(to, "=");
}

static bool
put_text(stralloc *to, const struct field *f, const char *s)
{
	return *s == '\0' || (put_word(to, f) && put_escaped(to, s, f->kind == KIND_NAME));
}

static bool
put_number(stralloc *to, const struct field *f, uint32_t n, uint32_t as_default)
{
	char s[UINT32_FMT];

	return n == as_default || (put_word(to, f) && stralloc_catb(to, s, uint32_fmt(s, n)));
}

static bool
put_list(stralloc *to, const struct field *f, const genalloc *list)
{
	for (size_t i = 0; i < genalloc_len(const char *, list); i++)
		if (!put_word(to, f) || !put_escaped(to, genalloc_s(const char *, list)[i], true))
			return false;
	return true;
}

static bool
put_pairs(stralloc *to, const struct field *f, const genalloc *pairs)
{
	for (size_t i = 0; i < genalloc_len(struct relay_name, pairs); i++) {
		const struct relay_name *n = &genalloc_s(struct relay_name, pairs)[i];

		if (!put_word(to, f) || !put_escaped(to, n->address, true) || !stralloc_cats(to, ",") ||
		    !put_escaped(to, n->name, false))
			return false;
	}
	return true;
}

static bool
put_field(stralloc *to, const struct relay *r, const struct relay *defaults, const struct field *f)
{
	switch (f->kind) {
	case KIND_TEXT:
	case KIND_NAME:
		return put_text(to, f, text_of(r, f));
	case KIND_FLAG:
		return put_number(to, f, *(const bool *)member(r, f), 0);
	case KIND_NUMBER:
	case KIND_PORT:
		return put_number(to, f, *(const uint32_t *)member(r, f), *(const uint32_t *)member(defaults, f));
	case KIND_TLS:
		return r->tls == defaults->tls || (put_word(to, f) && stralloc_cats(to, tls_words[r->tls]));
	case KIND_LIST:
		return put_list(to, f, member(r, f));
	case KIND_PAIRS:
		return put_pairs(to, f, member(r, f));
	}
	return false;
}

/* Appends all fields to *to, which is empty. */
static bool
put_relay(stralloc *to, const struct relay *r)
{
	struct relay defaults;

	relay_init(&defaults);
	for (size_t i = 0; i < NFIELDS; i++)
		if (!put_field(to, r, &defaults, &fields[i])) {
			errno = ENOMEM;
			return false;
		}
	if (to->len <= RELAY_PARAM_MAX)
		return true;
	errno = EMSGSIZE;
	return false;
}

/* Appends *from and frees it. */
static bool
move_text(stralloc *to, stralloc *from, bool is_good)
{
	int error = errno;

	if (is_good && !stralloc_catb(to, from->s, from->len)) {
		error = ENOMEM;
		is_good = false;
	}
	stralloc_free(from);
	errno = error;
	return is_good;
}

bool
relay_encode(stralloc *to, const struct relay *r)
{
	stralloc text = STRALLOC_ZERO;

	return move_text(to, &text, put_relay(&text, r));
}

/* ---- decoding ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX in place. What could have been written otherwise is refused. */
static bool
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		int high, low;

		if (*s == ',' || (unsigned char)*s <= ' ' || (unsigned char)*s > '~')
			return false;
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high == -1 ? -1 : hex_digit(s[2]);
		if (low == -1 || high + low == 0)	/* a NUL would cut the text */
			return false;
		*to++ = (char)(high << 4 | low);
		s += 2;
	}
	*to = '\0';
	return true;
}

static bool
get_number(uint32_t *n, const char *s, uint32_t max)
{
	return uint320_scan(s, n) != 0 && *n <= max;
}

static bool
get_tls(struct relay *r, const char *s)
{
	for (size_t i = 0; i < NTLS; i++)
		if (strcmp(tls_words[i], s) == 0) {
			r->tls = (enum conf_tls)i;
			return true;
		}
	return false;
}

/* False with errno 0: it is no pair. */
static bool
get_pair(struct relay *r, char *value)
{
	char *comma = strchr(value, ',');

	errno = 0;
	if (comma == NULL)
		return false;
	*comma = '\0';
	return unescape(value) && unescape(comma + 1) && relay_add_name(r, value, comma + 1);
}

/* Sets one field. False with errno ENOMEM, or 0. */
static bool
get_field(struct relay *r, const struct field *f, char *value)
{
	void *to = (char *)r + f->offset;
	uint32_t n;

	errno = 0;
	if (f->kind == KIND_PAIRS)
		return get_pair(r, value);
	if (*value == '\0' || !unescape(value))
		return false;
	switch (f->kind) {
	case KIND_TEXT:
	case KIND_NAME:
		*(const char **)to = value;
		return true;
	case KIND_FLAG:
		*(bool *)to = true;
		return get_number(&n, value, 1) && n == 1;
	case KIND_NUMBER:
		return get_number(to, value, UINT32_MAX);
	case KIND_PORT:
		return get_number(to, value, UINT16_MAX);
	case KIND_TLS:
		return get_tls(r, value);
	case KIND_LIST:
		return relay_add_source(r, value);
	case KIND_PAIRS:
		break;
	}
	return false;
}

/* The field of the word, whose value is behind *value. NULL: there is none. */
static const struct field *
find_field(char *word, char **value)
{
	char *equals = strchr(word, '=');

	if (equals == NULL)
		return NULL;
	*equals = '\0';
	*value = equals + 1;
	for (size_t i = 0; i < NFIELDS; i++)
		if (strcmp(fields[i].name, word) == 0)
			return &fields[i];
	return NULL;
}

/* Takes the words of s apart. */
static bool
get_words(struct relay *r, char *s)
{
	uint32_t seen = 0;

	_Static_assert(NFIELDS <= 32, "one bit for each field");
	while (s != NULL) {
		char *word = s, *value, *blank = strchr(s, ' ');
		const struct field *f;
		uint32_t bit;

		if (blank != NULL)
			*blank = '\0';
		s = blank == NULL ? NULL : blank + 1;
		errno = 0;
		f = find_field(word, &value);
		if (f == NULL)
			return false;
		bit = UINT32_C(1) << (f - fields);
		if ((seen & bit) != 0 && f->kind != KIND_LIST && f->kind != KIND_PAIRS)
			return false;
		seen |= bit;
		if (!get_field(r, f, value))
			return false;
	}
	return true;
}

bool
relay_decode(struct relay *r, const char *param)
{
	size_t len = strnlen(param, RELAY_PARAM_MAX + 1);

	relay_init(r);
	if (len > RELAY_PARAM_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	r->memory = malloc(len + 1);
	if (r->memory == NULL)
		return false;
	memcpy(r->memory, param, len + 1);
	if (get_words(r, r->memory) && *r->host != '\0' && (!r->is_backup || *r->backup_mx != '\0') &&
	    (*r->label == '\0') == (*r->table == '\0'))
		return true;
	if (errno != ENOMEM)
		errno = EPROTO;
	return false;
}

/* ---- keys ---- */

/* FNV-1a: no collision is made on purpose here, and one would only cost a session. */
static uint64_t
hash(const char *s, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Appends what of the host there is room for. */
static bool
put_host(stralloc *to, const char *host, size_t max)
{
	static const char hex[] = "0123456789abcdef";

	for (; *host != '\0' && max >= 3; host++) {
		unsigned char c = (unsigned char)*host;
		char word[3] = { '%', hex[c >> 4], hex[c & 15] };
		size_t n;

		address_lowercase((char *)&c, 1);
		n = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ? 1 : 3;
		if (!stralloc_catb(to, n == 1 ? (const char *)&c : word, n))
			return false;
		max -= n;
	}
	return true;
}

static bool
put_hash(stralloc *to, uint64_t h)
{
	static const char hex[] = "0123456789abcdef";
	char digits[17] = "-";

	for (int i = 16; i > 0; i--, h >>= 4)
		digits[i] = hex[h & 15];
	return stralloc_catb(to, digits, sizeof digits);
}

static bool
put_key(stralloc *to, const struct relay *r, uint64_t h)
{
	enum { FRAME = 5 + 17 };	/* "host-" and the hash */

	return stralloc_cats(to, r->is_mx ? "mx-" : "host-") && put_host(to, r->host, RELAY_KEY_MAX - FRAME) &&
	    put_hash(to, h);
}

bool
relay_key(stralloc *to, const struct relay *r)
{
	stralloc text = STRALLOC_ZERO, key = STRALLOC_ZERO;
	bool is_good = put_relay(&text, r);

	if (is_good && !put_key(&key, r, hash(text.s, text.len))) {
		errno = ENOMEM;
		is_good = false;
	}
	stralloc_free(&text);
	return move_text(to, &key, is_good);
}
