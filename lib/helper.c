/* helper: see helper.h. The child is reaped and its pipes are closed on every path. */
#include "lib/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/tai.h>

#include "lib/lookup.h"
#include "lib/spawn.h"

enum { COMPLAINT_MAX = 1000 };

/* What one pipe of the helper has given. */
struct stream {
	int fd;			/* -1: at its end */
	size_t max;
	stralloc *to;
	bool is_over;		/* more than max: the rest is not wanted */
};

static enum lookup
say(stralloc *why, const char *program, const char *words, enum lookup answer)
{
	why->len = 0;
	if (!stralloc_cats(why, program) || !stralloc_cats(why, ": ") || !stralloc_cats(why, words))
		why->len = 0;
	return answer;
}

static void
read_some(struct stream *s)
{
	char block[4096];
	ssize_t n = read(s->fd, block, sizeof block);

	if (n == -1 && errno == EINTR)
		return;
	if (n > 0 && s->to->len + (size_t)n <= s->max && stralloc_catb(s->to, block, (size_t)n))
		return;
	s->is_over = n > 0;
	fd_close(s->fd);
	s->fd = -1;
}

/* Reads both pipes to their ends. False: not before the deadline. */
static bool
read_answer(struct stream streams[2], const tain *deadline)
{
	while (streams[0].fd != -1 || streams[1].fd != -1) {
		struct pollfd p[2] = {
			{ .fd = streams[0].fd, .events = POLLIN }, { .fd = streams[1].fd, .events = POLLIN },
		};
		tain now, left;

		tain_now(&now);
		if (!tain_less(&now, deadline))
			return false;
		tain_sub(&left, deadline, &now);
		if (poll(p, 2, tain_to_millisecs(&left)) == -1 && errno != EINTR)
			return false;
		for (size_t i = 0; i < 2; i++)
			if (streams[i].fd != -1 && p[i].revents != 0)
				read_some(&streams[i]);
	}
	return true;
}

static pid_t
start(const char *program, const char *config, enum service service, const char *const keys[], size_t nkeys,
    const int out[2], const int err[2])
{
	const char *argv[HELPER_KEYS_MAX + 4] = { program, config, nkeys == 0 ? "fetch_source" : service_name(service) };
	const char *const envp[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
	int fds[3] = { SPAWN_NULL, out[1], err[1] };

	if (nkeys > HELPER_KEYS_MAX) {
		errno = E2BIG;
		return -1;
	}
	memcpy(argv + 3, keys, nkeys * sizeof *keys);
	return spawn_program(program, argv, envp, fds, 3);
}

static void
close_pipe(int p[2])
{
	for (size_t i = 0; i < 2; i++)
		if (p[i] != -1)
			fd_close(p[i]);
}

static void
cut_at_line_end(stralloc *s)
{
	while (s->len > 0 && s->s[s->len - 1] == '\n')
		s->len--;
}

static bool
is_text(const stralloc *s, const char *text)
{
	return s->len == strlen(text) && memcmp(s->s, text, s->len) == 0;
}

static enum lookup
judge(int status, const char *program, const struct stream *answer, stralloc *complaint, stralloc *why)
{
	cut_at_line_end(complaint);
	if (!WIFEXITED(status) || answer->is_over)
		return say(why, program, answer->is_over ? "its answer is too long" : "died", LOOKUP_LATER);
	switch (WEXITSTATUS(status)) {
	case HELPER_FOUND:
		cut_at_line_end(answer->to);
		return LOOKUP_FOUND;
	case HELPER_ABSENT:
		cut_at_line_end(answer->to);
		return is_text(answer->to, LOOKUP_INACTIVE_WORD) ? LOOKUP_INACTIVE : LOOKUP_ABSENT;
	case HELPER_BROKEN:
	case HELPER_LATER:
		break;
	default:
		return say(why, program, "ended with a status that is not in its contract", LOOKUP_LATER);
	}
	if (complaint->len == 0)
		return say(why, program, "cannot tell", LOOKUP_LATER);
	if (!stralloc_copy(why, complaint))
		why->len = 0;
	return WEXITSTATUS(status) == HELPER_BROKEN ? LOOKUP_BROKEN : LOOKUP_LATER;
}

static enum lookup
wait_for_answer(pid_t pid, const char *program, struct stream streams[2], stralloc *why)
{
	tain now, deadline;
	int status;
	bool is_whole;

	tain_now(&now);
	tain_addsec(&deadline, &now, HELPER_SECONDS);
	is_whole = read_answer(streams, &deadline);
	if (!spawn_wait(pid, &status, is_whole ? &deadline : &now) || !is_whole)
		return say(why, program, "took too long", LOOKUP_LATER);
	return judge(status, program, &streams[0], streams[1].to, why);
}

enum lookup
helper_ask(const char *program, const char *config, enum service service, const char *const keys[], size_t nkeys,
    stralloc *value, stralloc *why)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	stralloc complaint = STRALLOC_ZERO;
	struct stream streams[2] = { { .max = HELPER_RESULT_MAX, .to = value }, { .max = COMPLAINT_MAX, .to = &complaint } };
	enum lookup answer;
	pid_t pid = -1;

	value->len = 0;
	if (spawn_pipe(out) && spawn_pipe(err))
		pid = start(program, config, service, keys, nkeys, out, err);
	if (pid == -1) {
		answer = say(why, program, strerror(errno), LOOKUP_LATER);
		close_pipe(out);
		close_pipe(err);
		return answer;
	}
	fd_close(out[1]);
	fd_close(err[1]);
	streams[0].fd = out[0];
	streams[1].fd = err[0];
	answer = wait_for_answer(pid, program, streams, why);
	for (size_t i = 0; i < 2; i++)
		if (streams[i].fd != -1)
			fd_close(streams[i].fd);
	stralloc_free(&complaint);
	return answer;
}
