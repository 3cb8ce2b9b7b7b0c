/* words: see words.h. */
#include "smtp-recv/words.h"

#include <errno.h>
#include <string.h>

#include "lib/passon.h"
#include "lib/spawn.h"
#include "smtp-recv/session.h"

bool
words_add(struct words *w, const char *word)
{
	return genalloc_append(const char *, &w->list, &word);
}

bool
words_add_configuration(struct words *w, const struct session *s)
{
	for (size_t i = 0; i < s->nmacros; i++)
		if (!stralloc_cats(&w->macros, s->macros[i].name) || !stralloc_cats(&w->macros, "=") ||
		    !stralloc_cats(&w->macros, s->macros[i].value) || !stralloc_0(&w->macros))
			return false;
	/* only now: the memory of the text has moved while it grew */
	for (size_t at = 0; at < w->macros.len; at += strlen(w->macros.s + at) + 1)
		if (!words_add(w, "-D") || !words_add(w, w->macros.s + at))
			return false;
	return words_add(w, "-f") && words_add(w, s->conf_path);
}

pid_t
words_start(struct words *w, const char *path, const int *fds, size_t nfds)
{
	genalloc environment = GENALLOC_ZERO;
	stralloc strings = STRALLOC_ZERO;
	pid_t pid = -1;
	int e;

	errno = ENOMEM;
	if (words_add(w, NULL) && passon_append(&strings) && passon_point(&environment, &strings))
		pid = spawn_program(path, genalloc_s(const char *, &w->list), genalloc_s(const char *, &environment), fds,
		    nfds);
	e = errno;
	genalloc_free(const char *, &environment);
	stralloc_free(&strings);
	genalloc_free(const char *, &w->list);
	stralloc_free(&w->macros);
	errno = e;
	return pid;
}
