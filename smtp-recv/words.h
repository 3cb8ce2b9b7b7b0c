/* words: the command line of a program that is started for a session. */
#ifndef PIPEPOST_SMTP_RECV_WORDS_H
#define PIPEPOST_SMTP_RECV_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

struct session;

struct words {
	genalloc list;		/* const char * */
	stralloc macros;	/* NAME=VALUE NUL ... */
};
#define WORDS_ZERO { .list = GENALLOC_ZERO, .macros = STRALLOC_ZERO }

/* Adds a word, which is kept by reference. Fails with errno ENOMEM. */
bool words_add(struct words *w, const char *word);

/* Adds where the session's configuration is: -f FILE and the -D. Once for each w. */
bool words_add_configuration(struct words *w, const struct session *s);

/* Starts the program with these words and the environment of passon.h; fds as for
 * spawn_program(). -1 with errno. w is freed. */
pid_t words_start(struct words *w, const char *path, const int *fds, size_t nfds);

#endif
