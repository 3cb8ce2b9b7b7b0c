/* sqlite-lookup: answer questions from a SQLite database, as table-sqlite does.
 *
 * One question from the command line, or requests on fd 0 (lib/lookup.h), or
 * with -n a check of the configuration. It never writes to the database.
 * Exit 1 says that the database was asked and has no such key; whatever goes
 * wrong is 111 or 100, and one line on fd 2 says what. A signal means 111.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "lib/die.h"
#include "lib/lookup.h"
#include "lib/printable.h"
#include "sqlite-lookup/check.h"
#include "sqlite-lookup/config.h"
#include "sqlite-lookup/database.h"
#include "sqlite-lookup/permission.h"
#include "sqlite-lookup/request.h"

enum { CHECK_FAILED = 1 };

struct options {
	bool is_check;
	const char *config;
	const char *service;		/* NULL: requests on fd 0 */
	const char *const *keys;
	size_t nkeys;
};

static _Noreturn void
usage(void)
{
	die(LOOKUP_EXIT_BROKEN, "usage: sqlite-lookup config service key ... | "
	    "sqlite-lookup config < requests | sqlite-lookup -n config");
}

static void
read_options(struct options *o, int argc, const char *const *argv)
{
	int i = 1;

	o->is_check = i < argc && strcmp(argv[i], "-n") == 0;
	i += o->is_check;
	i += i < argc && strcmp(argv[i], "--") == 0;
	if (i >= argc || argv[i][0] == '-' || (o->is_check && argc != i + 1))
		usage();
	o->config = argv[i++];
	o->service = i < argc ? argv[i++] : NULL;
	o->keys = argv + i;
	o->nkeys = (size_t)(argc - i);
	if (o->service != NULL && o->nkeys == 0 && query_of_service(o->service) != QUERY_FETCH_SOURCE)
		usage();
}

/* A descriptor that is closed would be reused by the database. */
static void
require_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1)
			_exit(LOOKUP_EXIT_LATER);
	signal(SIGPIPE, SIG_IGN);	/* a write that fails says why */
}

/* Ends the program with "CONFIG: words". */
static _Noreturn void
give_up(const struct options *o, bool is_later, const char *words)
{
	stralloc line = STRALLOC_ZERO;

	if (printable_append(&line, o->config, strlen(o->config)) && stralloc_cats(&line, ": ") &&
	    stralloc_cats(&line, words) && stralloc_cats(&line, "\n"))
		allwrite(2, line.s, line.len);
	_exit(o->is_check ? CHECK_FAILED : is_later ? LOOKUP_EXIT_LATER : LOOKUP_EXIT_BROKEN);
}

static void
require_permission(const struct options *o, const struct permission *p)
{
	bool is_later;
	const char *why;

	if (permission_allows_config(p, o->config, &why, &is_later))
		return;
	give_up(o, is_later, why);
}

/* What passes by itself is "later"; a file that is not there is not of that kind. */
static bool
is_passing(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE || error == EIO || error == EINTR ||
	    error == ESTALE;
}

static void
read_config(struct config *c, const struct options *o)
{
	const struct config_message *m;
	stralloc line = STRALLOC_ZERO;

	if (!config_read(c, o->config))
		give_up(o, is_passing(errno), strerror(errno));
	m = config_error(c);
	if (m == NULL || o->is_check)
		return;
	if (config_describe(&line, c, m, "") && stralloc_cats(&line, "\n"))
		allwrite(2, line.s, line.len);
	_exit(LOOKUP_EXIT_BROKEN);
}

static int
run(const struct options *o, const struct permission *p, struct database *d)
{
	struct asker asker = { .database = d, .permission = p };

	if (o->is_check)
		return check_config(d, p) ? 0 : CHECK_FAILED;
	if (o->service != NULL)
		return request_answer(&asker, o->service, o->keys, o->nkeys);
	return request_serve(&asker);
}

int
main(int argc, const char *const *argv)
{
	struct permission permission;
	struct options options;
	struct config config;
	struct database database;

	PROG = "sqlite-lookup";
	require_descriptors();
	if (!permission_take(&permission))
		die_errno(LOOKUP_EXIT_LATER, "cannot take the group of the tables");
	read_options(&options, argc, argv);
	require_permission(&options, &permission);
	read_config(&config, &options);
	if (!options.is_check && !permission_keep_only(config.dbpath.text))
		die_errno(LOOKUP_EXIT_LATER, "cannot give up what is not needed");
	database_configure_library();
	database_init(&database, &config);
	return run(&options, &permission, &database);
}
