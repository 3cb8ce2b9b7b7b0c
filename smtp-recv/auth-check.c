/* auth-check: says whether a login and its password are right, or gives out the
 * credentials of this host for a relay.
 *
 * Nothing that listens to the network sees what it compares with. It is the only
 * program that may: set-user-id, it works for smtp-recv, for deliver-remote and
 * for root. Whatever goes wrong is exit 111, "could not tell"; only a comparison
 * that was made says 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "lib/confine.h"
#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"
#include "lib/saslprep.h"
#include "lib/spawn.h"
#include "smtp-recv/auth_caller.h"
#include "smtp-recv/auth_check.h"
#include "smtp-recv/auth_input.h"
#include "smtp-recv/auth_login.h"
#include "smtp-recv/auth_program.h"
#include "smtp-recv/auth_relay.h"

enum { FILES_MAX = 256, CPU_SECONDS = 30 };

static const char usage[] =
    "usage: auth-check [-D NAME=VALUE] [-f FILE] -s | -t TABLE [-u USERBASE] [prog arg ...] 3< LOGIN | "
    "auth-check [-D NAME=VALUE] [-f FILE] -r TABLE LABEL";

/* ---- the command line ---- */

static void
add_macro(struct auth_check *a, char *text)
{
	char *equals = strrchr(text, '=');

	if (equals == NULL || equals == text)
		die(CHECKPASSWORD_MISUSE, "-D %s: NAME=VALUE is needed", text);
	if (a->nmacros == AUTH_MACROS_MAX)
		die(CHECKPASSWORD_MISUSE, "-D: at most %d macros", AUTH_MACROS_MAX);
	*equals = '\0';
	a->macros[a->nmacros++] = (struct conf_macro){ .name = text, .value = equals + 1 };
}

/* What the caller may not decide, run set-id, is passed over. */
static void
read_options(struct auth_check *a, const struct auth_caller *c, int argc, char *argv[])
{
	int option;

	a->conf_path = place_conf();
	opterr = 0;
	while ((option = getopt(argc, argv, "+D:f:rst:u:")) != -1) {
		switch (option) {
		case 'D':
			if (!c->is_set_id)
				add_macro(a, optarg);
			break;
		case 'f':
			if (!c->is_set_id)
				a->conf_path = optarg;
			break;
		case 'r': a->is_relay = true; break;
		case 's': a->is_system = true; break;
		case 't': a->table = optarg; break;
		case 'u': a->userbase = optarg; break;
		default: die(CHECKPASSWORD_MISUSE, "%s", usage);
		}
	}
	argv += optind;
	argc -= optind;
	if (a->is_relay ? a->is_system || a->table != NULL || argc != 2 : a->is_system == (a->table != NULL))
		die(CHECKPASSWORD_MISUSE, "%s", usage);
	if (a->is_relay) {
		a->table = argv[0];
		a->label = argv[1];
	} else if (argc > 0) {
		a->prog = argv;
	}
}

/* ---- what holds secrets ---- */

/* No core, no debugger, no work without end. */
static void
guard_secrets(void)
{
	const struct rlimit no_core = { 0, 0 };
	const struct rlimit files = { FILES_MAX, FILES_MAX };
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || setrlimit(RLIMIT_CORE, &no_core) == -1)
		die_errno(CHECKPASSWORD_LATER, "cannot forbid a core dump");
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CPU, &cpu);
	signal(SIGALRM, SIG_DFL);
	alarm(AUTH_SECONDS);
}

static _Noreturn void
end(enum checkpassword_exit result, const char *words)
{
	bool is_trouble = result == CHECKPASSWORD_LATER || result == CHECKPASSWORD_MISUSE;

	if (is_trouble)
		log_line("%s", words);
	if (is_trouble && isatty(2))
		complain("%s", words);
	_exit((int)result);
}

/* Where no program has to be started any more, that is set-id itself. */
static bool
give_up_the_rest(const struct auth_check *a, char *words)
{
	const struct conf_table *t = a->is_system ? NULL : conf_find_table(a->conf, a->table);

	if (t == NULL || (t->kind != TABLE_INLINE && t->kind != TABLE_FILE && t->kind != TABLE_DB))
		return true;
	if (confine(CONFINE_FILES, NULL, 0))
		return true;
	snprintf(words, AUTH_WORDS_MAX, "cannot give up what is not needed: %s", strerror(errno));
	return false;
}

/* Reads fd 3 and compares. account, if not NULL, receives who it is. */
static enum checkpassword_exit
check(struct auth_check *a, struct auth_account *account, char *words)
{
	struct auth_input in;
	char login[SASLPREP_MAX + 1];
	enum checkpassword_exit result = CHECKPASSWORD_LATER;

	if (!auth_input_read(&in, CHECKPASSWORD_FD)) {
		snprintf(words, AUTH_WORDS_MAX, "fd %d: %s", CHECKPASSWORD_FD, errno == EPROTO ?
		    "login NUL password NUL is not there" : strerror(errno));
		return CHECKPASSWORD_MISUSE;
	}
	snprintf(login, sizeof login, "%s", in.login);
	if (a->is_system || auth_check_read_conf(a, words)) {
		if (account != NULL || give_up_the_rest(a, words))
			result = auth_login_check(a, login, sizeof login, in.password, words);
	}
	auth_input_wipe(&in);
	if (result == CHECKPASSWORD_RIGHT && account != NULL)
		result = auth_account_find(a, login, account, words);
	return result;
}

static void
take_identity(const struct auth_caller *c)
{
	if (!auth_caller_become_owner(c))
		die_errno(CHECKPASSWORD_LATER, "cannot take the identity of the installed file");
	guard_secrets();
}

/* ---- with a program ---- */

/* The child, which sees the secrets. fd receives the account, if root wants to know it. */
static _Noreturn void
check_for_parent(struct auth_check *a, const struct auth_caller *c, int fd)
{
	static struct auth_account account;
	static char words[AUTH_WORDS_MAX];
	bool is_wanted = c->uid == 0;
	enum checkpassword_exit result;

	take_identity(c);
	result = check(a, is_wanted ? &account : NULL, words);
	if (result == CHECKPASSWORD_RIGHT && is_wanted &&
	    allwrite(fd, (const char *)&account, sizeof account) != sizeof account)
		result = CHECKPASSWORD_LATER;
	end(result, words);
}

/* Waits for the child and becomes who it says. */
static void
wait_for_child(const struct auth_caller *c, pid_t pid, int fd)
{
	static struct auth_account account;
	static char words[AUTH_WORDS_MAX];
	size_t n = c->uid == 0 ? allread(fd, (char *)&account, sizeof account) : 0;
	int status;

	close(fd);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			die_errno(CHECKPASSWORD_LATER, "waitpid");
	if (!WIFEXITED(status))
		end(CHECKPASSWORD_LATER, WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ?
		    "it took too long" : "the check was killed by a signal");
	if (WEXITSTATUS(status) != CHECKPASSWORD_RIGHT)
		_exit(WEXITSTATUS(status));
	if (c->uid == 0 && n != sizeof account)
		end(CHECKPASSWORD_LATER, "the check has not said who it is");
	if (c->uid == 0 && !auth_account_become(&account, words))
		end(CHECKPASSWORD_LATER, words);
}

/* This process never sees a password, nor has it other rights than its caller's. */
static _Noreturn void
run_program(struct auth_check *a, const struct auth_caller *c)
{
	int p[2];
	pid_t pid;

	if (!spawn_pipe(p) || (pid = fork()) == -1)
		die_errno(CHECKPASSWORD_LATER, "cannot start the check");
	if (pid == 0) {
		close(p[0]);
		check_for_parent(a, c, p[1]);
	}
	close(p[1]);
	close(CHECKPASSWORD_FD);
	if (!auth_caller_become_caller(c))
		die_errno(CHECKPASSWORD_LATER, "cannot give up the identity of the installed file");
	wait_for_child(c, pid, p[0]);
	execvp(a->prog[0], a->prog);
	die_errno(CHECKPASSWORD_LATER, "%s", a->prog[0]);
}

/* ---- */

/* One that is closed would be reused by the next open(). */
static void
require_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1)
			_exit(CHECKPASSWORD_LATER);
	signal(SIGPIPE, SIG_IGN);	/* a write that fails says why */
	signal(SIGCHLD, SIG_DFL);
}

static void
require_permission(const struct auth_check *a, const struct auth_caller *c)
{
	if (!auth_caller_may(c, a->is_relay))
		die(CHECKPASSWORD_MISUSE, a->is_relay ? "relay secrets are for ppremote, ppqueue and root" :
		    "passwords are checked for ppsmtp and root");
	if (!a->is_relay && fcntl(CHECKPASSWORD_FD, F_GETFD) == -1)
		die(CHECKPASSWORD_MISUSE, "fd %d is closed: login NUL password NUL is read from there",
		    CHECKPASSWORD_FD);
}

int
main(int argc, char *argv[])
{
	static struct auth_check a;
	static char words[AUTH_WORDS_MAX];
	struct auth_caller caller;

	PROG = "auth-check";
	require_descriptors();
	auth_caller_note(&caller);
	read_options(&a, &caller, argc, argv);
	require_permission(&a, &caller);
	log_open(PROG);
	if (a.prog != NULL)
		run_program(&a, &caller);
	take_identity(&caller);
	if (a.is_relay)
		return auth_relay_answer(&a, 1) ? CHECKPASSWORD_RIGHT : CHECKPASSWORD_LATER;
	end(check(&a, NULL, words), words);
}
