/* data: the text of a message, from 354 to the final reply. */
#ifndef PIPEPOST_SMTP_RECV_DATA_H
#define PIPEPOST_SMTP_RECV_DATA_H

#include <stddef.h>

struct session;

/* The command DATA. Returns the code of the final reply. Only a 250 means that
 * the message is in the queue. The transaction is over in any case. */
unsigned data_receive(struct session *s, const char *arg, size_t len);

#endif
