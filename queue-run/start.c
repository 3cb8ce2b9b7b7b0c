/* start: see start.h. */
#include "queue-run/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sgetopt.h>
#include <skalibs/sig.h>
#include <skalibs/tai.h>

#include "lib/die.h"
#include "lib/log.h"
#include "lib/place.h"
#include "lib/stats.h"

enum { FILES_WANTED = 4096, BOOT_ID_MAX = 64 };

static _Noreturn void
usage(void)
{
	die(EX_USAGE, "usage: queue-run [-sv] [-D name=value] [-f smtpd.conf]");
}

static void
add_macro(struct runner *r, const char *text)
{
	const char *why;
	char *copy = strdup(text);

	if (r->macros == NULL)
		r->macros = calloc(CONF_MACROS_MAX, sizeof r->macros[0]);
	if (copy == NULL || r->macros == NULL)
		die_errno(EX_OSERR, "macros");
	else if (!conf_add_macro(r->macros, &r->nmacros, copy, &why))
		die(EX_USAGE, "-D %s: %s", text, why);
}

void
start_read_options(struct runner *r, int argc, const char *const *argv)
{
	subgetopt options = SUBGETOPT_ZERO;
	int c;

	r->conf_path = place_conf();
	r->spool = place_spool();
	while ((c = subgetopt_r(argc, argv, "svD:f:", &options)) != -1) {
		switch (c) {
		case 's':
			r->stays = true;
			break;
		case 'v':
			log_set_verbose(true);
			break;
		case 'D':
			add_macro(r, options.arg);
			break;
		case 'f':
			r->conf_path = options.arg;
			break;
		default:
			usage();
		}
	}
	if (argc > options.ind)
		usage();
}

void
start_prepare_process(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &files);	/* with fewer, messages are read later */
	}
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			_exit(EX_OSERR);
	umask(077);
	sig_altignore(SIGPIPE);
	tain_now_set_stopwatch_g();
}

static void
complain_of_stale_lock(const struct runner *r, int fd)
{
	struct stat st;
	long long age;

	if (fstat(fd, &st) == -1)
		return;
	age = (long long)time(NULL) - (long long)st.st_mtime;
	if (age >= LOCK_STALE_SECONDS)
		log_line("%s/lock: the runner that holds it has not touched it for %lld seconds", r->spool, age);
}

bool
start_take_lock(struct runner *r)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s/lock", r->spool) >= sizeof path)
		die(EX_USAGE, "%s: the path is too long", r->spool);
	r->lock_fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (r->lock_fd == -1)
		die_errno(EX_OSFILE, "%s (queue-init makes it)", path);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK)
			die_errno(EX_OSERR, "%s", path);
		complain_of_stale_lock(r, r->lock_fd);
		return false;
	}
	return true;
}

void
start_spawner(struct runner *r)
{
	if (!spawner_start(r))
		die_errno(EX_OSERR, "the spawner cannot be started");
	r->signal_fd = selfpipe_init();
	if (r->signal_fd == -1 || !selfpipe_trap(SIGCHLD) || !selfpipe_trap(SIGTERM) || !selfpipe_trap(SIGINT) ||
	    !selfpipe_trap(SIGHUP))
		die_errno(EX_OSERR, "signals cannot be caught");
}

void
start_become_queue_owner(struct runner *r)
{
	if (!place_become_queue_owner(r->spool))
		die_errno(EX_OSERR, "cannot become the owner of %s", r->spool);
	if (geteuid() == 0)
		log_line("warning: %s belongs to root, so queue-run works as root; queue-init gives it to ppqueue where "
		    "that account exists", r->spool);
}

/* `lock` holds the boot that its last runner belonged to. */
static bool
is_first_since_boot(const struct runner *r)
{
	char now[BOOT_ID_MAX] = "", then[BOOT_ID_MAX] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, now, sizeof now - 1) : -1, m = pread(r->lock_fd, then, sizeof then - 1, 0);

	if (fd != -1)
		fd_close(fd);
	if (n <= 0)
		return true;	/* cannot tell: verify */
	if (m == n && memcmp(now, then, (size_t)n) == 0)
		return false;
	if (ftruncate(r->lock_fd, 0) == -1 || pwrite(r->lock_fd, now, (size_t)n, 0) != n)
		log_line("%s/lock cannot be written: %s", r->spool, strerror(errno));
	return true;
}

static void
warn_of_weak_disk(const struct runner *r)
{
	struct statfs fs;

	if (statfs(r->spool, &fs) == 0 && queue_weak_file_system((long)fs.f_type) != NULL)
		log_line("warning: %s is on %s: an accepted message may not survive a power cut there", r->spool,
		    queue_weak_file_system((long)fs.f_type));
}

void
start_open_queue(struct runner *r)
{
	const char *missing = "";
	char path[4096];

	if (!queue_open(&r->queue, r->spool, (1U << QUEUE_PLACES) - 1, &missing))
		die_errno(EX_OSFILE, "%s/%s (queue-init makes it)", r->spool, missing);
	if ((size_t)snprintf(path, sizeof path, "%s/trigger", r->spool) >= sizeof path ||
	    (size_t)snprintf(r->alias_home, sizeof r->alias_home, "%s-alias", r->spool) >= sizeof r->alias_home)
		die(EX_USAGE, "%s: the path is too long", r->spool);
	r->trigger_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (r->trigger_fd == -1)
		die_errno(EX_OSFILE, "%s (queue-init makes it)", path);
	warn_of_weak_disk(r);
	stats_open("queue");
	destination_load(r);
	pause_look(r);
	stats_enter(STATS_GAUGE_PROCESS);
	stats_add(STATS_QUEUE_RUNS, 1);
	conf_server_name(r->host, sizeof r->host);
	r->started = time(NULL);
	r->is_after_reboot = is_first_since_boot(r);
	r->must_rescan = r->wait_has_more = r->must_look_at_wait = true;
	tain_now_g();
	r->next_record_retry = r->next_look = r->next_touch = r->next_conf_look = r->next_publish = STAMP;
	tain_addsec_g(&r->next_sweep, SWEEP_SECONDS);
}

int
start_exit_status(const struct runner *r)
{
	if (r->nmessages > 0)
		log_line("%zu messages stay in cur/ for the next runner", r->nmessages);
	if (r->has_lost_spool)
		return EX_OSFILE;
	if (r->spawner_fd == -1)
		return EX_SOFTWARE;
	return r->has_ended_without_conf && !r->is_stopping ? EX_CONFIG : 0;
}
