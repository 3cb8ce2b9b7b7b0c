/* tls_relay: TLS on one side, clear text on the other, until one of them ends. */
#ifndef PIPEPOST_TLS_RELAY_H
#define PIPEPOST_TLS_RELAY_H

#include <stdbool.h>

#include "lib/tls.h"

enum { TLS_RELAY_CLOSE_SECONDS = 5 };	/* for what is still to be sent when the clear side has ended */

/* Passes text between the session, whose handshake is done, and the non-blocking socket
 * plain. What the peer has sent reaches plain before its end does; the end of plain is
 * told to the peer (close-notify), after all that came from there. How long nothing
 * may happen is for the program behind plain to say.
 *
 * True where either side has closed as it should. Else false with errno ECONNRESET (the
 * peer's connection was cut off), ETIMEDOUT (the peer took no more), EPROTO or that of a
 * system call; tls_reason() has words. */
bool tls_relay(struct tls *t, int plain);

#endif
