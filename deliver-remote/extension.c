/* extension: see extension.h. */
#include "deliver-remote/extension.h"

#include <string.h>
#include <strings.h>

/* Whether the line's first word is this one; *rest receives what follows it. */
static bool
takes_word(const char **rest, size_t *rest_len, const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	if (len < n || strncasecmp(s, word, n) != 0 || (len > n && s[n] != ' ' && s[n] != '='))
		return false;
	*rest = s + n;
	*rest_len = len - n;
	while (*rest_len > 0 && (**rest == ' ' || **rest == '=')) {
		++*rest;
		--*rest_len;
	}
	return true;
}

/* A limit that is no number, or too large for one, is none. */
static uint64_t
read_limit(const char *s, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || n > (UINT64_MAX - 9) / 10)
			return 0;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	return n;
}

/* Some servers repeat the line as "AUTH=": the longer list counts. */
static void
keep_auth(struct extensions *x, const char *s, size_t len)
{
	if (len > EXTENSION_AUTH_MAX || len < strlen(x->auth))
		return;
	memcpy(x->auth, s, len);
	x->auth[len] = '\0';
}

static void
read_line(struct extensions *x, const char *s, size_t len)
{
	const char *rest;
	size_t n;

	while (len > 0 && s[len - 1] == ' ')
		len--;
	if (takes_word(&rest, &n, s, len, "PIPELINING"))
		x->pipelining = true;
	else if (takes_word(&rest, &n, s, len, "8BITMIME"))
		x->eightbitmime = true;
	else if (takes_word(&rest, &n, s, len, "SMTPUTF8"))
		x->smtputf8 = true;
	else if (takes_word(&rest, &n, s, len, "DSN"))
		x->dsn = true;
	else if (takes_word(&rest, &n, s, len, "STARTTLS"))
		x->starttls = true;
	else if (takes_word(&rest, &n, s, len, "AUTH"))
		keep_auth(x, rest, n);
	else if (takes_word(&rest, &n, s, len, "SIZE")) {
		x->size = true;
		x->size_limit = read_limit(rest, n);
	}
}

void
extension_read(struct extensions *x, const char *s, size_t len)
{
	const char *end;

	*x = (struct extensions){ .size_limit = 0 };
	if (len == 0)
		return;		/* s may be NULL */
	end = s + len;
	for (bool is_first = true; s < end; is_first = false) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((lf == NULL ? end : lf) - s);

		if (!is_first)
			read_line(x, s, n);
		s += n + 1;
	}
}
