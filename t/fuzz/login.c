/* login: any octets as a message of PLAIN. What comes out is text, and prepared once and for all. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtp-recv/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum saslprep_profile profiles[] = { SASLPREP_LOGIN, SASLPREP_ACCOUNT };
	struct login l;

	for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
		if (!login_set_plain(&l, profiles[i], (const char *)data, size))
			continue;
		if (*l.name == '\0' || *l.password == '\0' || *l.name == '(' || strpbrk(l.name, "\r\n\033\177") != NULL ||
		    strlen(l.name) > LOGIN_MAX || strlen(l.password) > LOGIN_PASSWORD_MAX)
			abort();
	}
	login_wipe(&l);
	return 0;
}
