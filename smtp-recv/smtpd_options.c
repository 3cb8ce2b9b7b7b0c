/* smtpd_options: the command line of smtpd. What it does not offer it refuses, with 64. */
#include "smtp-recv/smtpd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"

static const char usage[] = "usage: smtpd [-dFhnv] [-D NAME=VALUE] [-f FILE] [-T WORD]";

static void
add_macro(struct smtpd *s, char *text)
{
	char *equals = strrchr(text, '=');

	if (equals == NULL || equals == text)
		die(EX_USAGE, "-D %s: NAME=VALUE is needed", text);
	if (s->nmacros == MACROS_MAX)
		die(EX_USAGE, "-D: at most %d macros", MACROS_MAX);
	*equals = '\0';
	s->macros[s->nmacros++] = (struct conf_macro){ .name = text, .value = equals + 1 };
}

static _Noreturn void
print_help(void)
{
	printf("%s\n"
	    "  -n  check the configuration and exit\n"
	    "  -d  stay in the foreground, log to standard error\n"
	    "  -F  stay in the foreground, log to syslog\n"
	    "  -v  say and log more\n"
	    "  -f FILE        configuration (%s)\n"
	    "  -D NAME=VALUE  define a macro (with -n)\n", usage, place_conf());
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
		case 'P': die(EX_USAGE, "-P %s: starting paused is not available", optarg); break;
		case 'T': /* whatever is to be traced, the verbose log holds it */
		case 'v': s->is_verbose = true; break;
		default: die(EX_USAGE, "%s", usage);
		}
	}
	if (optind != argc)
		die(EX_USAGE, "%s", usage);
	if (s->nmacros > 0 && !s->is_check)
		die(EX_USAGE,
		    "-D goes with -n only: the programs that are started read the file themselves");
	s->is_foreground |= is_debug;
	s->logs_to_syslog = !is_debug;
	if (!s->is_check)
		s->conf_path = absolute(s->conf_path);
	log_set_verbose(s->is_verbose);
}
