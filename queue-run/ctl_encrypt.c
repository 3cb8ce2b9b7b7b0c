/* ctl_encrypt: passwords made into hashes for tables. See ctl.h.
 *
 * A password on a command line can be read by every process of the host while
 * it runs; without one they are read from standard input. */
#include "queue-run/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/hash.h"
#include "lib/saslprep.h"

enum { LINE_ROOM = HASH_PASSWORD_MAX + 2 };

/* Prints the hash; dies where there can be none. */
static void
print_hash(const char *kind, const char *password)
{
	char prepared[SASLPREP_MAX + 1], hash[HASH_SIZE];

	if (!saslprep(prepared, sizeof prepared, SASLPREP_PASSWORD, password, strlen(password))) {
		if (errno == ENOMEM)
			die_errno(EX_OSERR, "password");
		die(EX_DATAERR, "this cannot be a password: it is empty, too long, not UTF-8, or has a control character");
	}
	if (!hash_password(hash, kind, 0, prepared)) {
		if (errno == EMSGSIZE)
			die(EX_DATAERR, "bcrypt takes no more than %d octets of a password; try -s yescrypt",
			    HASH_BCRYPT_PASSWORD_MAX);
		if (errno == EINVAL)
			die(EX_USAGE, "%s: that is no kind of hash; bcrypt, yescrypt, sha512 and sha256 are", kind);
		die_errno(EX_OSERR, "hash");
	}
	explicit_bzero(prepared, sizeof prepared);
	puts(hash);
	if (fflush(stdout) == EOF)
		die_errno(EX_IOERR, "standard output");
}

/* On a terminal nothing is shown of what is typed. */
static void
set_echo(bool is_on)
{
	struct termios t;

	if (tcgetattr(0, &t) == -1)
		return;
	if (is_on)
		t.c_lflag |= (tcflag_t)ECHO;
	else
		t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(0, TCSAFLUSH, &t);
}

/* Whoever interrupts it gets a terminal that works. */
static void
stop(int signal_number)
{
	set_echo(true);
	_exit(128 + signal_number);
}

static void
hide_typing(void)
{
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	set_echo(false);
}

static void
hash_lines(const char *kind)
{
	char line[LINE_ROOM];

	setvbuf(stdin, NULL, _IONBF, 0);	/* no copy is left in a buffer of stdio */
	while (fgets(line, sizeof line, stdin) != NULL) {
		size_t len = strcspn(line, "\n");

		if (line[len] == '\0' && len == sizeof line - 1)
			die(EX_DATAERR, "a password has at most %d octets", HASH_PASSWORD_MAX);
		line[len] = '\0';
		print_hash(kind, line);
		explicit_bzero(line, sizeof line);
	}
	if (ferror(stdin))
		die_errno(EX_NOINPUT, "standard input");
}

int
ctl_encrypt(struct ctl *c, const char *const *args)
{
	const char *kind = NULL;
	bool is_terminal = isatty(0);

	(void)c;
	if (args[0] != NULL && strcmp(args[0], "-s") == 0 && args[1] != NULL) {
		kind = args[1];
		args += 2;
	}
	if (args[0] != NULL && args[1] != NULL)
		ctl_usage("encrypt [-s bcrypt | yescrypt | sha512 | sha256] [PASSWORD]");
	if (args[0] != NULL) {
		print_hash(kind, args[0]);
		return 0;
	}
	if (is_terminal)
		hide_typing();
	hash_lines(kind);
	if (is_terminal)
		set_echo(true);
	return 0;
}
