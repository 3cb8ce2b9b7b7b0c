/* password: see password.h. The password goes through a pipe, is nowhere else, and what held it
 * is wiped. */
#include "smtp-recv/password.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/place.h"
#include "lib/spawn.h"
#include "smtp-recv/checkpassword.h"
#include "smtp-recv/login.h"
#include "smtp-recv/session.h"
#include "smtp-recv/words.h"

static bool
add_words(struct words *w, const struct session *s)
{
	const struct conf_table *t = s->listen->auth_table;

	if (*s->listen->auth_program != '\0')	/* it needs a program to run when all is well */
		return words_add(w, s->listen->auth_program) && words_add(w, "/bin/true");
	if (!words_add(w, "auth-check") || !words_add_configuration(w, s))
		return false;
	return t == NULL ? words_add(w, "-s") : words_add(w, "-t") && words_add(w, t->name);
}

static pid_t
start(const struct session *s, int input)
{
	const int fds[] = { SPAWN_NULL, SPAWN_NULL, spawn_complaints_fd(s->peer.in), input };
	const char *program = s->listen->auth_program;
	struct words w = WORDS_ZERO;
	char path[PATH_MAX];

	errno = ENOMEM;
	if (*program == '\0' && place_program(path, sizeof path, "auth-check"))
		program = path;
	if (!add_words(&w, s))
		return -1;
	return words_start(&w, program, fds, sizeof fds / sizeof fds[0]);
}

/* It fits into the pipe at once. The timestamp is for APOP, which has one. */
static bool
write_input(int fd, const struct login *l)
{
	char text[CHECKPASSWORD_MAX];
	size_t name_len = strlen(l->name) + 1, password_len = strlen(l->password) + 1;
	size_t len = name_len + password_len + 1;
	ssize_t n;

	memcpy(text, l->name, name_len);
	memcpy(text + name_len, l->password, password_len);
	text[len - 1] = '\0';
	n = write(fd, text, len);
	explicit_bzero(text, sizeof text);
	return n == (ssize_t)len;
}

static enum password_answer
judge(int status, const char **why)
{
	*why = "";
	if (WIFEXITED(status))
		switch (WEXITSTATUS(status)) {
		case CHECKPASSWORD_RIGHT:
			return PASSWORD_RIGHT;
		case CHECKPASSWORD_MISUSE:
			*why = "the program says that it was misused";
			return PASSWORD_WRONG;
		case CHECKPASSWORD_WRONG:
		case 100:		/* of older programs */
			return PASSWORD_WRONG;
		case CHECKPASSWORD_LATER:
			*why = "the program cannot tell now";
			return PASSWORD_UNKNOWN;
		}
	*why = "the program died, or ended in a way that is not in its interface";
	return PASSWORD_UNKNOWN;
}

static enum password_answer
wait_for_answer(pid_t pid, const char **why)
{
	tain deadline;
	int status;

	session_deadline(&deadline, PASSWORD_SECONDS, NULL);
	if (spawn_wait(pid, &status, &deadline))
		return judge(status, why);
	*why = "the program took too long";
	return PASSWORD_UNKNOWN;
}

enum password_answer
password_ask(const struct session *s, const struct login *l, const char **why)
{
	int p[2];
	pid_t pid;
	bool is_written;

	*why = "no pipe";
	if (!spawn_pipe(p))
		return PASSWORD_UNKNOWN;
	/* Written before it is read: a program that reads nothing cannot hold us up. */
	is_written = write_input(p[1], l);
	close(p[1]);
	pid = is_written ? start(s, p[0]) : -1;
	close(p[0]);
	if (pid == -1) {
		*why = "the program cannot be started";
		return PASSWORD_UNKNOWN;
	}
	return wait_for_answer(pid, why);
}
