/* checkpassword: the interface by which a program is asked whether a password is right
 * (https://cr.yp.to/checkpwd/interface.html): PROGRAM prog arg ..., on its fd 3
 * login NUL password NUL timestamp NUL, CHECKPASSWORD_MAX octets at most. */
#ifndef SMTP_RECV_CHECKPASSWORD_H
#define SMTP_RECV_CHECKPASSWORD_H

enum {
	CHECKPASSWORD_FD = 3,
	CHECKPASSWORD_MAX = 512,
};

/* Exit status; 0 is prog's own, or "right" where auth-check has no prog. */
enum checkpassword_exit {
	CHECKPASSWORD_RIGHT = 0,
	CHECKPASSWORD_WRONG = 1,	/* a password or login that is not acceptable */
	CHECKPASSWORD_MISUSE = 2,	/* the caller's fault */
	CHECKPASSWORD_LATER = 111,	/* could not tell */
};

#endif
