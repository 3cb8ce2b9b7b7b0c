/* smtpd_options: the command line of smtpd. What it does not offer it refuses, with 64. */
#include "smtp-recv/smtpd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"

static const char usage[] =
    "usage: smtpd [-dFhnv] [-D NAME=VALUE] [-f FILE] [-P mda|mta|smtp] [-T WORD]";

const char *const pausable_names[PAUSABLE] = { "mda", "mta", "smtp" };

static void
add_macro(struct smtpd *s, char *text)
{
	const char *why;

	if (!conf_add_macro(s->macros, &s->nmacros, text, &why))
		die(EX_USAGE, "-D %s: %s", text, why);
}

static void
add_pause(struct smtpd *s, const char *name)
{
	for (size_t i = 0; i < PAUSABLE; i++)
		if (strcmp(pausable_names[i], name) == 0) {
			s->pauses[i] = true;
			return;
		}
	die(EX_USAGE, "-P %s: mda, mta or smtp can be paused", name);
}

/* OpenSMTPD's words. A program logs all its conversation or nothing, so what a word
 * chooses is the program. */
static void
add_trace(struct smtpd *s, const char *word)
{
	static const struct trace {
		const char *word;
		bool is_of_sessions, is_of_deliveries;
	} traces[] = {
		{ "all", true, true }, { "bounce", false, true }, { "expand", true, true }, { "filter", true, false },
		{ "filters", true, false }, { "imsg", false, false }, { "io", true, true }, { "lookup", true, true },
		{ "mfa", true, false }, { "mproc", false, false }, { "mta", false, true }, { "queue", false, true },
		{ "rules", true, true }, { "scheduler", false, true }, { "smtp", true, false }, { "stat", false, false },
		{ "tables", true, true }, { "transfer", false, true },
	};

	for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++)
		if (strcmp(traces[i].word, word) == 0) {
			s->traces_sessions |= traces[i].is_of_sessions;
			s->traces_deliveries |= traces[i].is_of_deliveries;
			return;
		}
	die(EX_USAGE, "-T %s: smtp, mta, rules, tables, queue or all can be traced (see smtpd(8))", word);
}

static _Noreturn void
print_help(void)
{
	printf("pipepost %s\n%s\n"
	    "  -n  check the configuration and exit\n"
	    "  -d  stay in the foreground, log to standard error\n"
	    "  -F  stay in the foreground, log to syslog\n"
	    "  -v  say and log more\n"
	    "  -f FILE        configuration (%s)\n"
	    "  -D NAME=VALUE  define a macro\n"
	    "  -P mda|mta|smtp  pause deliveries, relaying or reception, as smtpctl pause does\n"
	    "  -T WORD        log the conversations of one side: smtp, mta, rules, tables, queue, all\n", VERSION,
	    usage, place_conf());
	exit(fflush(stdout) == 0 ? 0 : EX_IOERR);
}

/* The programs started later may have another working directory. */
static const char *
absolute(const char *path)
{
	char *directory, *whole;

	if (path[0] == '/')
		return path;
	directory = getcwd(NULL, 0);
	if (directory == NULL || asprintf(&whole, "%s/%s", directory, path) == -1)
		die_errno(EX_OSERR, "the working directory");
	free(directory);
	return whole;
}

void
options_read(struct smtpd *s, int argc, char *const *argv)
{
	bool is_debug = false;
	int option;

	s->conf_path = place_conf();
	opterr = 0;
	while ((option = getopt(argc, argv, "B:D:dFf:hnP:T:v")) != -1) {
		switch (option) {
		case 'B': die(EX_USAGE, "-B: there are no other backends to choose from"); break;
		case 'D': add_macro(s, optarg); break;
		case 'd': is_debug = true; break;
		case 'F': s->is_foreground = true; break;
		case 'f': s->conf_path = optarg; break;
		case 'h': print_help(); break;
		case 'n': s->is_check = true; break;
		case 'P': add_pause(s, optarg); break;
		case 'T': add_trace(s, optarg); break;
		case 'v': s->is_verbose = s->traces_sessions = s->traces_deliveries = true; break;
		default: die(EX_USAGE, "%s", usage);
		}
	}
	if (optind != argc)
		die(EX_USAGE, "%s", usage);
	s->is_foreground |= is_debug;
	s->logs_to_syslog = !is_debug;
	if (!s->is_check)
		s->conf_path = absolute(s->conf_path);
	log_set_verbose(s->is_verbose);
}
