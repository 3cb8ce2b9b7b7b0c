/* smtpd_check: what is wrong with a configuration, and with the things it names.
 *
 * The messages of the parser always; with -n also tables, keys, programs and
 * names are looked at. An error is what would stop mail or lose it; what is
 * only doubtful is a warning. Nothing is changed. */
#include "smtp-recv/smtpd_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <skalibs/stralloc.h>

#include "lib/die.h"
#include "lib/helper.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "lib/spawn.h"
#include "lib/table_proc.h"

/* file:line: [warning: ]text, on standard error. */
static void
print_line(const struct conf_place *at, enum severity severity, const char *text)
{
	static const char *const words[] = { "", "warning: ", "note: " };
	stralloc line = STRALLOC_ZERO, shown = STRALLOC_ZERO;
	char number[24] = "";

	if (at->line > 0)
		snprintf(number, sizeof number, ":%u", at->line);
	if (stralloc_cats(&line, at->file) && stralloc_cats(&line, number) &&
	    stralloc_cats(&line, ": ") && stralloc_cats(&line, words[severity]) &&
	    stralloc_cats(&line, text) && printable_append(&shown, line.s, line.len))
		dprintf(2, "%.*s\n", (int)shown.len, shown.s);
	stralloc_free(&line);
	stralloc_free(&shown);
}

void
check_report(struct check *k, const struct conf_place *at, enum severity severity, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	k->nerrors += severity == SAY_ERROR;
	print_line(at, severity, text);
}

enum severity
check_severity_of(int error)
{
	return error == EACCES && geteuid() != 0 ? SAY_WARNING : SAY_ERROR;
}

/* ---- tables ---- */

/* Whether a file has a line that begins with the word. */
static bool
has_line(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	bool is_found = false;
	char line[256];

	if (f == NULL)
		return false;
	while (!is_found && fgets(line, sizeof line, f) != NULL)
		is_found = strncmp(line, word, strlen(word)) == 0;
	fclose(f);
	return is_found;
}

/* The configuration of table-sqlite may only have another name: look beside it. */
static void
report_missing_sqlite(struct check *k, const struct conf_table *t, int error)
{
	char directory[1024], beside[1400];
	const struct dirent *e;
	const char *slash = strrchr(t->path, '/');
	DIR *d;

	check_report(k, &t->at, check_severity_of(error), "table %s: cannot read %s: %s", t->name, t->path,
	    strerror(error));
	if (error != ENOENT || slash - t->path >= (ptrdiff_t)sizeof directory)
		return;
	snprintf(directory, sizeof directory, "%.*s", (int)(slash - t->path + 1), t->path);
	d = opendir(directory);
	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		snprintf(beside, sizeof beside, "%s%s", directory, e->d_name);
		if (len > 5 && strcmp(e->d_name + len - 5, ".conf") == 0 &&
		    has_line(beside, "dbpath"))
			check_report(k, &t->at, SAY_WARNING, "table %s: did you mean sqlite:%s?", t->name,
			    beside);
	}
	if (d != NULL)
		closedir(d);
}

/* Whether an entry is a pair, of the first one: it decides for the table. */
struct shape {
	bool has_entry, is_mapping;
};

static bool
note_shape(void *arg, const char *key, const char *value)
{
	struct shape *s = arg;

	(void)key;
	s->has_entry = true;
	s->is_mapping = value != NULL;
	return false;
}

static const char *
how_to_make(const struct conf_table *t)
{
	if (t->kind != TABLE_DB)
		return "";
	return strcmp(t->name, "aliases") == 0 ? "; run newaliases" : "; run makemap";
}

static void
check_file(struct check *k, const struct conf_table *t)
{
	stralloc why = STRALLOC_ZERO;
	struct shape shape = { false, false };
	int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), e = errno;
	enum lookup l;

	if (fd == -1) {
		check_report(k, &t->at, check_severity_of(e), "table %s: cannot read %s: %s%s", t->name,
		    t->path, strerror(e), e == ENOENT ? how_to_make(t) : "");
		return;
	}
	close(fd);
	l = table_each(k->tables, t, note_shape, &shape, &why);
	if (l == LOOKUP_LATER || l == LOOKUP_BROKEN)
		check_report(k, &t->at, SAY_ERROR, "table %s: %.*s", t->name, (int)why.len, why.s);
	stralloc_free(&why);
}

static void
check_helper(struct check *k, const struct conf_table *t)
{
	char program[4096];

	if (t->kind == TABLE_EXEC) {
		if (access(t->path, X_OK) == -1)
			check_report(k, &t->at, SAY_ERROR, "table %s: cannot run %s: %s", t->name,
			    t->path, strerror(errno));
		return;
	}
	if (!table_proc_find_program(program, sizeof program, t->type))
		check_report(k, &t->at, SAY_ERROR,
		    "table %s: backend \"%s\" does not exist: there is no program table-%s; put it where table(5) "
		    "says, or use file:, db:, sqlite: or exec:",
		    t->name, t->type, t->type);
}

/* sqlite-lookup knows what a table configuration of its may say, and prints
 * what is wrong with it. Tables may share one: it is asked once. */
static void
check_sqlite(struct check *k, const struct conf_table *t)
{
	const char *const argv[] = { "sqlite-lookup", "-n", t->path, NULL };
	char program[4096];
	tain deadline;
	pid_t pid;
	int status;

	for (const struct conf_table *other = k->c->tables; other < t; other++)
		if (other->kind == TABLE_SQLITE && strcmp(other->path, t->path) == 0)
			return;
	if (!place_program(program, sizeof program, argv[0]) || access(program, X_OK) == -1) {
		check_report(k, &t->at, SAY_ERROR,
		    "table %s: sqlite tables are not available: there is no %s", t->name, program);
		return;
	}
	pid = spawn_program(program, argv, (const char *const *)environ, (int[]){ SPAWN_NULL,
	    SPAWN_NULL }, 2);
	tain_now_set_stopwatch_g();
	tain_addsec_g(&deadline, HELPER_SECONDS);
	if (pid == -1 || !spawn_wait(pid, &status, &deadline))
		check_report(k, &t->at, SAY_ERROR, "table %s: cannot run %s: %s", t->name, program,
		    strerror(errno));
	else if (status != 0)
		check_report(k, &t->at, SAY_ERROR, "table %s cannot be used, see above", t->name);
}

static void
check_tables(struct check *k)
{
	for (size_t i = 0; i < k->c->ntables; i++) {
		const struct conf_table *t = &k->c->tables[i];

		if (t->path == NULL || *t->path == '\0')
			continue;
		if (t->kind == TABLE_FILE || t->kind == TABLE_DB)
			check_file(k, t);
		else if (t->kind == TABLE_SQLITE && access(t->path, R_OK) == -1)
			report_missing_sqlite(k, t, errno);
		else if (t->kind == TABLE_SQLITE)
			check_sqlite(k, t);
		else if (t->kind == TABLE_EXEC || t->kind == TABLE_PROC)
			check_helper(k, t);
	}
}

/* A text file is a list or a mapping by its first entry. */
static void
check_shape(struct check *k, const struct conf_place *at, const struct conf_table *t,
    enum service service, const char *clause)
{
	bool needs_mapping = service == SERVICE_ALIAS || service == SERVICE_USERINFO ||
	    service == SERVICE_CREDENTIALS || service == SERVICE_ADDRNAME ||
	    service == SERVICE_MAILADDRMAP;
	struct shape shape = { false, needs_mapping };
	stralloc why = STRALLOC_ZERO;

	table_each(k->tables, t, note_shape, &shape, &why);
	if (shape.has_entry && shape.is_mapping != needs_mapping)
		check_report(k, at, SAY_ERROR, "%s <%s>: %s is a %s, but a %s is needed", clause, t->name,
		    t->path, shape.is_mapping ? "mapping (key value)" : "list (key only)",
		    needs_mapping ? "mapping" : "list");
	stralloc_free(&why);
}

/* A table that a program answers is asked once, as mail would ask it. */
static void
check_use(struct check *k, const struct conf_place *at, const struct conf_table *t,
    enum service service, const char *clause)
{
	static const char *const keys[] = { "postmaster" };
	stralloc value = STRALLOC_ZERO, why = STRALLOC_ZERO;
	enum lookup l;

	if (t != NULL && t->kind == TABLE_FILE && service != SERVICE_NETADDR &&
	    service != SERVICE_SOURCE)	/* IPv6 addresses look like pairs */
		check_shape(k, at, t, service, clause);
	if (t == NULL ||
	    (t->kind != TABLE_SQLITE && t->kind != TABLE_EXEC && t->kind != TABLE_PROC) ||
	    access(t->path, R_OK) == -1)
		return;
	if (service == SERVICE_CREDENTIALS && geteuid() != 0)
		return;		/* installed, the program shows them to those who need them only */
	l = table_lookup(k->tables, t, service, keys, 1, &value, NULL, &why);
	if (l == LOOKUP_LATER || l == LOOKUP_BROKEN)
		check_report(k, at, l == LOOKUP_BROKEN ? SAY_ERROR : SAY_WARNING, "%s <%s>: %.*s", clause,
		    t->name, (int)why.len, why.s);
	stralloc_free(&value);
	stralloc_free(&why);
}

static void
check_uses(struct check *k)
{
	for (size_t i = 0; i < k->c->nrules; i++) {
		const struct conf_rule *r = &k->c->rules[i];

		check_use(k, &r->at, r->from_source, SERVICE_NETADDR, "from source");
		check_use(k, &r->at, r->for_domain, SERVICE_DOMAIN, "for domain");
		check_use(k, &r->at, r->sender, SERVICE_MAILADDR, "sender");
		check_use(k, &r->at, r->recipient, SERVICE_MAILADDR, "recipient");
		check_use(k, &r->at, r->alias, SERVICE_ALIAS, "alias");
		check_use(k, &r->at, r->virtual, SERVICE_ALIAS, "virtual");
		check_use(k, &r->at, r->userbase, SERVICE_USERINFO, "userbase");
		check_use(k, &r->at, r->relay.auth, SERVICE_CREDENTIALS, "auth");
	}
	for (size_t i = 0; i < k->c->nlistens; i++) {
		const struct conf_listen *l = &k->c->listens[i];

		check_use(k, &l->at, l->auth_table, SERVICE_CREDENTIALS, "auth");
		check_use(k, &l->at, l->senders, SERVICE_MAILADDRMAP, "senders");
		check_use(k, &l->at, l->hostnames, SERVICE_ADDRNAME, "hostnames");
	}
}

/* `auth` without a table means system accounts, which is seldom meant where
 * a table of credentials lies ready. */
static void
check_auth_tables(struct check *k)
{
	const struct conf_table *credentials = NULL;

	for (size_t i = 0; i < k->c->ntables; i++) {
		const struct conf_table *t = &k->c->tables[i];

		if (t->kind == TABLE_SQLITE && has_line(t->path, "query_credentials") &&
		    (credentials == NULL || strstr(t->name, "user") != NULL))
			credentials = t;
	}
	for (size_t i = 0; i < k->c->nlistens && credentials != NULL; i++)
		if (k->c->listens[i].auth_table != NULL)
			credentials = NULL;
	for (size_t i = 0; i < k->c->nlistens && credentials != NULL; i++)
		if (k->c->listens[i].auth != AUTH_NONE && *k->c->listens[i].auth_program == '\0')
			check_report(k, &k->c->listens[i].at, SAY_WARNING,
			    "auth without a table asks the accounts of this system, though "
			    "%s has query_credentials; did you mean auth <%s>?",
			    credentials->path, credentials->name);
}

/* ---- programs ---- */

static void
need_program(struct check *k, const struct conf_place *at, const char *name, const char *what)
{
	char path[4096];

	if (!place_program(path, sizeof path, name) || access(path, X_OK) == -1)
		check_report(k, at, SAY_WARNING, "%s is not available: there is no %s", what, path);
}

/* The program of a command, where it is named by its path. */
static void
check_command(struct check *k, const struct conf_rule *r)
{
	const char *command = r->action_text + strspn(r->action_text, " \t");
	char program[4096];

	snprintf(program, sizeof program, "%.*s", (int)strcspn(command, " \t;|&<>"), command);
	if (program[0] == '/' && strpbrk(program, "\"'$%\\*?") == NULL &&
	    access(program, X_OK) == -1)
		check_report(k, &r->at, SAY_WARNING, "mda: cannot run %s: %s", program, strerror(errno));
}

static void
check_programs(struct check *k)
{
	const struct conf_place whole = { k->c->path, 0 };
	const struct conf_rule *relay = NULL, *local = NULL;

	for (size_t i = 0; i < k->c->nrules; i++) {
		const struct conf_rule *r = &k->c->rules[i];

		if (r->action == ACTION_RELAY && relay == NULL)
			relay = r;
		if (r->action != ACTION_RELAY && !r->is_reject && local == NULL)
			local = r;
		if (r->action == ACTION_MDA)
			check_command(k, r);
	}
	if (relay != NULL)
		need_program(k, &relay->at, "deliver-remote", "relaying");
	if (local != NULL)
		need_program(k, &local->at, "deliver-local", "local delivery");
	need_program(k, &whole, "queue-run", "the queue");
	for (size_t i = 0; i < k->c->nlistens; i++) {
		const struct conf_listen *l = &k->c->listens[i];

		need_program(k, &l->at, "smtp-recv", "receiving mail");
		if (l->starttls || l->smtps)
			need_program(k, &l->at, "smtp-tls", "TLS");
		if (l->auth != AUTH_NONE && *l->auth_program == '\0')
			need_program(k, &l->at, "auth-check", "AUTH");
		if (*l->auth_program != '\0' && access(l->auth_program, X_OK) == -1)
			check_report(k, &l->at, SAY_ERROR, "auth exec: cannot run %s: %s",
			    l->auth_program, strerror(errno));
	}
}

/* ---- names ---- */

static void
check_names(struct check *k)
{
	const struct conf_place whole = { k->c->path, 0 };
	char name[256];

	conf_server_name(name, sizeof name);
	if (strchr(name, '.') == NULL)
		check_report(k, &whole, SAY_WARNING,
		    "the server's name is \"%s\", without a "
		    "domain; write the whole name into /etc/mailname",
		    name);
	for (size_t i = 0; i < k->c->nlistens; i++)
		if (*k->c->listens[i].hostname != '\0' &&
		    strchr(k->c->listens[i].hostname, '.') == NULL)
			check_report(k, &k->c->listens[i].at, SAY_WARNING,
			    "hostname \"%s\" has no domain", k->c->listens[i].hostname);
}

/* Nothing is delivered as uid 0: root's mail needs an alias. */
static void
check_root(struct check *k)
{
	static const char *const keys[] = { "root" };

	for (size_t i = 0; i < k->c->nrules; i++) {
		const struct conf_rule *r = &k->c->rules[i];
		stralloc value = STRALLOC_ZERO, why = STRALLOC_ZERO;
		enum lookup l = LOOKUP_ABSENT;

		if (r->is_reject || r->virtual != NULL || r->userbase == NULL ||
		    r->userbase->kind != TABLE_SYSTEM)
			continue;
		if (r->alias != NULL)
			l = table_lookup(k->tables, r->alias, SERVICE_ALIAS, keys, 1, &value, NULL,
			    &why);
		stralloc_free(&value);
		stralloc_free(&why);
		if (l == LOOKUP_ABSENT)
			check_report(k, &r->at, SAY_WARNING,
			    "mail for root would end at uid 0, as "
			    "which nothing is delivered; it would be "
			    "kept in %s: add an alias \"root: YOU\"",
			    "/var/spool/pipepost-alias");
		if (l == LOOKUP_ABSENT)
			return;	/* once is enough */
	}
}

/* ---- all of it ---- */

static enum severity
severity_of_message(const struct conf_message *m)
{
	if (m->is_error)
		return SAY_ERROR;
	return m->is_note ? SAY_NOTE : SAY_WARNING;
}

static void
print_messages(const struct conf *c, bool is_verbose)
{
	for (size_t i = 0; i < c->nmessages; i++) {
		const struct conf_message *m = &c->messages[i];

		if (!m->is_note || is_verbose)
			print_line(&m->at, severity_of_message(m), m->text);
	}
}

/* What a rule means where it says nothing. */
static void
explain_rules(struct check *k)
{
	for (size_t i = 0; i < k->c->nrules; i++) {
		const struct conf_rule *r = &k->c->rules[i];

		if (strstr(r->text, " from ") == NULL)
			check_report(k, &r->at, SAY_NOTE,
			    "no \"from\": only local clients and authenticated users are meant");
		if (strstr(r->text, " for ") == NULL)
			check_report(k, &r->at, SAY_NOTE,
			    "no \"for\": only this host's own names are meant");
		if (r->action == ACTION_NONE && !r->is_reject)
			check_report(k, &r->at, SAY_NOTE,
			    "no action: only aliases and .forward files deliver");
	}
}

static void
check_things(struct check *k)
{
	check_tables(k);
	if (k->nerrors > 0)
		return;	/* what uses them would only say it again */
	check_uses(k);
	check_auth_tables(k);
	check_credentials(k);
	check_keys(k);
	check_programs(k);
	check_names(k);
	check_root(k);
	if (k->is_verbose)
		explain_rules(k);
}

size_t
check_print(const struct smtpd *s)
{
	struct check k = { .c = s->conf, .nerrors = s->conf->nerrors, .is_verbose = s->is_verbose };

	print_messages(s->conf, s->is_verbose && s->is_check);
	if (!s->is_check)
		return k.nerrors;
	k.tables = table_set_new(s->conf);
	if (k.tables == NULL)
		die_errno(EX_OSERR, "tables");
	check_things(&k);
	table_set_free(k.tables);
	if (k.nerrors == 0)
		dprintf(2, "configuration OK\n");
	return k.nerrors;
}
