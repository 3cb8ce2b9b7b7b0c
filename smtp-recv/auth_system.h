/* auth_system: passwords of this system's accounts.
 *
 * By PAM (service "smtp") where this runs as root. Anybody else cannot ask PAM for the accounts in
 * shadow(5), pam_unix allows it to nobody: those are compared here, shadow-lookup reads them; and
 * PAM is asked for accounts that are not in shadow. */
#ifndef SMTP_RECV_AUTH_SYSTEM_H
#define SMTP_RECV_AUTH_SYSTEM_H

#include "smtp-recv/checkpassword.h"

/* Both prepared. After LATER words[AUTH_WORDS_MAX] says why. */
enum checkpassword_exit auth_system_check(const char *login, const char *password, char *words);

#endif
