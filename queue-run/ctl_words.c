/* ctl_words: which command is meant. Pure; see ctl.h. */
#include "queue-run/ctl.h"

#include <string.h>

enum { WORDS_MAX = 4 };

/* The i-th word of "show queue": its length, 0 behind the last. */
static size_t
word_at(const char **word, const char *words, size_t i)
{
	for (; i > 0; i--) {
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	*word = words;
	return strcspn(words, " ");
}

enum fit { FIT_NO, FIT_PREFIX, FIT_EXACT };

static enum fit
fits(const char *words, size_t i, const char *given)
{
	const char *word;
	size_t len = word_at(&word, words, i), n = strlen(given);

	if (n == 0 || n > len || memcmp(word, given, n) != 0)
		return FIT_NO;
	return n == len ? FIT_EXACT : FIT_PREFIX;
}

/* The best that the word fits among commands that are still possible; a word written out beats all beginnings. */
static enum fit
best_fit(const struct ctl_command *commands, size_t n, const bool *is_out, size_t i, const char *given)
{
	enum fit best = FIT_NO;

	for (size_t k = 0; k < n; k++)
		if (!is_out[k] && fits(commands[k].words, i, given) > best)
			best = fits(commands[k].words, i, given);
	return best;
}

/* The only command left that is whole after `used` words, if all that are left are that one. */
static const struct ctl_command *
only_one(const struct ctl_command *commands, size_t n, const bool *is_out, size_t used, bool *is_ambiguous)
{
	const struct ctl_command *found = NULL;
	const char *word;
	size_t left = 0;

	for (size_t k = 0; k < n; k++) {
		if (is_out[k])
			continue;
		left++;
		if (word_at(&word, commands[k].words, used) == 0)
			found = &commands[k];
	}
	*is_ambiguous = left > 1;
	return left == 1 ? found : NULL;
}

const struct ctl_command *
ctl_find_command(const struct ctl_command *commands, size_t n, const char *const *argv, size_t *used,
    bool *is_ambiguous)
{
	bool is_out[64] = { false };
	const struct ctl_command *found;

	*is_ambiguous = false;
	for (*used = 0; *used < WORDS_MAX && n <= sizeof is_out; ++*used) {
		const char *given = argv[*used];
		enum fit best;

		found = *used > 0 ? only_one(commands, n, is_out, *used, is_ambiguous) : NULL;
		if (found != NULL || given == NULL)
			return found;
		*is_ambiguous = false;
		best = best_fit(commands, n, is_out, *used, given);
		if (best == FIT_NO)
			return NULL;
		for (size_t k = 0; k < n; k++)
			is_out[k] = is_out[k] || fits(commands[k].words, *used, given) != best;
	}
	return NULL;
}
