/* confine: see confine.h.
 *
 * The filter of system calls is raw BPF: a search tree over the numbers, since the
 * kernel walks it once for each call there is when it takes it (a list costs three
 * times as much), with comparisons only, so that it remembers the outcome and later
 * calls cost nothing. Landlock costs half as much as the smallest filter. */
#include "lib/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define THIS_ARCH AUDIT_ARCH_RISCV64
#else
#define THIS_ARCH 0	/* its calls are not known here: no filter */
#endif

/* ---- what each group has ---- */

enum { CALLS_MAX = 512 };	/* above the highest number in the tables */

/* Neighbours by number of what is needed are in the lists where they can do no
 * harm: what the filter costs is the number of its ranges. */
static const short basic_calls[] = {
	/* what it has */
	__NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_pwrite64, __NR_close, __NR_lseek,
	__NR_fstat, __NR_fcntl, __NR_dup, __NR_ppoll, __NR_ioctl,
	/* memory */
	__NR_brk, __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_msync, __NR_mincore,
	/* signals, timers, clocks, random octets */
	__NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_restart_syscall, __NR_getitimer,
	__NR_setitimer, __NR_clock_gettime, __NR_clock_getres, __NR_clock_nanosleep, __NR_nanosleep,
	__NR_gettimeofday, __NR_getrandom, __NR_sched_yield, __NR_futex,
	/* itself; abort() ends it with a signal of its own */
	__NR_getpid, __NR_gettid, __NR_tgkill, __NR_geteuid, __NR_getegid, __NR_exit, __NR_exit_group,
	/* sockets that it has, and the log; socket() itself is looked at more closely */
	__NR_connect, __NR_accept, __NR_sendto, __NR_recvfrom, __NR_sendmsg, __NR_recvmsg, __NR_shutdown, __NR_bind,
	__NR_listen, __NR_getsockname, __NR_getpeername, __NR_socketpair, __NR_setsockopt, __NR_getsockopt,
#if defined(__x86_64__)
	__NR_poll, __NR_select, __NR_dup2, __NR_alarm, __NR_pause, __NR_time, __NR_pipe, __NR_sendfile,
	__NR_epoll_wait, __NR_epoll_ctl,
#endif
};

static const short file_calls[] = {
	__NR_openat, __NR_newfstatat, __NR_faccessat, __NR_flock, __NR_getcwd, __NR_getdents64,
#if defined(__x86_64__)
	__NR_open, __NR_stat, __NR_lstat, __NR_access, __NR_readlink, __NR_set_tid_address,
#else
	__NR_readlinkat,
#endif
};

static const short change_calls[] = {
	__NR_linkat, __NR_unlinkat, __NR_fsync, __NR_fdatasync, __NR_truncate, __NR_ftruncate, __NR_fchmod, __NR_fchown,
#if defined(__x86_64__)
	__NR_unlink,
#endif
};

static const short network_calls[] = {
	__NR_socket, __NR_recvmmsg, __NR_sendmmsg, __NR_uname,
};

static const struct group {
	unsigned group;		/* 0: always */
	const short *calls;
	size_t n;
} groups[] = {
#define GROUP(g, calls) { g, calls, sizeof calls / sizeof calls[0] }
	GROUP(0, basic_calls),
	GROUP(CONFINE_FILES, file_calls),
	GROUP(CONFINE_CHANGES, change_calls),
	GROUP(CONFINE_NETWORK, network_calls),
#undef GROUP
};

static void
allow_calls(bool *is_allowed, unsigned wanted)
{
	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
		if ((groups[g].group & ~wanted) == 0)
			for (size_t i = 0; i < groups[g].n; i++)
				is_allowed[groups[g].calls[i]] = true;
}

/* ---- the filter ---- */

enum {
	BOUNDS_MAX = 120,			/* a jump reaches 255 instructions: 2 for each bound */
	PROLOGUE_MAX = 16,
	PROGRAM_MAX = PROLOGUE_MAX + 2 * BOUNDS_MAX + 1,
};

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short len;
};

static void
emit(struct program *p, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
	p->code[p->len++] = (struct sock_filter){ .code = code, .jt = if_true, .jf = if_false, .k = k };
}

static void
emit_outcome(struct program *p, bool is_allowed)
{
	emit(p, BPF_RET | BPF_K, is_allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS, 0, 0);
}

/* The numbers from bounds[i] to the next are all allowed or all not: is_first says it of
 * those below the first bound, and it changes at each. */
static void
emit_tree(struct program *p, const uint32_t *bounds, size_t n, bool is_first)
{
	size_t middle = n / 2;

	if (n == 0) {
		emit_outcome(p, is_first);
		return;
	}
	/* The left half stands next, 2 * middle + 1 instructions long. */
	emit(p, BPF_JMP | BPF_JGE | BPF_K, bounds[middle], (uint8_t)(2 * middle + 1), 0);
	emit_tree(p, bounds, middle, is_first);
	emit_tree(p, bounds + middle + 1, n - middle - 1, is_first ^ ((middle + 1) % 2 == 1));
}

static size_t
find_bounds(uint32_t *bounds, const bool *is_allowed)
{
	size_t n = 0;
	bool was = is_allowed[0];

	for (uint32_t i = 1; i < CALLS_MAX && n < BOUNDS_MAX - 1; i++)
		if (is_allowed[i] != was) {
			was = is_allowed[i];
			bounds[n++] = i;
		}
	if (was)
		bounds[n++] = CALLS_MAX;
	return n;
}

static void
write_program(struct program *p, const bool *is_allowed)
{
	uint32_t bounds[BOUNDS_MAX];
	size_t n = find_bounds(bounds, is_allowed);

	p->len = 0;
	emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	emit_outcome(p, false);
	emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	/* What a tracer has suppressed arrives as -1. */
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1);
	emit_outcome(p, true);
	if (!is_allowed[__NR_socket]) {
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 4);
		emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]), 0, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1);
		emit_outcome(p, true);
		emit_outcome(p, false);
	}
	emit_tree(p, bounds, n, is_allowed[0]);
}

static bool
confine_calls(unsigned wanted)
{
	bool is_allowed[CALLS_MAX] = { false };
	struct program p;
	struct sock_fprog filter;

	if (THIS_ARCH == 0)
		return true;
	allow_calls(is_allowed, wanted);
	write_program(&p, is_allowed);
	filter = (struct sock_fprog){ .len = p.len, .filter = p.code };
	if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0)
		return true;
	return errno == ENOSYS || errno == EINVAL;	/* a kernel without */
}

/* ---- files ---- */

/* Of newer kernels than the headers may be. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif

/* Versions of Landlock, and the octets of struct rules that each knows. */
enum { WITH_REFER = 2, WITH_TCP = 4, WITH_SCOPES = 6, SIZE_FILES = 8, SIZE_TCP = 16, SIZE_SCOPES = 24 };

struct rules {
	uint64_t files;
	uint64_t tcp;		/* bind, connect */
	uint64_t scopes;	/* abstract local sockets, signals: only to what is confined as well */
};
static const uint64_t all_tcp = 3, all_scopes = 3;

static const uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t make_rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER;
static const uint64_t never_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
static const uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

static bool
add_place(int rules, const struct confine_place *place)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = 0 };
	bool is_added;
	int e;

	rule.parent_fd = place->path != NULL ? open(place->path, O_PATH | O_CLOEXEC) : place->fd;
	if (rule.parent_fd == -1)
		return true;
	if (place->rights & CONFINE_READ)
		rule.allowed_access |= read_rights;
	if (place->rights & CONFINE_WRITE)
		rule.allowed_access |= LANDLOCK_ACCESS_FS_WRITE_FILE;
	if (place->rights & CONFINE_MAKE)
		rule.allowed_access |= make_rights;
	is_added = syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	if (!is_added && errno == EINVAL) {	/* a file: it takes no right of directories */
		rule.allowed_access &= of_files;
		is_added = syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	}
	e = errno;
	if (place->path != NULL)
		close(rule.parent_fd);
	errno = e;
	return is_added;
}

static bool
confine_files(unsigned calls, const struct confine_place *places, size_t nplaces)
{
	struct rules all = {
		.files = read_rights | make_rights | never_rights,
		.tcp = calls & CONFINE_NETWORK ? 0 : all_tcp,
		.scopes = all_scopes,
	};
	long version = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	size_t size = version >= WITH_SCOPES ? SIZE_SCOPES : version >= WITH_TCP ? SIZE_TCP : SIZE_FILES;
	int rules;
	bool is_done = true;

	if (version < WITH_REFER)
		return true;	/* without, no link into another directory would be possible */
	rules = (int)syscall(__NR_landlock_create_ruleset, &all, size, 0);
	if (rules == -1)
		return false;
	for (size_t i = 0; is_done && i < nplaces; i++)
		is_done = add_place(rules, &places[i]);
	is_done = is_done && syscall(__NR_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return is_done;
}

bool
confine(unsigned calls, const struct confine_place *places, size_t nplaces)
{
	static const struct rlimit none = { 0, 0 };

	if (IS_SANITIZED)
		return true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || setrlimit(RLIMIT_CORE, &none) == -1 ||
	    setrlimit(RLIMIT_NPROC, &none) == -1)
		return false;
	return (places == NULL || confine_files(calls, places, nplaces)) &&
	    (calls & CONFINE_EVERY_CALL || confine_calls(calls));
}
