/* transaction: MAIL and RCPT. */
#ifndef PIPEPOST_SMTP_RECV_TRANSACTION_H
#define PIPEPOST_SMTP_RECV_TRANSACTION_H

#include <stddef.h>

struct session;
struct transaction;

/* Ends the transaction, if there is one: nothing of it is left. Its memory is kept for the next. */
void transaction_reset(struct transaction *t);

/* The commands; arg[0..len) is what follows the verb. They return the code of their reply. */
unsigned transaction_mail(struct session *s, const char *arg, size_t len);
unsigned transaction_rcpt(struct session *s, const char *arg, size_t len);

#endif
