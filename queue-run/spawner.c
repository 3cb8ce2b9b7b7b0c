/* spawner: the small part of queue-run that may be root.
 *
 * It understands two requests, executes nothing but the installed deliver-local,
 * deliver-remote and auth-check, and never opens a queue file. A process that cannot be started
 * is told to the runner through the process's own socket, as a STUCK frame: a
 * deferral, whatever the reason. See runner.h and DESIGN, "Who may touch what".
 *
 * It outlives the runner for as long as one of its children works, but gives none
 * more time than the runner would have, and holds a mark on `lock` meanwhile: that
 * is how the next runner knows that cur/ is not free yet. */
#include "queue-run/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sig.h>

#include "lib/account.h"
#include "lib/log.h"
#include "lib/place.h"

extern char **environ;

enum { NAME_MAX_OCTETS = 255, CHILDREN_MAX = 512, ORPHANS_MS = (MDA_SECONDS + JOB_SLACK_SECONDS) * 1000 };

/* Fixed size: nothing in it can be longer than it says. */
struct request {
	char verb;		/* 'S' start, 'K' kill */
	char kind;		/* enum identity_kind */
	uint32_t tag;
	uint32_t min_uid;
	uid_t uid;
	gid_t gid;
	char name[NAME_MAX_OCTETS + 1];
	char table[NAME_MAX_OCTETS + 1];
};

/* Room for one descriptor beside a request. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

struct child {
	pid_t pid;		/* 0: free */
	uint32_t tag;
};

struct spawner {
	int fd;				/* to the runner, -1 when it is gone */
	bool is_root;
	char deliver_local[PATH_MAX], deliver_remote[PATH_MAX], auth_check[PATH_MAX];
	struct private_accounts private;
	struct child children[CHILDREN_MAX];
	size_t nchildren;
};

/* What the child is to become. */
struct person {
	char name[NAME_MAX_OCTETS + 1];	/* "": no account, so no groups of one */
	uid_t uid;
	gid_t gid;
	bool has_mailbox;	/* its system mailbox is to be there */
};

static void
answer_stuck(int fd, const char *reason)
{
	stralloc frame = STRALLOC_ZERO;

	if (job_encode_stuck(&frame, reason) && write(fd, frame.s, frame.len) == -1)
		log_line("spawner: cannot tell the runner: %s", reason);
	stralloc_free(&frame);
}

static void
be_account(struct person *p, const struct passwd *pw)
{
	snprintf(p->name, sizeof p->name, "%s", pw->pw_name);
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
}

/* An account of the system, asked for by name. The reason for a refusal is returned, NULL if there is none. */
static const char *
find_account(struct person *p, const char *name)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return errno == 0 || errno == ENOENT ? "4.3.5 the account has gone" : "4.3.0 cannot look the account up";
	be_account(p, pw);
	return NULL;
}

/* One of the mail system's own, which is never root. */
static const char *
find_own_account(struct person *p, const struct passwd *pw)
{
	if (pw == NULL)
		return "4.3.5 the accounts of pipepost are not there (make install makes them)";
	be_account(p, pw);
	return NULL;
}

/* Those whose mail is not a person's. */
static bool
is_own(char kind)
{
	return kind == IDENTITY_ALIAS || kind == IDENTITY_REMOTE;
}

static const char *
judge(struct person *p, const struct spawner *s, const struct request *q)
{
	const char *why = NULL;

	*p = (struct person){ .uid = q->uid, .gid = q->gid };
	if (!s->is_root && is_own(q->kind)) {
		p->uid = geteuid();
		p->gid = getegid();
	} else if (is_own(q->kind)) {
		why = find_own_account(p, q->kind == IDENTITY_ALIAS ? account_of_aliases() : account_of_remote());
	} else if (q->kind == IDENTITY_SYSTEM || q->kind == IDENTITY_MBOX) {
		why = find_account(p, q->name);
		p->has_mailbox = q->kind == IDENTITY_MBOX;
	} else if (q->uid < q->min_uid && s->is_root) {
		why = "4.3.5 the table names a uid below min-uid";
	}
	if (why != NULL)
		return why;
	if (p->uid == 0 || (p->gid == 0 && s->is_root))
		return "4.3.5 no delivery process runs as root";
	if (!s->is_root && p->uid != geteuid())
		return "4.3.5 not installed with users: cannot become another user";
	if (s->is_root && !is_own(q->kind) && account_is_private(&s->private, p->uid, p->gid))
		return "4.3.5 that is an account of the mail system itself";
	return NULL;
}

/* mbox delivery as the user cannot make files in /var/mail. */
static void
make_system_mailbox(const struct person *p)
{
	char path[NAME_MAX_OCTETS + 16];
	const struct group *mail = getgrnam("mail");
	int fd;

	snprintf(path, sizeof path, "/var/mail/%s", p->name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (fd == -1)
		return;		/* it is there, or deliver-local will say why not */
	if (fchown(fd, p->uid, mail != NULL ? mail->gr_gid : p->gid) == -1 || fchmod(fd, 0660) == -1)
		unlink(path);
	fd_close(fd);
}

static bool
become(const struct person *p, const struct spawner *s)
{
	if (!s->is_root)
		return true;
	if (*p->name != '\0' ? initgroups(p->name, p->gid) == -1 : setgroups(0, NULL) == -1)
		return false;
	return setresgid(p->gid, p->gid, p->gid) == 0 && setresuid(p->uid, p->uid, p->uid) == 0;
}

/* What a child executes, and with which descriptors; -1: /dev/null. */
struct launch {
	const struct person *person;	/* NULL: as we are */
	const char *argv[8];		/* [0] is the path */
	const char *const *variables;	/* of our environment that it gets */
	int fds[4];			/* 0, 1, then 3 and higher; 2 is ours */
	size_t nfds;
};

enum { VARIABLE_MAX = 4200, ENVIRONMENT_MAX = 8 };

static bool
is_named(const char *variable, const char *name)
{
	size_t len = strlen(name);

	return strncmp(variable, name, len) == 0 && variable[len] == '=';
}

static void
fill_environment(const char *envp[ENVIRONMENT_MAX + 1], const char *const *names)
{
	size_t n = 0;

	envp[n++] = "PATH=/usr/local/bin:/usr/bin:/bin";
	for (; *names != NULL; names++)
		for (char **v = environ; *v != NULL && n < ENVIRONMENT_MAX; v++)
			if (is_named(*v, *names) && strlen(*v) < VARIABLE_MAX)
				envp[n++] = *v;
	envp[n] = NULL;
}

/* Descriptors 0, 1, 3 ... as l says. Theirs are above 9, so that none overwrites another. */
static bool
place_descriptors(const struct launch *l)
{
	int lifted[4];

	for (size_t i = 0; i < l->nfds; i++) {
		int from = l->fds[i] != -1 ? l->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

		lifted[i] = from != -1 ? fcntl(from, F_DUPFD_CLOEXEC, 10) : -1;
		if (lifted[i] == -1)
			return false;
	}
	for (size_t i = 0; i < l->nfds; i++)
		if (dup2(lifted[i], i < 2 ? (int)i : (int)i + 1) == -1)
			return false;
	return true;
}

/* In the child: everything that must not fail half way. "Stuck" is told on told_fd, -1: on nothing. */
static _Noreturn void
run_child(const struct spawner *s, const struct launch *l, int told_fd)
{
	const char *envp[ENVIRONMENT_MAX + 1];
	int told = fcntl(told_fd, F_DUPFD_CLOEXEC, 20);

	if (!place_descriptors(l) || chdir("/") == -1 || (l->person != NULL && !become(l->person, s))) {
		answer_stuck(told, "4.3.0 cannot take the recipient's identity");
		_exit(111);
	}
	close_range((unsigned)l->nfds + 1 > 3 ? (unsigned)l->nfds + 1 : 3, ~0U, CLOSE_RANGE_CLOEXEC);
	sig_restore(SIGPIPE);
	sig_restore(SIGCHLD);
	sig_restore(SIGTERM);
	sig_restore(SIGINT);
	sig_blocknone();
	fill_environment(envp, l->variables);
	execve(l->argv[0], (char *const *)(uintptr_t)l->argv, (char *const *)(uintptr_t)envp);
	answer_stuck(told, "4.3.5 cannot execute the delivery program");
	_exit(111);
}

static struct child *
free_place(struct spawner *s)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid == 0)
			return &s->children[i];
	return NULL;
}

/* NULL, or why it was not started. */
static const char *
launch(struct spawner *s, const struct launch *l, uint32_t tag, int told_fd)
{
	struct child *c = free_place(s);
	pid_t pid = c != NULL ? fork() : -1;

	if (pid == 0)
		run_child(s, l, told_fd);
	if (c == NULL)
		return "4.3.0 too many delivery processes";
	if (pid == -1)
		return "4.3.0 cannot start a delivery process";
	*c = (struct child){ .pid = pid, .tag = tag };
	s->nchildren++;
	return NULL;
}

static bool
wants_verbose(void)
{
	return log_is_verbose() || place_has_flag("verbose");
}

static const char *
start_local(struct spawner *s, const struct request *q, const struct person *p, int fd)
{
	static const char *const variables[] = { "PIPEPOST_LOG", "TZ", NULL };
	struct launch l = {
		.person = p, .argv = { s->deliver_local, "-s", wants_verbose() ? "-v" : NULL }, .variables = variables, .fds = { fd, -1 }, .nfds = 2,
	};

	if (s->is_root && p->has_mailbox)
		make_system_mailbox(p);
	return launch(s, &l, q->tag, fd);
}

/* auth-check looks the credentials up and writes them into the pipe: they are
 * never in our memory, nor in the runner's. */
static const char *
start_credentials(struct spawner *s, const struct request *q, int out)
{
	static const char *const variables[] = { "PIPEPOST_LOG", "TZ", "PIPEPOST_CONF", "PIPEPOST_BIN", NULL };
	struct person p = { .has_mailbox = false };
	const struct passwd *pw = s->is_root ? getpwnam("ppauth") : NULL;
	struct launch l = {
		.person = pw != NULL ? &p : NULL, .argv = { s->auth_check, "-r", q->table, q->name },
		.variables = variables, .fds = { -1, out }, .nfds = 2,
	};

	if (pw != NULL)
		be_account(&p, pw);
	return launch(s, &l, q->tag, -1);
}

static const char *
start_remote(struct spawner *s, const struct request *q, const struct person *p, int fd)
{
	static const char *const variables[] = { "PIPEPOST_LOG", "TZ", "PIPEPOST_RESOLVER", "PIPEPOST_SPOOL", NULL };
	struct launch l = {
		.person = p, .argv = { s->deliver_remote, "-s", wants_verbose() ? "-v" : NULL }, .variables = variables,
		.fds = { fd, -1 }, .nfds = 2,
	};
	int credentials[2];
	const char *why;

	if (*q->name == '\0')
		return launch(s, &l, q->tag, fd);
	if (pipe2(credentials, O_CLOEXEC) == -1)
		return "4.3.0 cannot start a delivery process";
	why = start_credentials(s, q, credentials[1]);
	fd_close(credentials[1]);	/* or deliver-remote would never see its end */
	l.fds[l.nfds++] = credentials[0];
	if (why == NULL)
		why = launch(s, &l, q->tag, fd);
	fd_close(credentials[0]);
	return why;
}

static void
start(struct spawner *s, const struct request *q, int fd)
{
	struct person p;
	const char *why = judge(&p, s, q);

	if (why == NULL)
		why = q->kind == IDENTITY_REMOTE ? start_remote(s, q, &p, fd) : start_local(s, q, &p, fd);
	if (why != NULL)
		answer_stuck(fd, why);
	fd_close(fd);
}

/* What the runner would have killed long ago. */
static void
kill_all(const struct spawner *s)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0)
			kill(s->children[i].pid, SIGKILL);
}

static void
kill_child(const struct spawner *s, uint32_t tag)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && s->children[i].tag == tag)
			kill(s->children[i].pid, SIGKILL);
}

/* A request and the socket that goes with a start, in one piece. Returns what recvmsg() does. */
static ssize_t
receive(const struct spawner *s, struct request *q, int *fd)
{
	union control c = { .room = { 0 } };
	struct iovec v = { .iov_base = q, .iov_len = sizeof *q };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof c.room };
	ssize_t n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (h != NULL && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(h), sizeof *fd);
	return n;
}

static void
serve(struct spawner *s)
{
	struct request q;
	int fd;
	ssize_t n = receive(s, &q, &fd);

	if (n == -1 && errno == EINTR)
		return;
	if (n != (ssize_t)sizeof q) {
		fd_close(s->fd);
		s->fd = -1;	/* the runner is gone */
		return;
	}
	q.name[NAME_MAX_OCTETS] = q.table[NAME_MAX_OCTETS] = '\0';
	if (q.verb == 'K')
		kill_child(s, q.tag);
	else if (fd != -1)	/* without one there is no descriptor left: the runner sees its end closed */
		start(s, &q, fd);
}

static void
reap(struct spawner *s)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (size_t i = 0; i < CHILDREN_MAX; i++)
			if (s->children[i].pid == pid) {
				s->children[i].pid = 0;
				s->nchildren--;
			}
}

/* Marks `lock` at the octet of our pid for as long as we live. */
static bool
mark_lock(const char *spool)
{
	char path[PATH_MAX];
	struct flock mark = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = getpid(), .l_len = 1 };
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/lock", spool) >= sizeof path)
		return false;
	fd = open(path, O_WRONLY | O_CLOEXEC);	/* stays open to our end */
	return fd != -1 && fcntl(fd, F_SETLK, &mark) == 0;
}

static _Noreturn void
serve_until_alone(struct spawner *s, const char *spool)
{
	int signals = selfpipe_init();

	if (signals == -1 || !selfpipe_trap(SIGCHLD) || sig_ignore(SIGTERM) == -1 || sig_ignore(SIGINT) == -1 ||
	    sig_altignore(SIGPIPE) == -1 || !mark_lock(spool))
		_exit(111);
	if (write(s->fd, "", 1) != 1)	/* marked: the runner may go on */
		_exit(111);
	while (s->fd != -1 || s->nchildren > 0) {
		struct pollfd p[2] = { { .fd = signals, .events = POLLIN }, { .fd = s->fd, .events = POLLIN } };
		int n = s->fd != -1 ? poll(p, 2, -1) : poll(p, 1, ORPHANS_MS);

		if (n == -1 && errno != EINTR)
			_exit(111);
		if (n == 0)
			kill_all(s);
		while (selfpipe_read() > 0)
			reap(s);
		if (s->fd != -1 && p[1].revents != 0)
			serve(s);
	}
	_exit(0);
}

/* auth-check reads the runner's configuration, from wherever it is started. */
static void
export_conf(const char *path)
{
	char *absolute = path != NULL ? realpath(path, NULL) : NULL;

	if (absolute != NULL && setenv("PIPEPOST_CONF", absolute, 1) == -1)
		_exit(111);
	free(absolute);
}

bool
spawner_start(struct runner *r)
{
	static struct spawner s;
	int pair[2];
	char ready;

	s.is_root = geteuid() == 0;
	if (!place_program(s.deliver_local, sizeof s.deliver_local, "deliver-local") ||
	    !place_program(s.deliver_remote, sizeof s.deliver_remote, "deliver-remote") ||
	    !place_program(s.auth_check, sizeof s.auth_check, "auth-check") ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return false;
	r->spawner_pid = fork();
	if (r->spawner_pid == -1)
		return false;
	if (r->spawner_pid == 0) {
		fd_close(pair[0]);
		export_conf(r->conf_path);
		fd_close(r->lock_fd);	/* or we would hold the runner's lock beyond its death */
		s.fd = pair[1];
		account_find_private(&s.private);
		serve_until_alone(&s, r->spool);
	}
	fd_close(pair[1]);
	r->spawner_fd = pair[0];
	if (read(r->spawner_fd, &ready, 1) != 1) {
		errno = EIO;
		return false;
	}
	return true;
}

/* child_fd: -1 = none. */
static bool
send_request(const struct runner *r, const struct request *q, int child_fd)
{
	union control c = { .room = { 0 } };
	struct iovec v = { .iov_base = (void *)(uintptr_t)q, .iov_len = sizeof *q };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	if (child_fd != -1) {
		c.head.cmsg_level = SOL_SOCKET;
		c.head.cmsg_type = SCM_RIGHTS;
		c.head.cmsg_len = CMSG_LEN(sizeof child_fd);
		memcpy(CMSG_DATA(&c.head), &child_fd, sizeof child_fd);
		m.msg_control = c.room;
		m.msg_controllen = sizeof c.room;
	}
	do {
		n = sendmsg(r->spawner_fd, &m, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof *q;
}

/* NULL is "". */
static bool
put_name(char to[NAME_MAX_OCTETS + 1], const char *name)
{
	size_t len = name != NULL ? strlen(name) : 0;

	if (len > NAME_MAX_OCTETS) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(to, name != NULL ? name : "", len);
	return true;
}

bool
spawner_request(struct runner *r, uint32_t tag, const struct identity *who, int child_fd)
{
	struct request q = { .verb = 'S', .kind = (char)who->kind, .tag = tag, .uid = who->uid, .gid = who->gid };

	q.min_uid = r->conf != NULL ? r->conf->min_uid : 100;
	return put_name(q.name, who->name) && put_name(q.table, who->table) && send_request(r, &q, child_fd);
}

void
spawner_kill(struct runner *r, uint32_t tag)
{
	struct request q = { .verb = 'K', .tag = tag };

	send_request(r, &q, -1);
}

static bool
is_marked(int fd, off_t start, off_t len)
{
	struct flock mark = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, F_GETLK, &mark) == 0 && mark.l_type != F_UNLCK;
}

bool
spawner_has_orphans(const struct runner *r)
{
	return is_marked(r->lock_fd, 0, r->spawner_pid) || is_marked(r->lock_fd, r->spawner_pid + 1, 0);
}
