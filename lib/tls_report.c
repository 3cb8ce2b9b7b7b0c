/* tls_report: see tls_report.h. One table says which texts a record has. */
#include "lib/tls_report.h"

#include <errno.h>
#include <string.h>

#define AT(field) offsetof(struct tls_report, field)

enum { TEXTS_MAX = 7 };

static const struct form {
	enum tls_report_kind kind;
	size_t n;
	size_t texts[TEXTS_MAX];
} forms[] = {
	{ TLS_REPORT_READY, 0, { 0 } },
	{ TLS_REPORT_FAILED, 1, { AT(reason) } },
	{ TLS_REPORT_OPEN, 7,
	    { AT(protocol), AT(cipher), AT(bits), AT(name), AT(certificate), AT(subject), AT(fingerprint) } },
	{ TLS_REPORT_CUT, 1, { AT(reason) } },
};

static const struct form *
find_form(int kind)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if ((int)forms[i].kind == kind)
			return &forms[i];
	return NULL;
}

static const char **
text_at(struct tls_report *r, size_t offset)
{
	return (const char **)(void *)((char *)r + offset);
}

static bool
is_clean(char c)
{
	return c >= ' ' && c <= '~';
}

static bool
fail(int error)
{
	errno = error;
	return false;
}

bool
tls_report_write(stralloc *to, const struct tls_report *r)
{
	const struct form *form = find_form((int)r->kind);
	struct tls_report texts = *r;
	size_t start = to->len;
	char kind = (char)r->kind;

	if (form == NULL)
		return fail(EINVAL);
	if (!stralloc_catb(to, &kind, 1))
		return fail(ENOMEM);
	for (size_t i = 0; i < form->n; i++) {
		const char *s = *text_at(&texts, form->texts[i]);

		for (; *s != '\0'; s++)
			if (!stralloc_append(to, is_clean(*s) ? *s : '?'))
				return fail(ENOMEM);
		if (!stralloc_0(to))
			return fail(ENOMEM);
	}
	return to->len - start <= TLS_REPORT_MAX || fail(EMSGSIZE);
}

/* One text of s[0..len), with its NUL. */
static bool
read_text(const char **text, size_t *used, const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && is_clean(s[i]))
		i++;
	if (i == len)
		return fail(EAGAIN);
	*text = s;
	*used = i + 1;
	return s[i] == '\0' || fail(EPROTO);
}

bool
tls_report_read(struct tls_report *r, size_t *used, const char *s, size_t len)
{
	const struct form *form;
	size_t at = 1;

	*r = (struct tls_report){ .reason = "", .protocol = "", .cipher = "", .bits = "", .name = "",
	    .certificate = "", .subject = "", .fingerprint = "" };
	if (len == 0)
		return fail(EAGAIN);
	form = find_form(s[0]);
	if (form == NULL)
		return fail(EPROTO);
	r->kind = form->kind;
	for (size_t i = 0; i < form->n; i++) {
		size_t n;

		if (!read_text(text_at(r, form->texts[i]), &n, s + at, len - at))
			return errno == EAGAIN && len >= TLS_REPORT_MAX ? fail(EPROTO) : false;
		at += n;
	}
	*used = at;
	return true;
}
