/* smtpd_child: one smtp-recv per connection, the limits on them, and the runner.
 *
 * Whatever a child dies of, it costs its own session. A connection beyond the
 * limits hears 421 and is closed. */
#include "smtp-recv/smtpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/spawn.h"

/* ---- limits ---- */

static struct client
client_of(const union socket_address *a)
{
	struct client c = { 0 };
	const unsigned char *octets = (const unsigned char *)&a->v4.sin_addr;
	size_t bits = NETWORK_BITS_V4;

	c.network[0] = 4;
	if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
		octets = &a->v6.sin6_addr.s6_addr[12];
	} else if (a->any.sa_family == AF_INET6) {
		c.network[0] = 6;
		octets = a->v6.sin6_addr.s6_addr;
		bits = NETWORK_BITS_V6;
	}
	memcpy(c.network + 1, octets, bits / 8);
	c.is_loopback =
	    c.network[0] == 4 ? octets[0] == 127 : IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
	return c;
}

/* Why the connection may not be served, or NULL. */
static const char *
refusal(const struct smtpd *s, const struct client *c)
{
	size_t same = 0;

	if (s->nclients == CLIENTS_MAX)
		return "too many connections, try again later";
	for (size_t i = 0; i < s->nclients; i++)
		same += memcmp(s->clients[i].network, c->network, sizeof c->network) == 0;
	if (!c->is_loopback && same >= CLIENTS_PER_NETWORK_MAX)
		return "too many connections from your network, try again later";
	return NULL;
}

/* ---- one connection ---- */

struct address_text {
	char ip[INET6_ADDRSTRLEN];
	unsigned port;
};

static struct address_text
text_of(const union socket_address *a)
{
	struct address_text t = { .ip = "" };

	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, t.ip, sizeof t.ip);
		t.port = ntohs(a->v4.sin_port);
	} else if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
		inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], t.ip, sizeof t.ip);
		t.port = ntohs(a->v6.sin6_port);
	} else {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, t.ip, sizeof t.ip);
		t.port = ntohs(a->v6.sin6_port);
	}
	return t;
}

static void
send_refusal(const struct smtpd *s, int fd, const char *why)
{
	char line[512];
	int n = snprintf(line, sizeof line, "421 4.7.0 %s %s\r\n", s->name, why);

	/* The socket's buffer is empty: it fits, or the peer is gone. */
	if (n > 0 && (size_t)n < sizeof line)
		send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

/* The environment of a session: ours, and what a UCSPI server says. Variables
 * of those names that were ours already are not passed on. */
enum { SESSION_VARIABLES = 5, VARIABLE_ROOM = 64 };

static bool
is_about_a_connection(const char *variable)
{
	static const char *const names[] = { "PROTO=", "TCP", "SSL", "RELAYCLIENT=", "REMOTE_",
		"LISTEN_" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static const char **
make_environment(char text[SESSION_VARIABLES][VARIABLE_ROOM], const struct address_text *local,
    const struct address_text *remote)
{
	const char **envp;
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	envp = calloc(n + SESSION_VARIABLES + 1, sizeof *envp);
	if (envp == NULL)
		return NULL;
	n = 0;
	for (char **e = environ; *e != NULL; e++)
		if (!is_about_a_connection(*e))
			envp[n++] = *e;
	snprintf(text[0], VARIABLE_ROOM, "PROTO=TCP");
	snprintf(text[1], VARIABLE_ROOM, "TCPLOCALIP=%s", local->ip);
	snprintf(text[2], VARIABLE_ROOM, "TCPLOCALPORT=%u", local->port);
	snprintf(text[3], VARIABLE_ROOM, "TCPREMOTEIP=%s", remote->ip);
	snprintf(text[4], VARIABLE_ROOM, "TCPREMOTEPORT=%u", remote->port);
	for (size_t i = 0; i < SESSION_VARIABLES; i++)
		envp[n++] = text[i];
	return envp;
}

/* In the child: never returns. Descriptors other than 0, 1 and 2 are close-on-exec. */
static _Noreturn void
become_door(const struct smtpd *s, int fd, const char *const *argv, const char *const *envp)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(fd, 0) == -1 || dup2(fd, 1) == -1 || setgroups(0, NULL) == -1 ||
	    setgid(s->door_gid) == -1 || setuid(s->door_uid) == -1)
		_exit(111);
	execve(s->smtp_recv, (char *const *)argv, (char *const *)envp);
	_exit(111);
}

static pid_t
start_session(const struct smtpd *s, int fd, const char *const *argv, const char *const *envp)
{
	pid_t pid;

	if (s->door_uid == 0)
		return spawn_program(s->smtp_recv, argv, envp, (int[]){ fd, fd }, 2);
	pid = fork();
	if (pid == 0)
		become_door(s, fd, argv, envp);
	return pid;
}

/* The options that every program gets which reads the configuration: -v, -D. Their texts
 * are made once; *n counts the words. */
static void
append_options(const struct smtpd *s, const char **argv, size_t *n, bool is_verbose)
{
	static char *macros[CONF_MACROS_MAX];

	if (is_verbose)
		argv[(*n)++] = "-v";
	for (size_t i = 0; i < s->nmacros; i++) {
		if (macros[i] == NULL && asprintf(&macros[i], "%s=%s", s->macros[i].name, s->macros[i].value) == -1) {
			macros[i] = NULL;	/* without it the program refuses the file, loudly */
			continue;
		}
		argv[(*n)++] = "-D";
		argv[(*n)++] = macros[i];
	}
}

static pid_t
start_smtp_recv(const struct smtpd *s, int fd, const struct listener *l,
    const struct address_text *remote)
{
	union socket_address a = { .room = { .ss_family = AF_UNSPEC } };
	socklen_t size = sizeof a;
	char text[SESSION_VARIABLES][VARIABLE_ROOM];
	const char *argv[6 + 2 * CONF_MACROS_MAX] = { "smtp-recv" };
	struct address_text local;
	const char **envp;
	size_t n = 1;
	pid_t pid;

	if (getsockname(fd, &a.any, &size) == -1)
		return -1;
	append_options(s, argv, &n, s->traces_sessions);
	if (*l->name != '\0') {
		argv[n++] = "-l";
		argv[n++] = l->name;
	}
	local = text_of(&a);
	envp = make_environment(text, &local, remote);
	if (envp == NULL)
		return -1;
	pid = start_session(s, fd, argv, envp);
	free(envp);
	return pid;
}

/* Who knocks too often does not fill the log: from a number of lines on they are counted. */
static void
log_refused(struct smtpd *s, const char *ip, const char *why)
{
	if (s->nrefused++ == 0)
		tain_addsec_g(&s->refused_due, 60);
	if (s->nrefused <= ACCEPT_REFUSALS_LOGGED_MAX)
		log_line("connection from %s refused: %s", ip, why);
}

void
child_tell_refusals(struct smtpd *s)
{
	if (s->nrefused > ACCEPT_REFUSALS_LOGGED_MAX)
		log_line("%zu more connections refused in the last minute", s->nrefused - ACCEPT_REFUSALS_LOGGED_MAX);
	s->nrefused = 0;
}

bool
child_accept(struct smtpd *s, const struct listener *l)
{
	union socket_address a = { .room = { .ss_family = AF_UNSPEC } };
	socklen_t size = sizeof a;
	struct address_text remote;
	struct client c;
	const char *why;
	int fd = accept4(l->fd, &a.any, &size, SOCK_CLOEXEC);

	if (fd == -1)
		return false;
	remote = text_of(&a);
	c = client_of(&a);
	why = refusal(s, &c);
	if (why == NULL) {
		c.pid = start_smtp_recv(s, fd, l, &remote);
		if (c.pid == -1) {
			log_line("cannot start %s: %s", s->smtp_recv, strerror(errno));
			why = "service not available, try again later";
		}
	}
	if (why == NULL) {
		s->clients[s->nclients++] = c;
		log_verbose("connection from %s: smtp-recv is process %ld", remote.ip, (long)c.pid);
	} else {
		log_refused(s, remote.ip, why);
		send_refusal(s, fd, why);
	}
	close(fd);
	return true;
}

/* ---- the runner ---- */

void
child_start_runner(struct smtpd *s)
{
	const char *argv[6 + 2 * CONF_MACROS_MAX] = { "queue-run", "-s", "-f", s->conf_path };
	size_t n = 4;
	pid_t pid;

	append_options(s, argv, &n, s->traces_deliveries);
	pid = spawn_program(s->queue_run, argv, (const char *const *)environ, (int[]){ SPAWN_NULL,
	    SPAWN_NULL }, 2);
	tain_now_g();
	s->runner_start = STAMP;
	if (pid != -1) {
		s->runner = pid;
		return;
	}
	log_line("cannot start %s: %s", s->queue_run, strerror(errno));
	tain_addsec_g(&s->runner_due, RESTART_SECONDS_MAX);
}

static void
note_runner_end(struct smtpd *s, int status)
{
	tain settled;

	s->runner = 0;
	if (s->is_stopping)
		return;
	tain_now_g();
	tain_addsec(&settled, &s->runner_start, RESTART_SECONDS_MAX);
	if (tain_less(&settled, &STAMP))
		s->runner_delay = 0;
	s->runner_delay = s->runner_delay == 0 ? 1 : s->runner_delay * 2;
	if (s->runner_delay > RESTART_SECONDS_MAX)
		s->runner_delay = RESTART_SECONDS_MAX;
	tain_addsec_g(&s->runner_due, (int)s->runner_delay);
	if (WIFSIGNALED(status))
		log_line("queue-run ended by signal %d; it is started again in %u s",
		    WTERMSIG(status), s->runner_delay);
	else if (WEXITSTATUS(status) == 0)
		log_line("queue-run ended (is another one at work?); it is started again in %u s",
		    s->runner_delay);
	else
		log_line("queue-run ended with exit code %d; it is started again in %u s",
		    WEXITSTATUS(status), s->runner_delay);
}

void
child_reap(struct smtpd *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->runner) {
			note_runner_end(s, status);
			continue;
		}
		for (size_t i = 0; i < s->nclients; i++) {
			if (s->clients[i].pid != pid)
				continue;
			s->clients[i] = s->clients[--s->nclients];
			if (WIFSIGNALED(status) && !s->is_stopping)
				log_line("smtp-recv, process %ld, ended by signal %d", (long)pid,
				    WTERMSIG(status));
			break;
		}
	}
}
