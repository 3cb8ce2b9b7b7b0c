/* log: see log.h. */
#include "lib/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/printable.h"

/* The one piece of state that outlives a call: where lines go is a property of
 * the process, like fd 2 itself. */
static struct {
	const char *program;
	char ident[64];
	enum { SINK_STDERR, SINK_SYSLOG, SINK_NONE } sink;
	bool has_stderr;	/* fd 2 is open, and not the client's */
	bool is_wanted;		/* $PIPEPOST_LOG says where */
	bool is_verbose;
} log_state = { .program = "pipepost", .ident = "smtpd/pipepost", .sink = SINK_STDERR, .has_stderr = true };

static const char syslog_socket[] = "/dev/log";

/* inetd hands over one socket as 0, 1 and 2: writing there would be talking to the client. */
static bool
stderr_is_the_client(void)
{
	struct stat in, err;

	return fstat(0, &in) == 0 && fstat(2, &err) == 0 && S_ISSOCK(err.st_mode) &&
	    in.st_dev == err.st_dev && in.st_ino == err.st_ino;
}

void
log_open(const char *program)
{
	const char *wish = secure_getenv("PIPEPOST_LOG");
	bool has_stderr = fcntl(2, F_GETFD) != -1 && !stderr_is_the_client();

	log_state.has_stderr = has_stderr;
	log_state.is_wanted = wish != NULL && (strcmp(wish, "stderr") == 0 || strcmp(wish, "syslog") == 0);
	log_state.program = program;
	snprintf(log_state.ident, sizeof log_state.ident, "smtpd/%s", program);
	if (wish != NULL && strcmp(wish, "stderr") == 0 && has_stderr)
		log_state.sink = SINK_STDERR;
	else if (access(syslog_socket, W_OK) == 0 || (wish != NULL && strcmp(wish, "syslog") == 0))
		log_state.sink = SINK_SYSLOG;
	else
		log_state.sink = has_stderr ? SINK_STDERR : SINK_NONE;
	if (log_state.sink == SINK_SYSLOG)
		openlog(log_state.ident, LOG_PID, LOG_MAIL);
}

void
log_spare_terminal(void)
{
	if (log_state.sink == SINK_STDERR && !log_state.is_wanted)
		log_state.sink = SINK_NONE;
}

static void
write_stderr(const char *clean)
{
	char line[LOG_LINE_MAX + 128];
	int n = snprintf(line, sizeof line, "%s[%ld]: %s\n", log_state.ident, (long)getpid(), clean);

	if (n > 0 && write(2, line, (size_t)n) == -1)
		return;	/* nobody is left to tell */
}

static void __attribute__((format(printf, 1, 0)))
write_line(const char *format, va_list args)
{
	char text[LOG_LINE_MAX], clean[LOG_LINE_MAX];
	int n = vsnprintf(text, sizeof text, format, args);

	if (n < 0)
		return;
	printable_copy(clean, sizeof clean, text, strlen(text));
	switch (log_state.sink) {
	case SINK_SYSLOG:
		/* syslog() would drop it without a word. */
		if (log_state.has_stderr && access(syslog_socket, F_OK) == -1)
			write_stderr(clean);
		else
			syslog(LOG_INFO, "%s", clean);
		break;
	case SINK_STDERR:
		write_stderr(clean);
		break;
	case SINK_NONE:
		break;
	}
}

void
log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
}

void
log_set_verbose(bool is_verbose)
{
	log_state.is_verbose = is_verbose;
}

bool
log_is_verbose(void)
{
	return log_state.is_verbose;
}

void
log_verbose(const char *format, ...)
{
	va_list args;

	if (!log_state.is_verbose)
		return;
	va_start(args, format);
	write_line(format, args);
	va_end(args);
}
