/* command: one line of the client's, and what is done about it. */
#ifndef PIPEPOST_SMTP_RECV_COMMAND_H
#define PIPEPOST_SMTP_RECV_COMMAND_H

#include <stddef.h>

struct session;

/* Answers one command line (no CRLF; it may stand in the session's input
 * buffer, which is not read into before the line was understood). */
void command_run(struct session *s, const char *line, size_t len);

#endif
