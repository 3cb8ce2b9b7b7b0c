/* setup: see setup.h.
 *
 * A configuration that does not parse costs a 421 at the door, never a message
 * and never a guess at what was meant. */
#include "smtp-recv/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"
#include "smtp-recv/session.h"

enum { GREETING_WAIT_MAX = 60000 };

static const char usage[] =
    "usage: smtp-recv [-abevx] [-D NAME=VALUE] [-f FILE] [-l LISTENER] [-w MILLISECONDS]";

/* ---- the command line ---- */

static void
add_macro(struct session *s, char *text)
{
	const char *why;

	if (s->macros == NULL && (s->macros = calloc(CONF_MACROS_MAX, sizeof s->macros[0])) == NULL)
		die_errno(EX_OSERR, "macros");
	if (!conf_add_macro(s->macros, &s->nmacros, text, &why))
		die(EX_USAGE, "-D %s: %s", text, why);
}

static int
scan_milliseconds(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 0 || n > GREETING_WAIT_MAX)
		die(EX_USAGE, "-w %s: milliseconds, at most %d, are needed", text, GREETING_WAIT_MAX);
	return (int)n;
}

void
setup_read_options(struct session *s, int argc, char *argv[])
{
	int option;

	s->conf_path = place_conf();
	log_set_verbose(place_has_flag("verbose"));
	opterr = 0;
	while ((option = getopt(argc, argv, "abD:ef:l:vw:x")) != -1) {
		switch (option) {
		case 'a': s->allows_bare = true; break;
		case 'b': s->is_local = true; break;
		case 'D': add_macro(s, optarg); break;
		case 'e': s->trusts_environment = true; break;
		case 'f': s->conf_path = optarg; break;
		case 'l': s->listener_name = optarg; break;
		case 'v': log_set_verbose(true); break;
		case 'w': s->greeting_wait_ms = scan_milliseconds(optarg); break;
		case 'x': s->allows_long_lines = true; break;
		default: die(EX_USAGE, "%s", usage);
		}
	}
	if (optind != argc)
		die(EX_USAGE, "%s", usage);
	if (s->is_local)
		log_spare_terminal();	/* sendmail -bs */
}

bool
setup_find_peer(struct session *s)
{
	const char *why = "";

	if (!peer_find(&s->peer, s->is_local, s->trusts_environment, &why)) {
		log_line("smtp no session: %s", why);
		return false;
	}
	s->in.fd = s->peer.in;
	return true;
}

/* ---- the configuration ---- */

/* Where there is no listen line: no TLS, no AUTH, DSN offered. */
static const struct conf_listen no_listen = {
	.at = { .file = "", .line = 0 }, .on = "", .auth_program = "", .pki = "", .ca = "", .tag = "",
	.hostname = "",
};

static bool
refuse_service(struct session *s)
{
	char name[sizeof s->name];

	session_note_command(s, "connection", "", 0);
	session_refuse(s, "", 421, "4.3.5 %s service not available", conf_server_name(name, sizeof name));
	session_flush(s);
	return false;
}

static void
log_errors(const struct conf *c)
{
	size_t logged = 0;

	for (size_t i = 0; i < c->nmessages && logged < LOGGED_ERRORS_MAX; i++) {
		const struct conf_message *m = &c->messages[i];

		if (!m->is_error)
			continue;
		log_line("%s:%u: %s", m->at.file, m->at.line, m->text);
		logged++;
	}
	if (c->nerrors > logged)
		log_line("%s: %zu more errors, see smtpd -n", c->path, c->nerrors - logged);
}

static bool
read_configuration(struct session *s)
{
	s->conf = conf_read(s->conf_path, s->macros, s->nmacros);
	if (s->conf == NULL || s->conf->nerrors > 0 || (s->tables = table_set_new(s->conf)) == NULL) {
		if (s->conf != NULL && s->conf->nerrors > 0)
			log_errors(s->conf);
		else
			log_line("%s: out of memory", s->conf_path);
		return refuse_service(s);
	}
	return true;
}

static bool
find_listener(struct session *s)
{
	const struct peer *p = &s->peer;

	if (s->listener_name != NULL)
		s->listen = conf_find_listen_named(s->conf, s->listener_name);
	else if (p->local_port != 0)
		s->listen = conf_find_listen(s->conf, p->local_address, p->local_port);
	if (s->listen != NULL)
		return true;
	if (s->listener_name != NULL) {
		log_line("%s: no listener is called %s (option -l)", s->conf_path, s->listener_name);
		return refuse_service(s);
	}
	if (!p->is_local)
		log_line("%s: no listen line for %s port %u, defaults are used", s->conf_path,
		    *p->local_address == '\0' ? "an unknown address" : p->local_address,
		    (unsigned)p->local_port);
	s->listen = &no_listen;
	return true;
}

/* The listener's name: by local address, its own, or the server's. */
static bool
find_name(struct session *s)
{
	const char *key = s->peer.local_address;
	stralloc value = STRALLOC_ZERO, why = STRALLOC_ZERO;
	enum lookup found = LOOKUP_ABSENT;

	if (s->listen->hostnames != NULL && *key != '\0')
		found = table_lookup(s->tables, s->listen->hostnames, SERVICE_ADDRNAME, &key, 1, &value,
		    NULL, &why);
	if (found == LOOKUP_LATER || found == LOOKUP_BROKEN) {
		log_line("hostnames of %s:%u: %.*s", s->listen->at.file, s->listen->at.line, (int)why.len,
		    why.s);
		return refuse_service(s);
	}
	if (found == LOOKUP_FOUND && value.len > 0)
		snprintf(s->name, sizeof s->name, "%.*s", (int)value.len, value.s);
	else if (*s->listen->hostname != '\0')
		snprintf(s->name, sizeof s->name, "%s", s->listen->hostname);
	else
		conf_server_name(s->name, sizeof s->name);
	table_set_end_recipient(s->tables);	/* the first recipient may be a long way off */
	stralloc_free(&value);
	stralloc_free(&why);
	return true;
}

/* The operator may close the door for a while; whoever is inside keeps a door of his own. */
static bool
is_open(struct session *s)
{
	if (s->peer.is_local || !place_has_flag("pause-smtp"))
		return true;
	session_note_command(s, "connection", "", 0);
	session_refuse(s, "paused (smtpctl pause smtp)", 421, "4.3.2 %s is closed for a while, try again later", s->name);
	session_flush(s);
	return false;
}

bool
setup_configure(struct session *s)
{
	return read_configuration(s) && find_listener(s) && find_name(s) && is_open(s);
}
