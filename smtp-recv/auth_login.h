/* auth_login: whether a login and its password are right. */
#ifndef SMTP_RECV_AUTH_LOGIN_H
#define SMTP_RECV_AUTH_LOGIN_H

#include "smtp-recv/auth_check.h"
#include "smtp-recv/checkpassword.h"

/* Prepares both and asks the table, or the system. A login that is not there takes the time of one
 * that is. After LATER words[AUTH_WORDS_MAX] says why. login, in place, becomes what the table was
 * asked for. */
enum checkpassword_exit auth_login_check(struct auth_check *a, char *login, size_t login_size,
    const char *password, char *words);

#endif
