/* ctl_flag: what is switched on and off: files in control/, whose existence is the switch. See ctl.h and queue(5). */
#include "queue-run/ctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/address.h"
#include "lib/die.h"

enum { DOMAIN_MAX = 253, PATH_ROOM = DOMAIN_MAX + 32 };

/* ---- setting and clearing ---- */

static bool
set_flag(int control, const char *name)
{
	int fd = openat(control, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd == -1)
		return false;
	fchmod(fd, 0644);	/* what the umask has taken away */
	fd_close(fd);
	return true;
}

static bool
clear_flag(int control, const char *name)
{
	return unlinkat(control, name, 0) == 0 || errno == ENOENT;
}

static int
change(struct ctl *c, const char *name, bool is_to_be_set)
{
	int control;
	bool is_done;

	ctl_need_queue(c);
	control = c->queue.place[QUEUE_CONTROL];
	is_done = is_to_be_set ? set_flag(control, name) : clear_flag(control, name);
	if (!is_done)
		complain("%s/control/%s: %s", c->spool, name, strerror(errno));
	else if (fsync(control) == -1)
		complain("%s/control: %s", c->spool, strerror(errno));
	queue_pull_trigger(&c->queue);
	return ctl_answer(is_done);
}

static int
change_without_arguments(struct ctl *c, const char *const *args, const char *name, bool is_to_be_set)
{
	if (args[0] != NULL)
		die(EX_USAGE, "%s: nothing is to follow here", args[0]);
	return change(c, name, is_to_be_set);
}

int
ctl_pause_mda(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "pause-mda", true);
}

int
ctl_resume_mda(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "pause-mda", false);
}

int
ctl_pause_mta(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "pause-mta", true);
}

int
ctl_resume_mta(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "pause-mta", false);
}

int
ctl_pause_smtp(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "pause-smtp", true);
}

int
ctl_resume_smtp(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "pause-smtp", false);
}

int
ctl_log_verbose(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "verbose", true);
}

int
ctl_log_brief(struct ctl *c, const char *const *args)
{
	return change_without_arguments(c, args, "verbose", false);
}

/* ---- domains ---- */

/* A domain becomes the name of a file: nothing but what a domain can hold, and no dot in front. */
static bool
is_domain(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > DOMAIN_MAX || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == '/' || s[i] == '@' || s[i] == 0x7f)
			return false;
	return true;
}

static int
change_domain(struct ctl *c, const char *const *args, bool is_to_be_set)
{
	char name[PATH_ROOM];
	const char *domain = args[0];
	int control;

	if (args[0] == NULL || args[1] != NULL)
		ctl_usage(is_to_be_set ? "pause domain DOMAIN" : "resume domain DOMAIN");
	if (domain[0] == '@')
		domain++;
	if (!is_domain(domain))
		die(EX_USAGE, "%s: that is no domain", args[0]);
	ctl_need_queue(c);
	control = c->queue.place[QUEUE_CONTROL];
	/* For everybody to see, whatever the umask is. */
	if (is_to_be_set && ((mkdirat(control, "pause-domain", 0755) == -1 && errno != EEXIST) ||
	    fchmodat(control, "pause-domain", 0755, 0) == -1))
		die_errno(EX_CANTCREAT, "%s/control/pause-domain", c->spool);
	snprintf(name, sizeof name, "pause-domain/%s", domain);
	address_lowercase(name, strlen(name));
	return change(c, name, is_to_be_set);
}

int
ctl_pause_domain(struct ctl *c, const char *const *args)
{
	return change_domain(c, args, true);
}

int
ctl_resume_domain(struct ctl *c, const char *const *args)
{
	return change_domain(c, args, false);
}

/* ---- show status ---- */

static const char *
state_of(int control, const char *flag)
{
	return faccessat(control, flag, F_OK, 0) == 0 ? "paused" : "running";
}

static void
print_domains(int control)
{
	int fd = openat(control, "pause-domain", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			fd_close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (is_domain(e->d_name))
			printf("DOMAIN %s paused\n", e->d_name);
	closedir(d);
}

/* For everybody: control/ may be read by all. */
int
ctl_show_status(struct ctl *c, const char *const *args)
{
	struct queue q;
	int control;

	if (args[0] != NULL)
		ctl_usage("show status");
	if (!queue_open(&q, c->spool, 1U << QUEUE_CONTROL, NULL))
		die_errno(EX_OSFILE, "%s/control (queue-init makes it)", c->spool);
	control = q.place[QUEUE_CONTROL];
	printf("MDA %s\nMTA %s\nSMTP %s\n", state_of(control, "pause-mda"), state_of(control, "pause-mta"),
	    state_of(control, "pause-smtp"));
	print_domains(control);
	printf("LOG %s\n", faccessat(control, "verbose", F_OK, 0) == 0 ? "verbose" : "brief");
	queue_close(&q);
	return 0;
}
