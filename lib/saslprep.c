/* saslprep: see saslprep.h. The properties of characters are libunistring's, which is there for the
 * names of domains already (idna.h); libidn's stringprep would bring Unicode 3.2 and a library more. */
#include "lib/saslprep.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "lib/saslprep_class.h"

/* Characters of what is worked on; and how often the rules are applied at most until they change
 * nothing more (RFC 8264 7). */
enum { WORK_MAX = 4 * SASLPREP_MAX, ROUNDS_MAX = 4 };

struct work {
	uint32_t s[WORK_MAX];
	size_t n;
};

static bool
fail(int error)
{
	errno = error;
	return false;
}

/* ---- the rules ---- */

/* Fullwidth and halfwidth characters become the plain ones. */
static void
map_width(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		ucs4_t plain[UC_DECOMPOSITION_MAX_LENGTH];
		int tag, n = w->s[i] < 0x80 ? -1 : uc_decomposition(w->s[i], &tag, plain);

		if (n == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
			w->s[i] = plain[0];
	}
}

static void
map_spaces(struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->s[i] >= 0x80 && uc_is_general_category_withtable(w->s[i], UC_CATEGORY_MASK_Zs))
			w->s[i] = ' ';
}

/* Lower case where it is wanted, and composed. */
static bool
normalize(struct work *w, bool to_lower)
{
	static const size_t size = WORK_MAX;
	struct work from = *w;
	size_t n = size;
	uint32_t *s = to_lower ? u32_tolower(from.s, from.n, NULL, UNINORM_NFC, w->s, &n) :
	    u32_normalize(UNINORM_NFC, from.s, from.n, w->s, &n);

	explicit_bzero(&from, sizeof from);
	w->n = n;
	if (s == w->s)
		return true;
	if (s == NULL)
		return fail(ENOMEM);
	explicit_bzero(s, n * sizeof *s);	/* it had more to say than there is room */
	free(s);
	return fail(EMSGSIZE);
}

static bool
keeps_bidi(const struct work *w)
{
	for (size_t i = 0, end; i < w->n; i = end + 1) {
		end = i;
		while (end < w->n && w->s[end] != '@' && w->s[end] != '.' && w->s[end] != ' ')
			end++;
		if (end > i && !saslprep_keeps_bidi(w->s + i, end - i))
			return false;
	}
	return true;
}

static bool
apply(struct work *w, enum saslprep_profile profile)
{
	bool is_login = profile != SASLPREP_PASSWORD;

	if (is_login)
		map_width(w);
	else
		map_spaces(w);
	if (!normalize(w, profile == SASLPREP_LOGIN))
		return false;
	if (!saslprep_is_of_class(w->s, w->n, is_login) || (is_login && !keeps_bidi(w)))
		return fail(EPROTO);
	return true;
}

static bool
apply_until_stable(struct work *w, enum saslprep_profile profile)
{
	struct work last;
	bool is_good = true, is_stable = false;

	for (int i = 0; is_good && !is_stable && i < ROUNDS_MAX; i++) {
		last = *w;
		is_good = apply(w, profile);
		is_stable = last.n == w->n && memcmp(last.s, w->s, w->n * sizeof w->s[0]) == 0;
	}
	explicit_bzero(&last, sizeof last);
	return is_good && (is_stable || fail(EPROTO));
}

/* ---- octets ---- */

/* Fails with errno EPROTO. */
static bool
decode(struct work *w, const char *s, size_t len)
{
	w->n = WORK_MAX;	/* each character takes an octet at least */
	return u8_to_u32((const uint8_t *)s, len, w->s, &w->n) == w->s || fail(EPROTO);
}

static bool
encode(char *to, size_t size, const struct work *w)
{
	size_t len = size - 1;
	uint8_t *s = u32_to_u8(w->s, w->n, (uint8_t *)to, &len);

	if (s == (uint8_t *)to) {
		to[len] = '\0';
		return true;
	}
	if (s != NULL) {
		explicit_bzero(s, len);
		free(s);
	}
	return fail(s == NULL ? ENOMEM : EMSGSIZE);
}

bool
saslprep(char *to, size_t size, enum saslprep_profile profile, const char *s, size_t len)
{
	struct work w;
	bool is_good;

	if (len > SASLPREP_MAX || size < 2)
		return fail(EMSGSIZE);
	is_good = (len > 0 || fail(EPROTO)) && decode(&w, s, len) && apply_until_stable(&w, profile) &&
	    encode(to, size, &w);
	explicit_bzero(&w, sizeof w);
	return is_good;
}
