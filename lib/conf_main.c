/* conf_main: which directive a line is, and the directives of a few words.
 *
 * A directive with an error changes nothing but the list of messages. */
#include "lib/conf_internal.h"

#include <errno.h>
#include <string.h>

#include "lib/address.h"

bool
parse_include(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const char *path = word_take_value(p, "the file to include");
	bool is_too_big;

	if (path == NULL || !word_end(p, "the file to include"))
		return false;
	if (p->depth >= CONF_INCLUDE_DEPTH_MAX || p->files >= CONF_INCLUDE_MAX)
		return conf_error(p, at,
		    "include \"%s\": more than %d files inside one another, or %d in all; "
		    "does a file include itself?",
		    path, CONF_INCLUDE_DEPTH_MAX, CONF_INCLUDE_MAX);
	if (lex_push_file(p, path, &is_too_big))
		return true;
	if (is_too_big)
		return conf_error(p, at, "failed to include file %s: it has more than %d octets",
		    path, CONF_FILE_MAX);
	return conf_error(p, at, "failed to include file %s: %s", path, strerror(errno));
}

/* NAME = VALUE */
bool
parse_macro(struct parser *p)
{
	const struct word *name = &p->words[p->next];
	const char *value;

	if (name->kind != WORD_BARE || word_is_keyword(name))
		return conf_error(p, name->at,
		    "%s cannot be the name of a macro: it must be "
		    "letters, digits and "
		    "\"_\", and no word of this language",
		    word_show(p, name));
	p->next += 2;
	value = word_take_value(p, conf_print(p, "the value of macro \"%s\"", name->text));
	if (value == NULL || !word_end(p, "the value of a macro"))
		return false;
	for (const char *c = name->text; *c != '\0'; c++)
		if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			(*c >= 'A' && *c <= 'Z') || *c == '_'))
			return conf_error(p, name->at,
			    "macro name \"%s\": only letters, "
			    "digits and \"_\" can be used as $NAME",
			    name->text);
	lex_define(p, name->text, value, name->at, false);
	return true;
}

static bool
parse_expire(struct parser *p)
{
	uint32_t seconds;

	if (!word_take_delay(p, "expire", &seconds) || !word_end(p, "the time"))
		return false;
	p->c->expire_seconds = seconds;
	return true;
}

static bool
parse_bounce_warn(struct parser *p)
{
	uint32_t seconds[CONF_BOUNCE_WARN_MAX] = { 0 }, one;
	struct conf_place at = word_peek(p)->at;
	size_t n = 0, given = 0;

	while (word_peek(p)->kind != WORD_END) {
		if (given++ > 0 && !word_take_punct(p, ','))
			return conf_error(p, word_peek(p)->at,
			    "bounce-warn: a comma is missing before %s",
			    word_show(p, word_peek(p)));
		if (!word_take_delay(p, "bounce-warn", &one))
			return false;
		if (n < CONF_BOUNCE_WARN_MAX)
			seconds[n++] = one;
	}
	if (given > n)
		conf_warn(p, at, "bounce-warn: only the first %d times are used",
		    CONF_BOUNCE_WARN_MAX);
	memcpy(p->c->bounce_warn_seconds, seconds, n * sizeof *seconds);
	p->c->nbounce_warn = n;
	return true;
}

/* Digits, and perhaps one of B K M G T P E. */
static bool
scan_size(const char *s, uint64_t *octets)
{
	static const char units[] = "BKMGTPE";
	uint64_t n = 0;
	const char *unit;

	for (; *s >= '0' && *s <= '9' && n < UINT64_MAX / 100; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	*octets = n;
	if (*s == '\0')
		return n > 0;
	unit = strchr(units, *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
	if (unit == NULL || s[1] != '\0' || n > (uint64_t)INT64_MAX >> (10 * (unit - units)))
		return false;
	*octets = n << (10 * (unit - units));
	return n > 0;
}

static bool
parse_max_message_size(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const char *s = word_take_value(p, "max-message-size");
	uint64_t octets;

	if (s == NULL || !word_end(p, "the size"))
		return false;
	if (!scan_size(s, &octets))
		return conf_error(p, at,
		    "max-message-size: \"%s\" is not a size; write "
		    "octets, or a number and one of K, M, G, such as 35M",
		    s);
	p->c->max_message_size = octets;
	return true;
}

static bool
parse_max_mta_deferred(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	uint32_t n;

	if (!word_take_number(p, "max-mta-deferred", &n) || !word_end(p, "the number"))
		return false;
	conf_warn(p, at,
	    "max-mta-deferred is checked and ignored: messages wait on disk, not in memory");
	p->c->limits.max_mta_deferred = n;
	return true;
}

static bool
parse_min_uid(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	uint32_t n;

	if (!word_take_number(p, "min-uid", &n) || !word_end(p, "the number"))
		return false;
	if (n == 0)
		return conf_error(p, at,
		    "min-uid: nothing is ever delivered as uid 0; write 1 or more");
	p->c->min_uid = n;
	return true;
}

static bool
parse_delimiter(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const struct word *w = word_peek(p);

	if (w->kind != WORD_QUOTED && w->kind != WORD_BARE)
		return word_take_value(p, "subaddressing-delimiter") != NULL;
	p->next++;
	if (!word_end(p, "the delimiter"))
		return false;
	if (w->text[0] <= ' ' || w->text[0] == 127 || w->text[0] == '@' || w->text[1] != '\0')
		return conf_error(p, at,
		    "subaddressing-delimiter: \"%s\" must be one "
		    "visible character "
		    "that is not \"@\", such as \"+\"",
		    w->text);
	p->c->subaddressing_delimiter = w->text[0];
	return true;
}

static bool
parse_encryption(struct parser *p, struct conf_place at)
{
	const char *key = "";

	if (word_take(p, "key") && (key = word_take_value(p, "the key")) == NULL)
		return false;
	if (!word_end(p, "queue encryption"))
		return false;
	if (*key == '\0' || strcmp(key, "-") == 0 || strcmp(key, "stdin") == 0)
		return conf_error(p, at,
		    "queue encryption: a key cannot be asked for, "
		    "the programs that need it have no "
		    "terminal; and encryption is not available: "
		    "remove the line and encrypt the spool's disk");
	return conf_error(p, at,
	    "queue encryption is not available, messages would be stored in clear; remove the line "
	    "and encrypt the spool's disk");
}

static bool
parse_queue(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;

	if (word_take(p, "encryption"))
		return parse_encryption(p, at);
	if (!word_take(p, "compression"))
		return conf_error(p, at,
		    "queue: %s is not known; there are: compression, encryption",
		    word_show(p, word_peek(p)));
	if (!word_end(p, "queue compression"))
		return false;
	conf_warn(p, at,
	    "queue compression is not available and ignored: messages are stored as they are");
	return true;
}

static bool
parse_ciphers(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const char *s = word_take_value(p, "ciphers");

	if (s == NULL || !word_end(p, "the ciphers"))
		return false;
	conf_warn(p, at, "ciphers is ignored: only the TLS library's own secure suites are used");
	p->c->ciphers = s;
	return true;
}

static bool
parse_curve(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;

	if (word_take_value(p, "curve") == NULL || !word_end(p, "the curve"))
		return false;
	conf_warn(p, at, "curve is ignored: the TLS library chooses");
	return true;
}

static bool
refuse_filter(struct parser *p)
{
	return conf_error(p, p->words[0].at,
	    "the filters of OpenSMTPD 5.x are not available; remove the line, and "
	    "give smtp-recv a program in $QMAILQUEUE that filters");
}

/* ---- pki and ca ---- */

static struct conf_pki *
find_pki(struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->c->npkis; i++)
		if (strcmp(p->c->pkis[i].name, name) == 0)
			return &p->c->pkis[i];
	return NULL;
}

/* The name after pki and ca, which may be "*" without quotes. */
static const char *
take_name(struct parser *p, const char *what)
{
	if (word_take(p, "*"))
		return "*";
	return word_take_value(p, what);
}

static bool
set_pki(struct parser *p, struct conf_pki *k, const char *option, const char **to)
{
	const char *what = conf_print(p, "pki %s %s", k->name, option);
	const char *value;

	if (word_already(p, what, **to != '\0') || (value = word_take_value(p, what)) == NULL)
		return false;
	*to = value;
	return true;
}

static bool
pki_option(struct parser *p, struct conf_pki *k)
{
	const struct word *w = word_peek(p);

	p->next++;
	if (word_is(w, "certificate"))
		return set_pki(p, k, "certificate", &k->certificate);
	if (word_is(w, "key"))
		return set_pki(p, k, "key", &k->key);
	if (word_is(w, "ca"))
		return set_pki(p, k, "ca", &k->ca);
	if (word_is(w, "dhe") || word_is(w, "dhparams")) {
		conf_warn(p, w->at,
		    "pki %s: %s is ignored: key exchange is by elliptic curves only", k->name,
		    w->text);
		return set_pki(p, k, w->text, &k->dhe);
	}
	p->next--;
	return conf_error(p, w->at,
	    "pki %s: %s is not known; there are: certificate "
	    "\"FILE\", key \"FILE\", ca \"FILE\", dhe",
	    k->name, word_show(p, w));
}

bool
parse_pki(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const char *name = take_name(p, "the name of the pki");
	struct conf_pki *k;

	if (name == NULL)
		return false;
	name = conf_lowercase(p, name);
	if (strcmp(name, "*") != 0 && !address_is_domain(name, strlen(name)))
		return conf_error(p, at, "pki \"%s\": the name must be a host name, or \"*\"",
		    name);
	k = find_pki(p, name);
	if (k == NULL) {
		k = APPEND(p, p->c->pkis, p->c->npkis, p->pki_room);
		*k = (struct conf_pki){ at, name, "", "", "", "" };
		*APPEND(p, p->pki_names, p->npki_names, p->pki_name_room) =
		    (struct pending){ name, at, p->order };
	}
	do {
		if (!pki_option(p, k))
			return false;
	} while (word_peek(p)->kind != WORD_END);
	return true;
}

bool
parse_ca(struct parser *p)
{
	struct conf_place at = word_peek(p)->at;
	const char *name = take_name(p, "the name of the ca"), *file;

	if (name == NULL)
		return false;
	if (!word_take(p, "certificate"))
		return conf_error(p, word_peek(p)->at, "ca %s needs: certificate \"FILE\"", name);
	file = word_take_value(p, "the certificate's file");
	if (file == NULL || !word_end(p, "the file"))
		return false;
	name = conf_lowercase(p, name);
	for (size_t i = 0; i < p->c->ncas; i++)
		if (strcmp(p->c->cas[i].name, name) == 0)
			return conf_error(p, at, "ca \"%s\" is already declared in line %u", name,
			    p->c->cas[i].at.line);
	*APPEND(p, p->c->cas, p->c->ncas, p->ca_room) = (struct conf_ca){ at, name, file };
	return true;
}

void
parse_pki_use(struct parser *p, const char *name, struct conf_place at)
{
	*APPEND(p, p->pki_uses, p->npki_uses, p->pki_use_room) =
	    (struct pending){ name, at, p->order };
}

void
parse_ca_use(struct parser *p, const char *name, struct conf_place at)
{
	*APPEND(p, p->ca_uses, p->nca_uses, p->ca_use_room) =
	    (struct pending){ name, at, p->order };
}

/* ---- which directive ---- */

static bool
parse_enqueuer(struct parser *p)
{
	return refuse_filter(p);
}

static const struct directive {
	const char *name;
	bool (*parse)(struct parser *p);
} directives[] = {
	{ "accept", parse_rule },
	{ "reject", parse_rule },
	{ "table", parse_table },
	{ "listen", parse_listen },
	{ "include", parse_include },
	{ "pki", parse_pki },
	{ "ca", parse_ca },
	{ "limit", parse_limit },
	{ "expire", parse_expire },
	{ "bounce-warn", parse_bounce_warn },
	{ "max-message-size", parse_max_message_size },
	{ "max-mta-deferred", parse_max_mta_deferred },
	{ "subaddressing-delimiter", parse_delimiter },
	{ "queue", parse_queue },
	{ "ciphers", parse_ciphers },
	{ "curve", parse_curve },
	{ "min-uid", parse_min_uid },
	{ "filter", refuse_filter },
	{ "enqueuer", parse_enqueuer },
};
enum { NDIRECTIVES = sizeof directives / sizeof *directives };

/* What other ages of the language say, and how it is said here. */
static const char *const foreign[][2] = {
	{ "map", "\"map\" is from before OpenSMTPD 5.3; write: table NAME db:/path" },
	{ "ssl", "\"ssl\" is from before OpenSMTPD 5.4; write: "
	    "pki NAME certificate \"FILE\" key \"FILE\"" },
	{ "certificate", "write: pki NAME certificate \"FILE\" key \"FILE\"" },
	{ "smtp", "\"smtp\" is of OpenSMTPD 6.4 and later; write: max-message-size, limit session, "
	    "ciphers or subaddressing-delimiter" },
	{ "mta", "\"mta\" is of OpenSMTPD 6.4 and later; write: limit mta, or max-mta-deferred" },
	{ "mda", "\"mda\" is of OpenSMTPD 6.4 and later; write: limit mda" },
	{ "scheduler", "\"scheduler\" is of OpenSMTPD 6.4 and later; write: limit scheduler" },
	{ "bounce", "\"bounce\" is of OpenSMTPD 6.4 and later; write: bounce-warn 4h" },
	{ "srs", "\"srs\" is of OpenSMTPD 6.6 and later and not available" },
	{ "proc", "\"proc\" is of OpenSMTPD 6.4 and later; filters are not available" },
	{ "admd", "\"admd\" is of OpenSMTPD 6.7 and later and not available" },
};

static bool
refuse_word(struct parser *p)
{
	const char *names[NDIRECTIVES + 1] = { NULL }, *guess;
	const struct word *w = &p->words[0];

	for (size_t i = 0; i < NDIRECTIVES; i++)
		names[i] = directives[i].name;
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		if (word_is(w, foreign[i][0]))
			return conf_error(p, w->at, "%s", foreign[i][1]);
	guess = w->kind == WORD_BARE ? word_guess(conf_lowercase(p, w->text), names) : NULL;
	if (guess != NULL)
		return conf_error(p, w->at, "%s is not a directive; did you mean \"%s\"?",
		    word_show(p, w), guess);
	return conf_error(p, w->at,
	    "%s is not a directive; a line begins with accept, reject, listen, table, pki, ca, "
	    "limit, expire, bounce-warn, max-message-size, include or NAME =",
	    word_show(p, w));
}

bool
parse_directive(struct parser *p)
{
	const struct word *w = &p->words[0];

	if (word_is_punct(&p->words[1], '='))
		return parse_macro(p);
	if (word_is(w, "match") || word_is(w, "action")) {
		/* Said once, by conf_finish(): the whole file is of another kind. */
		if (p->first_match.line == 0) {
			p->first_match = w->at;
			p->first_match_order = p->order;
		}
		return true;
	}
	for (size_t i = 0; i < NDIRECTIVES; i++) {
		if (!word_is(w, directives[i].name))
			continue;
		p->next = 1;
		return directives[i].parse(p);
	}
	return refuse_word(p);
}
