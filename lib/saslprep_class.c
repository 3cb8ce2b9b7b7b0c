/* saslprep_class: see saslprep_class.h. */
#include "lib/saslprep_class.h"

#include <errno.h>
#include <stdlib.h>

#include <unictype.h>
#include <uninorm.h>

/* RFC 8264 8. */
enum property {
	VALID,
	FREE_VALID,		/* not in an identifier */
	CONTEXT,		/* where its neighbours allow it */
	DISALLOWED,
};

enum { ZWNJ = 0x200c, ZWJ = 0x200d, VIRAMA = 9 };

/* RFC 8264 9.6. */
static const struct exception {
	uint32_t first, last;
	enum property property;
} exceptions[] = {
	{ 0x00b7, 0x00b7, CONTEXT }, { 0x00df, 0x00df, VALID }, { 0x0375, 0x0375, CONTEXT },
	{ 0x03c2, 0x03c2, VALID }, { 0x05f3, 0x05f4, CONTEXT }, { 0x0640, 0x0640, DISALLOWED },
	{ 0x0660, 0x0669, CONTEXT }, { 0x06f0, 0x06f9, CONTEXT }, { 0x06fd, 0x06fe, VALID },
	{ 0x07fa, 0x07fa, DISALLOWED }, { 0x0f0b, 0x0f0b, VALID }, { 0x3007, 0x3007, VALID },
	{ 0x302e, 0x302f, DISALLOWED }, { 0x3031, 0x3035, DISALLOWED }, { 0x303b, 0x303b, DISALLOWED },
	{ 0x30fb, 0x30fb, CONTEXT },
};

static bool
is_old_hangul_jamo(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) || (c >= 0xd7b0 && c <= 0xd7c6) ||
	    (c >= 0xd7cb && c <= 0xd7fb);
}

/* Whether NFKC would make another character of it. */
static bool
has_compatible(uint32_t c)
{
	uint32_t result[UC_DECOMPOSITION_MAX_LENGTH];
	size_t n = sizeof result / sizeof result[0];
	uint32_t *s = u32_normalize(UNINORM_NFKC, &c, 1, result, &n);
	bool is_other = s == NULL || n != 1 || s[0] != c;

	if (s != result)
		free(s);
	return is_other;
}

static enum property
property_of(uint32_t c)
{
	if (c < 0x80)
		return c == ' ' ? FREE_VALID : c > ' ' && c < 0x7f ? VALID : DISALLOWED;
	for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
		if (c >= exceptions[i].first && c <= exceptions[i].last)
			return exceptions[i].property;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cn))
		return DISALLOWED;
	if (c == ZWNJ || c == ZWJ)
		return CONTEXT;
	if (is_old_hangul_jamo(c) || uc_is_property_default_ignorable_code_point(c) ||
	    uc_is_property_not_a_character(c) || uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc))
		return DISALLOWED;
	if (has_compatible(c))
		return FREE_VALID;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
		UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Mc))
		return VALID;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No |
		UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S | UC_CATEGORY_MASK_P))
		return FREE_VALID;
	return DISALLOWED;
}

/* ---- context (RFC 5892, appendix A) ---- */

static bool
is_of_script(uint32_t c, const char *name)
{
	return uc_is_script(c, uc_script_byname(name));
}

/* A character of that joining type, maybe behind transparent ones. */
static bool
joins(const uint32_t *s, size_t n, size_t at, bool is_before)
{
	for (;;) {
		int type;

		if (is_before ? at-- == 0 : ++at >= n)
			return false;
		type = uc_joining_type(s[at]);
		if (type != UC_JOINING_TYPE_T)
			return type == UC_JOINING_TYPE_D || type == (is_before ? UC_JOINING_TYPE_L : UC_JOINING_TYPE_R);
	}
}

static bool
has_between(const uint32_t *s, size_t n, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] >= first && s[i] <= last)
			return true;
	return false;
}

static bool
has_japanese(const uint32_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_of_script(s[i], "Hiragana") || is_of_script(s[i], "Katakana") || is_of_script(s[i], "Han"))
			return true;
	return false;
}

static bool
is_in_context(const uint32_t *s, size_t n, size_t at)
{
	bool has_before = at > 0, has_after = at + 1 < n;

	switch (s[at]) {
	case ZWNJ:
	case ZWJ:
		if (has_before && uc_combining_class(s[at - 1]) == VIRAMA)
			return true;
		return s[at] == ZWNJ && joins(s, n, at, true) && joins(s, n, at, false);
	case 0x00b7:	/* middle dot, as Catalan has it */
		return has_before && has_after && s[at - 1] == 'l' && s[at + 1] == 'l';
	case 0x0375:	/* Greek keraia */
		return has_after && is_of_script(s[at + 1], "Greek");
	case 0x05f3:	/* Hebrew geresh, gershayim */
	case 0x05f4:
		return has_before && is_of_script(s[at - 1], "Hebrew");
	case 0x30fb:	/* Katakana middle dot */
		return has_japanese(s, n);
	default:	/* two kinds of Arabic digits, which do not mix */
		return s[at] < 0x06f0 ? !has_between(s, n, 0x06f0, 0x06f9) : !has_between(s, n, 0x0660, 0x0669);
	}
}

bool
saslprep_is_of_class(const uint32_t *s, size_t n, bool is_identifier)
{
	for (size_t i = 0; i < n; i++) {
		enum property p = property_of(s[i]);

		if (is_identifier && s[i] == ' ' && i > 0 && i + 1 < n)
			continue;
		if (p == DISALLOWED || (p == FREE_VALID && is_identifier) ||
		    (p == CONTEXT && !is_in_context(s, n, i)))
			return false;
	}
	return true;
}

/* ---- direction ---- */

static bool
is_one_of(int class, unsigned classes)
{
	return (1u << class & classes) != 0;
}

#define BIDI(class) (1u << UC_BIDI_##class)

bool
saslprep_keeps_bidi(const uint32_t *s, size_t n)
{
	static const unsigned right_to_left = BIDI(R) | BIDI(AL) | BIDI(AN);
	static const unsigned neutral = BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM);
	unsigned seen = 0, allowed, at_end;
	size_t end = n;

	for (size_t i = 0; i < n; i++)
		seen |= 1u << uc_bidi_class(s[i]);
	if ((seen & right_to_left) == 0)
		return true;
	if (is_one_of(uc_bidi_class(s[0]), BIDI(R) | BIDI(AL))) {
		allowed = right_to_left | neutral;
		at_end = right_to_left | BIDI(EN);
	} else if (uc_bidi_class(s[0]) == UC_BIDI_L) {
		allowed = BIDI(L) | neutral;
		at_end = BIDI(L) | BIDI(EN);
	} else {
		return false;
	}
	while (end > 0 && uc_bidi_class(s[end - 1]) == UC_BIDI_NSM)
		end--;
	return (seen & ~allowed) == 0 && (seen & (BIDI(EN) | BIDI(AN))) != (BIDI(EN) | BIDI(AN)) &&
	    end > 0 && is_one_of(uc_bidi_class(s[end - 1]), at_end);
}
