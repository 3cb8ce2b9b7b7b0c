/* starttls: the conversation goes on under TLS, which smtp-tls speaks for us. */
#ifndef PIPEPOST_SMTP_RECV_STARTTLS_H
#define PIPEPOST_SMTP_RECV_STARTTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/tls_report.h"

struct session;

enum {
	TLS_READY_SECONDS = 30,		/* until smtp-tls has its certificate and key */
	TLS_OPEN_SECONDS = 65,		/* smtp-tls gives the handshake 60 */
	TLS_END_SECONDS = 10,		/* for the end of smtp-tls, which gives the client 5 */
};

/* smtp-tls, while there is one. */
struct cover {
	pid_t pid;			/* 0: there is none */
	int plain, report_fd;		/* our ends; plain is -1 once it is the conversation */
	bool is_open;			/* the session is encrypted */
	struct tls_report report;	/* of the open session; points into record */
	size_t len, at;			/* record[at..len) was not looked at */
	char record[2 * TLS_REPORT_MAX];
};

/* Whether TLS is offered in the present state of the session. */
bool starttls_is_offered(const struct session *s);

/* Starts smtp-tls. False: there will be no TLS (the log says why); the
 * conversation can go on without. */
bool starttls_prepare(struct session *s);

/* Lets it shake hands, and makes it the other end of the conversation: all that was
 * read before is thrown away, and the session knows as much as at its beginning.
 * False: the client is lost, the session closed. */
bool starttls_begin(struct session *s);

/* Waits for the end of smtp-tls, which so is the client's end, too. */
void starttls_end(struct session *s);

/* The command. */
unsigned starttls_do(struct session *s, const char *arg, size_t len);

#endif
