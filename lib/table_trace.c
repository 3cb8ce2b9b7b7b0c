/* table_trace: what tables were asked and what they have answered, for smtpctl why. */
#include "lib/table_kind.h"

#include <stdio.h>
#include <string.h>

#include "lib/printable.h"

enum { SHOWN_MAX = 400 };

static const char *
words_of(enum lookup answer)
{
	switch (answer) {
	case LOOKUP_FOUND:
		return "yes";
	case LOOKUP_ABSENT:
		return "not there";
	case LOOKUP_INACTIVE:
		return "switched off";
	case LOOKUP_LATER:
		return "cannot tell";
	case LOOKUP_BROKEN:
		break;
	}
	return "cannot tell before it is mended";
}

static void
add_text(stralloc *to, const char *s, size_t len)
{
	printable_append(to, s, len < SHOWN_MAX ? len : SHOWN_MAX);
	if (len > SHOWN_MAX)
		stralloc_cats(to, "...");
}

void
table_trace(stralloc *trace, const struct conf_table *t, enum service service, const char *const keys[], size_t nkeys,
    enum lookup answer, const stralloc *value, const stralloc *why)
{
	char label[TABLE_LABEL_MAX];
	bool is_trouble = answer == LOOKUP_LATER || answer == LOOKUP_BROKEN;

	/* Without memory a word is left out: nobody decides by it. */
	stralloc_cats(trace, "    ");
	stralloc_cats(trace, table_label(label, sizeof label, t));
	stralloc_cats(trace, " ");
	stralloc_cats(trace, service_name(service));
	for (size_t i = 0; i < nkeys; i++) {
		stralloc_cats(trace, i == 0 ? " " : ", ");
		add_text(trace, keys[i], strlen(keys[i]));
	}
	stralloc_cats(trace, ": ");
	if (answer == LOOKUP_FOUND && value != NULL && value->len > 0 && service != SERVICE_CREDENTIALS)
		add_text(trace, value->s, value->len);
	else
		stralloc_cats(trace, words_of(answer));
	if (is_trouble && why != NULL && why->len > 0) {
		stralloc_cats(trace, ": ");
		add_text(trace, why->s, why->len);
	}
	stralloc_append(trace, '\n');
}
