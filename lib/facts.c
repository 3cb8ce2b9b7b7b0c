/* facts: see facts.h. One table names each fact, its variable and its letter. */
#include "lib/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FACT_VALUE_MAX = 1024, FACT_ENVID_MAX = 100 };

const struct facts facts_unknown = {
	.origin = ORIGIN_UNKNOWN,
	.uid = (uid_t)-1,
	.client = "", .helo = "", .user = "", .tag = "", .body = "", .ret = "", .envid = "",
	.is_smtputf8 = false,
};

static bool
is_body(const char *s)
{
	return strcmp(s, "7BIT") == 0 || strcmp(s, "8BITMIME") == 0;
}

static bool
is_ret(const char *s)
{
	return strcmp(s, "FULL") == 0 || strcmp(s, "HDRS") == 0;
}

/* One word, as it goes into another MAIL command (RFC 3461 4.4). */
static bool
is_envid(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '=')
			return false;
	return len <= FACT_ENVID_MAX;
}

/* is_harmless, where there is one: it says nothing of where the message came
 * from, so anybody may tell, and tells whether the value is one. */
static const struct text_fact {
	const char *variable;
	char letter;
	size_t offset;
	bool (*is_harmless)(const char *s);
} text_facts[] = {
	{ "PIPEPOST_CLIENT", 'C', offsetof(struct facts, client), NULL },
	{ "PIPEPOST_HELO", 'H', offsetof(struct facts, helo), NULL },
	{ "PIPEPOST_USER", 'A', offsetof(struct facts, user), NULL },
	{ "PIPEPOST_TAG", 'L', offsetof(struct facts, tag), NULL },
	{ "PIPEPOST_BODY", 'B', offsetof(struct facts, body), is_body },
	{ "PIPEPOST_RET", 'R', offsetof(struct facts, ret), is_ret },
	{ "PIPEPOST_ENVID", 'E', offsetof(struct facts, envid), is_envid },
};
enum { NTEXT = sizeof text_facts / sizeof text_facts[0] };

#define VARIABLE_ORIGIN "PIPEPOST_ORIGIN"
#define VARIABLE_SMTPUTF8 "PIPEPOST_SMTPUTF8"

const char *const facts_variables[] = {
	VARIABLE_ORIGIN, "PIPEPOST_CLIENT", "PIPEPOST_HELO", "PIPEPOST_USER", "PIPEPOST_TAG", "PIPEPOST_BODY",
	"PIPEPOST_RET", "PIPEPOST_ENVID", VARIABLE_SMTPUTF8, NULL
};

static const struct origin_name {
	enum origin origin;
	const char *name;
} origin_names[] = {
	{ ORIGIN_UNKNOWN, "unknown" },
	{ ORIGIN_LOCAL, "local" },
	{ ORIGIN_SMTP, "smtp" },
	{ ORIGIN_NOTICE, "notice" },
};
enum { NORIGINS = sizeof origin_names / sizeof origin_names[0] };

static const char **
field(struct facts *f, const struct text_fact *t)
{
	return (const char **)(void *)((char *)f + t->offset);
}

static const char *
value(const struct facts *f, const struct text_fact *t)
{
	return *(const char *const *)(const void *)((const char *)f + t->offset);
}

static bool
is_clean(const char *s)
{
	size_t len = strlen(s);

	if (len > FACT_VALUE_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

static const char *
clean_variable(const char *name)
{
	const char *s = getenv(name);

	return s != NULL && is_clean(s) ? s : "";
}

static enum origin
origin_by_name(const char *name)
{
	for (size_t i = 0; i < NORIGINS; i++)
		if (strcmp(origin_names[i].name, name) == 0)
			return origin_names[i].origin;
	return ORIGIN_UNKNOWN;
}

static const char *
name_of_origin(enum origin o)
{
	for (size_t i = 0; i < NORIGINS; i++)
		if (origin_names[i].origin == o)
			return origin_names[i].name;
	return "unknown";
}

void
facts_from_environment(struct facts *f, bool is_believed)
{
	if (is_believed)
		f->origin = origin_by_name(clean_variable(VARIABLE_ORIGIN));
	for (size_t i = 0; i < NTEXT; i++) {
		const struct text_fact *t = &text_facts[i];
		const char *text = clean_variable(t->variable);

		if (t->is_harmless != NULL ? t->is_harmless(text) : is_believed)
			*field(f, t) = text;
	}
	f->is_smtputf8 = *clean_variable(VARIABLE_SMTPUTF8) != '\0';
}

static bool
add_variable(stralloc *to, const char *name, const char *text)
{
	return stralloc_cats(to, name) && stralloc_cats(to, "=") && stralloc_cats(to, text) && stralloc_0(to);
}

bool
facts_to_environment(stralloc *to, const struct facts *f)
{
	if (!add_variable(to, VARIABLE_ORIGIN, name_of_origin(f->origin)))
		return false;
	for (size_t i = 0; i < NTEXT; i++) {
		const char *text = value(f, &text_facts[i]);

		if (*text != '\0' && !add_variable(to, text_facts[i].variable, text))
			return false;
	}
	return !f->is_smtputf8 || add_variable(to, VARIABLE_SMTPUTF8, "1");
}

static bool
add_fact(stralloc *to, char letter, const char *text)
{
	return stralloc_append(to, letter) && stralloc_cats(to, text) && stralloc_0(to);
}

bool
facts_encode(stralloc *to, const struct facts *f)
{
	char uid[24];
	size_t n = 0;
	unsigned long rest = f->uid;

	do {
		uid[sizeof uid - 2 - n++] = (char)('0' + rest % 10);
	} while ((rest /= 10) > 0);
	uid[sizeof uid - 1] = '\0';
	if (!add_fact(to, 'o', name_of_origin(f->origin)) || !add_fact(to, 'u', uid + sizeof uid - 1 - n))
		return false;
	for (size_t i = 0; i < NTEXT; i++) {
		const char *text = value(f, &text_facts[i]);

		if (*text != '\0' && !add_fact(to, text_facts[i].letter, text))
			return false;
	}
	return !f->is_smtputf8 || add_fact(to, '8', "");
}

static bool
decode_uid(uid_t *uid, const char *s)
{
	unsigned long n = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || n > 0xffffffffUL / 10)
			return false;
		n = n * 10 + (unsigned long)(*s - '0');
	}
	*uid = (uid_t)n;
	return true;
}

static bool
decode_one(struct facts *f, const char *s)
{
	if (*s == 'o') {
		f->origin = origin_by_name(s + 1);
		return true;
	}
	if (*s == 'u')
		return decode_uid(&f->uid, s + 1);
	if (*s == '8') {
		f->is_smtputf8 = true;
		return true;
	}
	for (size_t i = 0; i < NTEXT; i++)
		if (text_facts[i].letter == *s) {
			*field(f, &text_facts[i]) = s + 1;
			return true;
		}
	return false;
}

bool
facts_decode(struct facts *f, const char *s, size_t len)
{
	*f = facts_unknown;
	while (len > 0) {
		const char *end = memchr(s, '\0', len);

		if (end == NULL || !decode_one(f, s)) {
			errno = EPROTO;
			return false;
		}
		len -= (size_t)(end + 1 - s);
		s = end + 1;
	}
	return true;
}
