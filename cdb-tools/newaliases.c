/* newaliases: see newaliases.h.
 *
 * Only parses the configuration: on a fresh system the map it is to make, and
 * other tables, are not there yet. Exit 0 promises that the new map is in its
 * place and durable; after any other the old one is. */
#include "cdb-tools/newaliases.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/sgetopt.h>

#include "cdb-tools/build.h"
#include "lib/conf.h"
#include "lib/die.h"
#include "lib/place.h"

static _Noreturn void
usage(void)
{
	dprintf(2, "usage: newaliases [-f smtpd.conf]\n");
	exit(1);
}

static const char *
read_options(int argc, const char *const *argv)
{
	subgetopt options = SUBGETOPT_ZERO;
	const char *conf = place_conf();
	int c;

	while ((c = subgetopt_r(argc, argv, "f:", &options)) != -1) {
		if (c != 'f')
			usage();
		conf = options.arg;
	}
	if (options.ind != argc)
		usage();
	return conf;
}

static struct conf *
read_conf(const char *path)
{
	struct conf *c = conf_read(path, NULL, 0);

	if (c == NULL)
		die(1, "%s: %s", path, strerror(errno));
	for (size_t i = 0; i < c->nmessages; i++)
		if (c->messages[i].is_error)
			complain("%s:%u: %s", c->messages[i].at.file, c->messages[i].at.line, c->messages[i].text);
	if (c->nerrors > 0)
		die(1, "%s has errors: no aliases made", path);
	return c;
}

/* The text file behind the table: its path without ".db". */
static void
find_source(char *source, size_t size, const struct conf *c)
{
	const struct conf_table *t = conf_find_table(c, "aliases");
	const char *path = SYSCONFDIR "/mail/aliases";
	size_t len;

	if (t != NULL && t->kind != TABLE_DB && t->kind != TABLE_FILE)
		die(1, "%s:%u: the table aliases is no file, so there is nothing to make", t->at.file, t->at.line);
	if (t != NULL)
		path = t->path;
	len = strlen(path);
	if (len > 3 && strcmp(path + len - 3, ".db") == 0)
		len -= 3;
	if (len >= size)
		die(1, "%s: %s", path, strerror(ENAMETOOLONG));
	memcpy(source, path, len);
	source[len] = '\0';
}

int
newaliases(int argc, const char *const *argv)
{
	char source[PATH_MAX - 16], output[PATH_MAX];
	struct map m = { .source = source, .output = output, .type = MAP_ALIASES };
	struct conf *c = read_conf(read_options(argc, argv));

	find_source(source, sizeof source, c);
	snprintf(output, sizeof output, "%s.db", source);
	conf_free(c);
	if (!map_build(&m))
		return 1;
	printf("%s: %zu aliases\n", source, m.entries);
	return 0;
}
