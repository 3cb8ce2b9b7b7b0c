/* credentials: see credentials.h. What the secret passed through is wiped. */
#include "deliver-remote/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/wait.h"
#include "lib/wipe.h"

void
credentials_open(struct credentials *c)
{
	*c = (struct credentials){
		.fd = fcntl(CREDENTIALS_FD, F_GETFD) == -1 ? -1 : CREDENTIALS_FD,
		.secret = SECRET_ZERO, .whose = STRALLOC_ZERO,
	};
	if (c->fd != -1 && (coe(c->fd) == -1 || ndelay_on(c->fd) == -1))
		c->fd = -1;
}

static void
close_pipe(struct credentials *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

void
credentials_free(struct credentials *c)
{
	close_pipe(c);
	secret_free(&c->secret);
	stralloc_free(&c->whose);
}

/* ---- an answer ---- */

static bool
kind_of(enum secret_kind *kind, char letter)
{
	switch (letter) {
	case 'p': *kind = SECRET_PASSWORD; return true;
	case 't': *kind = SECRET_TOKEN; return true;
	case 'e': *kind = SECRET_EITHER; return true;
	default: return false;
	}
}

bool
credentials_parse(struct secret *secret, const char **reason, const char *s, size_t len)
{
	const char *user = s + 2, *text, *end = s + len;
	size_t user_len;

	*reason = NULL;
	if (len > 1 && s[0] == 'Z' && memchr(s, '\0', len) == end - 1)
		*reason = s + 1;
	if (len < 2 || s[0] != 'K' || !kind_of(&secret->kind, s[1]) || end[-1] != '\0')
		return false;
	user_len = strnlen(user, len - 2);
	text = user + user_len + 1;
	if (user_len == 0 || user_len > SECRET_USER_MAX || text >= end - 1 || strlen(text) > SECRET_MAX ||
	    text + strlen(text) != end - 1)
		return false;
	return stralloc_copyb(&secret->user, user, user_len) && stralloc_copyb(&secret->text, text, strlen(text));
}

/* ---- the pipe ---- */

/* All up to the end of file. False with errno: EMSGSIZE, ETIMEDOUT, EBADF (no pipe) and others. */
static bool
read_all(int fd, stralloc *to, const tain *deadline)
{
	if (!stralloc_ready(to, CREDENTIALS_MAX + 1)) {
		errno = ENOMEM;
		return false;
	}
	for (;;) {
		ssize_t n = read(fd, to->s + to->len, CREDENTIALS_MAX + 1 - to->len);

		if (n == 0)
			return true;
		if (n == -1 && errno == EAGAIN) {
			if (!wait_readable(fd, deadline))
				return false;
		} else if (n == -1 && errno != EINTR) {
			return false;
		} else if (n > 0) {
			to->len += (size_t)n;
		}
		if (to->len > CREDENTIALS_MAX) {
			errno = EMSGSIZE;
			return false;
		}
	}
}

static void
explain(struct outcome *why, const struct relay *r, const char *words)
{
	outcome_set(why, VERDICT_UNREACHABLE, "4.7.0 no credentials for label %s of table %s: %s", r->label, r->table,
	    words);
}

static void
take(struct credentials *c, const struct relay *r, const tain *deadline)
{
	stralloc answer = STRALLOC_ZERO;
	const char *reason = NULL;

	if (!read_all(c->fd, &answer, deadline))
		explain(&c->why, r, c->fd == -1 ? "nobody gives any" : errno == ETIMEDOUT ? "no answer from auth-check in time" :
		    errno == EMSGSIZE ? "what came is too long" : strerror(errno));
	else if (credentials_parse(&c->secret, &reason, answer.s, answer.len))
		c->has_secret = true;
	else if (reason != NULL)
		outcome_set(&c->why, VERDICT_UNREACHABLE, "%s%s", *reason == '4' ? "" : "4.7.0 ", reason);
	else
		explain(&c->why, r, answer.len == 0 ? "auth-check said nothing" : "what came is no answer of auth-check");
	wipe_and_free(&answer);
}

/* Remembers whose they are. */
static bool
keep_whose(stralloc *to, const struct relay *r)
{
	return stralloc_cats(to, r->label) && stralloc_0(to) && stralloc_cats(to, r->table) && stralloc_0(to);
}

static bool
is_whose(const stralloc *whose, const struct relay *r)
{
	return strcmp(whose->s, r->label) == 0 && strcmp(whose->s + strlen(whose->s) + 1, r->table) == 0;
}

const struct secret *
credentials_get(struct credentials *c, const struct relay *r, const tain *limit, struct outcome *why)
{
	tain deadline;

	if (c->whose.len == 0) {
		if (!keep_whose(&c->whose, r)) {
			c->whose.len = 0;
			explain(why, r, strerror(ENOMEM));
			return NULL;
		}
		tain_now_g();
		tain_addsec_g(&deadline, CREDENTIALS_SECONDS);
		take(c, r, tain_less(limit, &deadline) ? limit : &deadline);
		close_pipe(c);
	}
	if (!is_whose(&c->whose, r)) {
		explain(why, r, "this process has those of another label");
		return NULL;
	}
	if (c->has_secret)
		return &c->secret;
	*why = c->why;
	return NULL;
}
