/* transaction: MAIL, RCPT, DATA and the text, once, over an open session. */
#ifndef PIPEPOST_DELIVER_REMOTE_TRANSACTION_H
#define PIPEPOST_DELIVER_REMOTE_TRANSACTION_H

#include "deliver-remote/client.h"
#include "deliver-remote/delivery.h"

enum { TRANSACTION_RECIPIENTS_MAX = 100 };	/* RFC 5321 4.5.3.1.8: every server takes so many */

enum progress {
	PROGRESS_DONE,		/* somebody was settled; if the session is over, nothing speaks against another */
	PROGRESS_ENDED,		/* the session broke off, c->why tells; whom it was about is settled */
	PROGRESS_NOTHING,	/* it broke off before MAIL was answered: nobody was settled */
};

/* Takes the first unsettled recipients of d, of whom there must be one, through
 * one transaction. Those whom the server would have taken but for their number
 * stay unsettled, for another one, if it took any. */
enum progress transaction_run(struct client *c, struct delivery *d);

#endif
