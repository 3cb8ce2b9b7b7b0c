/* setup: what stands before the banner: options, configuration, listener, name. */
#ifndef PIPEPOST_SMTP_RECV_SETUP_H
#define PIPEPOST_SMTP_RECV_SETUP_H

#include <stdbool.h>

struct session;

/* Reads the command line. Dies with EX_USAGE and a line on fd 2. */
void setup_read_options(struct session *s, int argc, char *argv[]);

/* Finds the client. False: there is nobody to speak to (logged). */
bool setup_find_peer(struct session *s);

/* Reads the configuration and finds the listener and our name. False: the client
 * has been told 421, and the log why. */
bool setup_configure(struct session *s);

#endif
