/* smtp_tls_setup: who we are and for which listener we work.
 *
 * Installed set-group-id, the program takes its group's right to the keys only for
 * smtp-recv: anybody else could use the host's certificate for a server of his own. */
#include "smtp-recv/smtp_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/confine.h"
#include "lib/die.h"
#include "lib/passwd.h"
#include "lib/place.h"

static const char usage[] = "usage: smtp-tls [-D NAME=VALUE] [-f FILE] [-l LISTENER] [-n NAME] [-t SECONDS]"
    " [ADDRESS PORT]";

/* ---- identity ---- */

void
setup_take_identity(struct smtp_tls *s)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);	/* a key is no thing for a file */
	if (!s->is_set_id)
		return;
	prctl(PR_SET_DUMPABLE, 0);
	if (getuid() != 0 && !passwd_is_account("ppsmtp", getuid()))
		serve_fail("only smtp-recv may use the keys, as ppsmtp");
}

void
setup_drop_privileges(const struct smtp_tls *s)
{
	if (!s->is_set_id)
		return;
	if (setresgid(getgid(), getgid(), getgid()) == -1 || setresuid(getuid(), getuid(), getuid()) == -1)
		serve_fail("cannot give back the right to read keys: %s", strerror(errno));
	prctl(PR_SET_DUMPABLE, 0);	/* smtp-recv has the same uid, and is not to look into us */
}

/* Keys and random octets are read: what remains is to move octets between two
 * descriptors. */
void
setup_confine(void)
{
	tzset();	/* the log asks for the zone's file */
	if (!confine(0, NULL, 0))
		serve_fail("cannot give up what is not needed: %s", strerror(errno));
}

/* ---- the command line ---- */

static int
scan_seconds(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 1 || n > HANDSHAKE_SECONDS)
		die(EX_USAGE, "-t %s: seconds, at most %d, are needed", text, HANDSHAKE_SECONDS);
	return (int)n;
}

static void
add_macro(struct smtp_tls *s, char *text)
{
	const char *why;

	if (!conf_add_macro(s->macros, &s->nmacros, text, &why))
		die(EX_USAGE, "-D %s: %s", text, why);
}

void
setup_read_options(struct smtp_tls *s, int argc, char *argv[])
{
	int option;

	s->is_set_id = getauxval(AT_SECURE) != 0;
	s->conf_path = place_conf();
	s->handshake_seconds = HANDSHAKE_SECONDS;
	opterr = 0;
	while ((option = getopt(argc, argv, "D:f:l:n:t:")) != -1) {
		switch (option) {
		case 'D': add_macro(s, optarg); break;
		case 'f': s->conf_path = optarg; break;
		case 'l': s->listener_name = optarg; break;
		case 'n': s->name = optarg; break;
		case 't': s->handshake_seconds = scan_seconds(optarg); break;
		default: die(EX_USAGE, "%s", usage);
		}
	}
	if (optind + 2 == argc) {
		s->address = argv[optind];
		s->port = argv[optind + 1];
	} else if (optind != argc) {
		die(EX_USAGE, "%s", usage);
	}
	if (s->is_set_id) {	/* the configuration is the installed one */
		s->conf_path = place_conf();
		s->nmacros = 0;
		clearenv();
	}
}

static void
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		die_errno(EX_USAGE, "descriptor %d", fd);
}

void
setup_require_descriptors(void)
{
	if (fcntl(REPORT_FD, F_GETFD) == -1)
		die(EX_USAGE, "descriptor %d, for the report, is not open", REPORT_FD);
	set_nonblocking(PEER_FD);
	set_nonblocking(PLAIN_FD);
}

/* ---- the listener ---- */

struct place {
	char address[INET6_ADDRSTRLEN];
	uint16_t port;
};

static bool
find_own_address(struct place *p)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .v6 = { .sin6_family = AF_UNSPEC } };
	socklen_t len = sizeof a;
	const void *octets = &a.v4.sin_addr;
	int family = AF_INET;

	if (getsockname(PEER_FD, &a.any, &len) == -1)
		return false;
	if (a.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr)) {
		octets = &a.v6.sin6_addr.s6_addr[12];
	} else if (a.any.sa_family == AF_INET6) {
		octets = &a.v6.sin6_addr;
		family = AF_INET6;
	} else if (a.any.sa_family != AF_INET) {
		return false;
	}
	p->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return inet_ntop(family, octets, p->address, sizeof p->address) != NULL;
}

static bool
find_address(const struct smtp_tls *s, struct place *p)
{
	char *end;
	long n;

	if (s->address == NULL)
		return find_own_address(p);
	n = strtol(s->port, &end, 10);
	if (*s->port == '\0' || *end != '\0' || n < 1 || n > UINT16_MAX ||
	    strlen(s->address) >= sizeof p->address)
		return false;
	snprintf(p->address, sizeof p->address, "%s", s->address);
	p->port = (uint16_t)n;
	return true;
}

static const char *
first_error(const struct conf *c, struct conf_place *at)
{
	for (size_t i = 0; i < c->nmessages; i++)
		if (c->messages[i].is_error) {
			*at = c->messages[i].at;
			return c->messages[i].text;
		}
	return "it has errors";
}

static void
read_configuration(struct smtp_tls *s)
{
	struct conf_place at = { .file = s->conf_path, .line = 0 };
	const char *words;

	s->conf = conf_read(s->conf_path, s->macros, s->nmacros);
	if (s->conf == NULL)
		serve_fail("out of memory");
	if (s->conf->nerrors == 0)
		return;
	words = first_error(s->conf, &at);
	serve_fail("%s:%u: %s", at.file, at.line, words);
}

void
setup_find_listener(struct smtp_tls *s)
{
	struct place p;

	read_configuration(s);
	if (s->listener_name != NULL)
		s->listen = conf_find_listen_named(s->conf, s->listener_name);
	else if (find_address(s, &p))
		s->listen = conf_find_listen(s->conf, p.address, p.port);
	if (s->listen == NULL || (!s->listen->starttls && !s->listen->smtps))
		serve_fail("%s: there is no listener with TLS for this connection", s->conf_path);
}
