/* auth_program: what follows when a password was right: the program, as the user where root asked. */
#ifndef SMTP_RECV_AUTH_PROGRAM_H
#define SMTP_RECV_AUTH_PROGRAM_H

#include <limits.h>
#include <sys/types.h>

#include "smtp-recv/auth_check.h"
#include "smtp-recv/checkpassword.h"

/* Who the program runs as. Goes through a pipe as it is, from the process that has looked. */
struct auth_account {
	bool is_system;		/* its groups and shell are the system's */
	uid_t uid;
	gid_t gid;
	char name[CHECKPASSWORD_MAX + 1];
	char home[1024];
	char shell[256];
};

/* The account of a login that is right: of the system with -s, a row of the userbase (-u, else the
 * credentials' own table where that is sqlite, exec or a program) or else the system's, too. WRONG
 * where it is switched off there; without account it is LATER, with the words. */
enum checkpassword_exit auth_account_find(const struct auth_check *a, const char *login,
    struct auth_account *account, char *words);

/* Becomes the account, in its home, with USER, HOME and SHELL set. False with the words. */
bool auth_account_become(const struct auth_account *account, char *words);

#endif
