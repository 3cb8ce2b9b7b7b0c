/* lmtp: handing a message to an LMTP server (RFC 2033), all recipients of the
 * job in one transaction. */
#ifndef PIPEPOST_DELIVER_LOCAL_LMTP_H
#define PIPEPOST_DELIVER_LOCAL_LMTP_H

#include <stdbool.h>

#include "deliver-local/outcome.h"
#include "deliver-local/text.h"

/* Seconds for each step (RFC 5321 4.5.3.2), within the deadline of the job. */
enum {
	LMTP_CONNECT_SECONDS = 60,
	LMTP_GREETING_SECONDS = 300,
	LMTP_MAIL_SECONDS = 300,
	LMTP_RCPT_SECONDS = 300,
	LMTP_DATA_SECONDS = 120,
	LMTP_BLOCK_SECONDS = 180,	/* for each block of text */
	LMTP_END_SECONDS = 600,		/* for each recipient's reply after the text */
	LMTP_QUIT_SECONDS = 2,		/* everything is settled by then */
};

/* Fills the outcomes of the job's recipients that is_open is true for; the
 * others are not mentioned to the server. FAILED only by a 5xx to a recipient. */
void lmtp_deliver(struct outcome *o, const bool *is_open, const struct job *j, struct text *t);

/* Opens a non-blocking connection to "/socket", "host:port" or "[address]:port".
 * -1: *why, a static string, or NULL with errno. */
int lmtp_connect(const char *destination, const char **why, const tain *deadline);

/* Whether the address may stand between < and > of a command. */
bool lmtp_is_sendable(const char *address);

#endif
