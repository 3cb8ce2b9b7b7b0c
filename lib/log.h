/* log: one line per event, for syslog (facility mail, ident "smtpd/PROGRAM")
 * or for fd 2 ("smtpd/PROGRAM[PID]: text", one write per line).
 *
 * Logging never fails a delivery: what cannot be written is dropped. */
#ifndef PIPEPOST_LOG_H
#define PIPEPOST_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Text longer than this is cut off. */
enum { LOG_LINE_MAX = 2048 };

/* Chooses where lines go: $PIPEPOST_LOG ("stderr" or "syslog") unless the
 * program runs set-id; else syslog; fd 2 where there is no /dev/log and fd 2
 * is not the client's socket (inetd passes the same socket as 0, 1 and 2). A line
 * for syslog goes to fd 2, too, while there is no /dev/log: in a container, or
 * before syslogd runs. program is kept by reference. Call it first thing in main(). */
void log_open(const char *program);

/* For what people run: a terminal is no log. Drops the lines that would go to fd 2
 * only because there is no syslog. */
void log_spare_terminal(void);

/* One line. Every control octet in the result is escaped (printable.h), so an
 * argument from a peer can never start a second line. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether conversations are logged (option -v). Off until set. */
void log_set_verbose(bool is_verbose);
bool log_is_verbose(void);

/* log_line() where log_is_verbose(), else nothing. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
