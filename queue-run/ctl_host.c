/* ctl_host: destinations that queue-run could not reach lately, as it publishes them in control/hosts. See ctl.h
 * and queue(5). */
#include "queue-run/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/printable.h"
#include "queue-run/host_line.h"
#include "queue-run/listing.h"

enum { LINE_ROOM = 4096, STAT_SECONDS = 4 * 3600, NUMBER_ROOM = 24 };

static void
read_hosts(FILE *f, void (*print)(const struct host_line *h, int64_t now))
{
	char line[LINE_ROOM], clean[LINE_ROOM];
	struct host_line h;
	int64_t now = time(NULL);

	while (fgets(line, sizeof line, f) != NULL) {
		printable_copy(clean, sizeof clean, line, strcspn(line, "\n"));
		if (host_line_scan(&h, clean))
			print(&h, now);
	}
}

/* Calls print() for each line of the file; none where there is no file. */
static int
each_host(struct ctl *c, void (*print)(const struct host_line *h, int64_t now))
{
	char path[4096];
	int fd;
	FILE *f;

	if ((size_t)snprintf(path, sizeof path, "%s/control/hosts", c->spool) >= sizeof path)
		die(EX_USAGE, "%s: the path is too long", c->spool);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT && access(c->spool, F_OK) == 0)
		return 0;
	f = fd != -1 ? fdopen(fd, "r") : NULL;
	if (f != NULL) {
		read_hosts(f, print);
		fclose(f);
		return 0;
	}
	die_errno(EX_OSFILE, "%s", path);
}

static void
print_fields(const struct host_line *h, int64_t now)
{
	(void)now;
	printf("%s|%" PRId64 "|%" PRId64 "|%" PRId64 "|%" PRId64 "|%s\n", h->domain, h->since, h->tried, h->until,
	    h->failures, h->reason);
}

static void
print_for_people(const struct host_line *h, int64_t now)
{
	char since[NUMBER_ROOM], next[NUMBER_ROOM];

	printf("%s: not reached since %s, %" PRId64 " attempt%s, next in %s\n    %s\n", h->domain,
	    listing_time(since, sizeof since, now - h->since), h->failures, h->failures == 1 ? "" : "s",
	    listing_time(next, sizeof next, h->until - now), h->reason);
}

static void
print_hoststat(const struct host_line *h, int64_t now)
{
	if (h->tried >= now - STAT_SECONDS)
		printf("%s|%" PRId64 "|%s\n", h->domain, h->tried, h->reason);
}

int
ctl_show_hosts(struct ctl *c, const char *const *args)
{
	bool is_for_people = isatty(1);

	if (args[0] != NULL && strcmp(args[0], "-m") == 0) {
		is_for_people = false;
		args++;
	}
	if (args[0] != NULL)
		ctl_usage("show hosts [-m]");
	return each_host(c, is_for_people ? print_for_people : print_fields);
}

int
ctl_show_hoststats(struct ctl *c, const char *const *args)
{
	if (args[0] != NULL)
		ctl_usage("show hoststats");
	return each_host(c, print_hoststat);
}
