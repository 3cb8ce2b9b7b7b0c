/* login: who a client says it is, and its password, from the messages of PLAIN (RFC 4616) and
 * LOGIN. Pure. */
#ifndef PIPEPOST_SMTP_RECV_LOGIN_H
#define PIPEPOST_SMTP_RECV_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/saslprep.h"

enum {
	LOGIN_MAX = 255,		/* octets; with its password it fits into what checkpassword takes */
	LOGIN_PASSWORD_MAX = 253,
};

struct login {
	char name[LOGIN_MAX + 1];
	char password[LOGIN_PASSWORD_MAX + 1];
};

/* Takes login and password from a message of PLAIN. Fails with errno EPROTO (it is none),
 * EACCES (it wants to act for somebody else), or as login_set_name does. */
bool login_set_plain(struct login *l, enum saslprep_profile profile, const char *s, size_t len);

/* Take one of them, prepared by RFC 8265. Fail with errno EACCES (empty, too long, or with a
 * character that no login or password has: nobody's), ENOMEM. */
bool login_set_name(struct login *l, enum saslprep_profile profile, const char *s, size_t len);
bool login_set_password(struct login *l, const char *s, size_t len);

void login_wipe(struct login *l);

#endif
