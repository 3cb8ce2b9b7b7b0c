/* sasl: see sasl.h. A challenge is data of the peer: bounded before it is decoded,
 * and used for nothing but the digest and the complaint. What held a secret on its way
 * is wiped. */
#include "lib/sasl.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <bearssl.h>

#include "lib/base64.h"
#include "lib/wipe.h"

enum { MD5_HEX = 2 * br_md5_SIZE };

static bool
fail(int error)
{
	errno = error;
	return false;
}

/* ---- mechanisms ---- */

static const char *const names[] = {
	[SASL_PLAIN] = "PLAIN",
	[SASL_LOGIN] = "LOGIN",
	[SASL_CRAM_MD5] = "CRAM-MD5",
	[SASL_XOAUTH2] = "XOAUTH2",
};

const char *
sasl_name(enum sasl_mechanism m)
{
	return names[m];
}

static bool
is_offered(enum sasl_mechanism m, const char *s, size_t len)
{
	size_t n = strlen(names[m]);

	while (len > 0) {
		size_t word = 0;

		while (word < len && s[word] != ' ' && s[word] != '\t')
			word++;
		if (word == n && strncasecmp(s, names[m], n) == 0)
			return true;
		word += word < len;
		s += word;
		len -= word;
	}
	return false;
}

bool
sasl_choose(enum sasl_mechanism *m, const char *s, size_t len, const struct secret *secret)
{
	static const enum sasl_mechanism order[] = { SASL_PLAIN, SASL_LOGIN, SASL_CRAM_MD5, SASL_XOAUTH2 };

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		enum secret_kind unfit = order[i] == SASL_XOAUTH2 ? SECRET_PASSWORD : SECRET_TOKEN;

		*m = order[i];
		if (secret->kind != unfit && is_offered(order[i], s, len))
			return true;
	}
	return false;
}

/* ---- responses ---- */

static bool
append(stralloc *to, const stralloc *s)
{
	return stralloc_catb(to, s->s, s->len);
}

/* authorization identity, NUL, user, NUL, password */
static bool
write_plain(stralloc *to, const struct secret *s)
{
	return stralloc_catb(to, "", 1) && append(to, &s->user) && stralloc_catb(to, "", 1) && append(to, &s->text);
}

static bool
write_xoauth2(stralloc *to, const struct secret *s)
{
	return stralloc_cats(to, "user=") && append(to, &s->user) && stralloc_cats(to, "\1auth=Bearer ") &&
	    append(to, &s->text) && stralloc_cats(to, "\1\1");
}

static bool
write_digest(stralloc *to, const struct secret *s, const stralloc *challenge)
{
	static const char hex[] = "0123456789abcdef";
	br_hmac_key_context key;
	br_hmac_context hmac;
	unsigned char digest[br_md5_SIZE];
	char text[MD5_HEX];

	br_hmac_key_init(&key, &br_md5_vtable, s->text.s, s->text.len);
	br_hmac_init(&hmac, &key, 0);
	br_hmac_update(&hmac, challenge->s, challenge->len);
	br_hmac_out(&hmac, digest);
	explicit_bzero(&key, sizeof key);
	for (size_t i = 0; i < sizeof digest; i++) {
		text[2 * i] = hex[digest[i] >> 4];
		text[2 * i + 1] = hex[digest[i] & 15];
	}
	return append(to, &s->user) && stralloc_catb(to, " ", 1) && stralloc_catb(to, text, sizeof text);
}

/* The octets of the response to one challenge. Fails with EPROTO: no more is
 * due. */
static bool
write_response(struct sasl *s, stralloc *to, const stralloc *challenge)
{
	bool is_written = true;
	unsigned step = s->step++;

	switch (s->mechanism) {
	case SASL_PLAIN:
		if (step > 0)
			return fail(EPROTO);
		is_written = write_plain(to, s->secret);
		break;
	case SASL_LOGIN:
		/* what the server asks for is text for people: the order counts */
		if (step > 1)
			return fail(EPROTO);
		is_written = append(to, step == 0 ? &s->secret->user : &s->secret->text);
		break;
	case SASL_CRAM_MD5:
		if (step > 0)
			return fail(EPROTO);
		is_written = write_digest(to, s->secret, challenge);
		break;
	case SASL_XOAUTH2:
		if (step == 0) {
			is_written = write_xoauth2(to, s->secret);
			break;
		}
		/* The token was refused: why is in the challenge, the answer is empty, then
		 * comes 535. */
		if (step > 1)
			return fail(EPROTO);
		is_written = stralloc_copy(&s->complaint, challenge);
		break;
	}
	return is_written || fail(ENOMEM);
}

/* Room for all of it beforehand: growing would leave copies of a secret behind. */
static bool
prepare(stralloc *octets, const struct sasl *s)
{
	return stralloc_ready(octets, s->secret->user.len + s->secret->text.len + MD5_HEX + 32);
}

bool
sasl_start(struct sasl *s, stralloc *command)
{
	stralloc octets = STRALLOC_ZERO, none = STRALLOC_ZERO;
	bool has_initial = s->mechanism == SASL_PLAIN || s->mechanism == SASL_XOAUTH2;
	bool is_written = true;

	s->step = 0;
	if (!stralloc_cats(command, "AUTH ") || !stralloc_cats(command, names[s->mechanism]))
		return fail(ENOMEM);
	if (!has_initial)
		return true;
	if (!prepare(&octets, s) || !write_response(s, &octets, &none))
		is_written = fail(ENOMEM);
	else if ((octets.len + 2) / 3 * 4 > SASL_INITIAL_MAX)
		s->step = 0;	/* it is sent after the first, empty, challenge */
	else
		is_written = (stralloc_catb(command, " ", 1) || fail(ENOMEM)) &&
		    base64_encode(command, octets.s, octets.len);
	wipe_and_free(&octets);
	return is_written;
}

bool
sasl_answer(struct sasl *s, stralloc *response, const char *challenge, size_t len)
{
	stralloc octets = STRALLOC_ZERO, asked = STRALLOC_ZERO;
	bool is_written;

	if (len > (SASL_CHALLENGE_MAX + 2) / 3 * 4)
		return fail(EMSGSIZE);
	/* Only CRAM-MD5 needs the challenge to answer; others' is anything servers like to say. */
	is_written = base64_decode(&asked, challenge, len) ||
	    (errno == EPROTO && s->mechanism != SASL_CRAM_MD5);
	if (is_written)
		is_written = (prepare(&octets, s) || fail(ENOMEM)) && write_response(s, &octets, &asked) &&
		    base64_encode(response, octets.s, octets.len);
	stralloc_free(&asked);
	wipe_and_free(&octets);
	return is_written;
}
