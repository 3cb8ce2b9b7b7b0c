/* outcome: see outcome.h. */
#include "deliver-remote/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

enum {
	WORDS_MAX = 700,	/* octets of a reply that are quoted, of JOB_REASON_MAX */
	CODE_SIZE = 10,		/* "5.123.123" */
};

void
outcome_set(struct outcome *o, enum verdict v, const char *format, ...)
{
	char text[JOB_REASON_MAX + 1];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	o->is_settled = true;
	o->verdict = v;
	o->is_passed_on = false;
	printable_copy(o->reason, sizeof o->reason, text, strlen(text));
}

/* ---- replies ---- */

/* The length of the enhanced status code at the start of s, or 0. */
static size_t
scan_enhanced(const char *s, size_t len)
{
	size_t i = 1;

	if (len < 5 || (s[0] != '2' && s[0] != '4' && s[0] != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= len || s[i] != '.')
			return 0;
		for (i++; i < len && s[i] >= '0' && s[i] <= '9'; i++)
			digits++;
		if (digits == 0 || digits > 3)
			return 0;
	}
	return i == len || s[i] == ' ' || s[i] == '\n' ? i : 0;
}

/* Subject and detail for the replies of RFC 5321 4.2.3 that say something. */
static const char *
subject_of(unsigned code)
{
	switch (code) {
	case 421:
		return ".3.2";
	case 452:
		return ".3.1";
	case 552:
		return ".2.2";
	case 551:
		return ".1.6";
	case 553:
		return ".1.3";
	case 530:
	case 534:
	case 535:
	case 454:
	case 538:
		return ".7.0";
	default:
		return code / 10 % 10 == 0 ? ".5.0" : ".0.0";
	}
}

static char
class_of(enum verdict v)
{
	return v == VERDICT_DELIVERED ? '2' : v == VERDICT_FAILED ? '5' : '4';
}

void
outcome_set_reply(struct outcome *o, enum verdict v, const char *peer, const struct smtp_reply *r)
{
	char words[WORDS_MAX], code[CODE_SIZE];
	size_t len = r->text.len < WORDS_MAX ? r->text.len : WORDS_MAX - 1;
	size_t code_len = scan_enhanced(r->text.s, r->text.len);

	if (code_len > 0)
		snprintf(code, sizeof code, "%.*s", (int)code_len, r->text.s);
	else
		snprintf(code, sizeof code, "x%s", v == VERDICT_DELIVERED ? ".0.0" : subject_of(r->code));
	code[0] = class_of(v);
	for (size_t i = 0; i < len; i++)
		words[i] = r->text.s[i] == '\n' ? ' ' : r->text.s[i];
	words[len] = '\0';
	outcome_set(o, v, "%s %s: %u%s%s", code, peer, r->code, len > 0 ? " " : "", words);
}

void
outcome_settle_all(struct outcome *o, size_t n, const struct outcome *as)
{
	for (size_t i = 0; i < n; i++)
		if (!o[i].is_settled)
			o[i] = *as;
}
