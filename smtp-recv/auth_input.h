/* auth_input: a login and a password, as they come on fd 3. */
#ifndef SMTP_RECV_AUTH_INPUT_H
#define SMTP_RECV_AUTH_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "smtp-recv/checkpassword.h"

struct auth_input {
	char text[CHECKPASSWORD_MAX + 1];
	size_t len;
	const char *login, *password;	/* in text */
};

/* Finds both in text[0..len). Pure. Fails with errno EPROTO where they are not there, each ended by
 * NUL; what follows is no matter. */
bool auth_input_scan(struct auth_input *in);

/* Reads the descriptor to its end, closes it and scans. Fails with errno EPROTO, EMSGSIZE (over
 * CHECKPASSWORD_MAX octets), or that of read(). */
bool auth_input_read(struct auth_input *in, int fd);

void auth_input_wipe(struct auth_input *in);

#endif
