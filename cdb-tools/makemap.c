/* makemap: makes a cdb file from a text of entries, or prints one.
 *
 * Called as newaliases it is that program (as mailer.conf files have it). Exit
 * 0 promises that the new map is in its place and durable; after exit 1 the
 * old one is there, if there was one. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/sgetopt.h>

#include "cdb-tools/build.h"
#include "cdb-tools/dump.h"
#include "cdb-tools/newaliases.h"
#include "lib/die.h"

struct options {
	struct map map;
	bool is_dump;
	const char *output;		/* as given, or NULL */
	char room[PATH_MAX];		/* for FILE.db */
};

static _Noreturn void
usage(void)
{
	dprintf(2, "usage: makemap [-U] [-d dbtype] [-o dbfile] [-t type] file\n"
	    "       makemap dbtype file < entries\n");
	exit(1);
}

static bool
is_known_format(const char *name)
{
	return strcmp(name, "hash") == 0 || strcmp(name, "btree") == 0 || strcmp(name, "cdb") == 0;
}

static enum map_type
type_of(const char *name)
{
	if (strcmp(name, "aliases") == 0)
		return MAP_ALIASES;
	if (strcmp(name, "set") != 0)
		die(1, "unsupported type '%s': aliases and set are known", name);
	return MAP_SET;
}

static void
take_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'b':	/* of sendmail: what they say goes without saying */
	case 'C':
	case 'O':
		break;
	case 'd':
		if (!is_known_format(arg))
			die(1, "unsupported DB type '%s': hash, btree and cdb are known, and all make cdb files",
			    arg);
		break;
	case 'o':
		o->output = arg;
		break;
	case 't':
		o->map.type = type_of(arg);
		break;
	case 'U':
		o->is_dump = true;
		break;
	default:
		usage();
	}
}

/* "makemap TYPE FILE", sendmail's form: entries from fd 0 into FILE.db. */
static void
take_sendmail_form(struct options *o, const char *format, const char *file)
{
	if (!is_known_format(format))
		usage();
	o->map.source = "-";
	if (snprintf(o->room, sizeof o->room, "%s.db", file) >= (int)sizeof o->room)
		die(1, "%s: the name is too long", file);
	o->output = o->room;
}

static void
read_options(struct options *o, int argc, const char *const *argv)
{
	subgetopt options = SUBGETOPT_ZERO;
	int c, n;

	while ((c = subgetopt_r(argc, argv, "b:C:d:o:O:t:U", &options)) != -1)
		take_option(o, c, options.arg);
	n = argc - options.ind;
	argv += options.ind;
	if (n == 2 && !o->is_dump && o->output == NULL) {
		take_sendmail_form(o, argv[0], argv[1]);
	} else if (n == 1) {
		o->map.source = argv[0];
	} else {
		usage();
	}
	if (o->output == NULL && strcmp(o->map.source, "-") == 0)
		die(1, "entries from standard input need -o dbfile");
	if (o->output == NULL && snprintf(o->room, sizeof o->room, "%s.db", o->map.source) >= (int)sizeof o->room)
		die(1, "%s: the name is too long", o->map.source);
	o->map.output = o->output != NULL ? o->output : o->room;
}

static bool
is_called(const char *argv0, const char *name)
{
	const char *slash = argv0 == NULL ? NULL : strrchr(argv0, '/');

	return argv0 != NULL && strcmp(slash == NULL ? argv0 : slash + 1, name) == 0;
}

int
main(int argc, const char *const *argv)
{
	struct options o = { .map.type = MAP_PLAIN };

	if (is_called(argv[0], "newaliases")) {
		PROG = "newaliases";
		return newaliases(argc, argv);
	}
	PROG = "makemap";
	read_options(&o, argc, argv);
	if (o.is_dump)
		return dump_all(o.map.source) == READMAP_FOUND ? 0 : 1;
	return map_build(&o.map) ? 0 : 1;
}
