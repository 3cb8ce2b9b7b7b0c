/* router_child: a routing process, which asks what may wait in the runner's place.
 *
 * It is the runner's own image with today's configuration in it, and ends with
 * the runner or with the configuration. It holds no queue file, no lock and no
 * other descriptor of the runner's. A question that it cannot answer is "later". */
#include "queue-run/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <skalibs/selfpipe.h>
#include <skalibs/sig.h>

#include "lib/log.h"
#include "queue-run/route_packet.h"

enum { THE_SOCKET = 3 };

/* False: the runner has gone already. */
static bool
leave_runner(int fd, pid_t runner)
{
	sig_restore(SIGCHLD);
	sig_restore(SIGTERM);
	sig_restore(SIGINT);
	sig_restore(SIGHUP);
	sig_blocknone();
	setpgid(0, 0);		/* its helpers are ended with it */
	closelog();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != runner ||
	    dup2(fd, THE_SOCKET) == -1)
		return false;
	close_range(THE_SOCKET + 1, ~0U, 0);
	log_open("queue-run");
	return fcntl(THE_SOCKET, F_SETFD, FD_CLOEXEC) == 0;
}

/* An answer too long to be sent is none. */
static bool
encode(stralloc *packet, struct route *route, uint64_t refused, const struct conf *c)
{
	if (route_packet_answer(packet, route, refused, c))
		return true;
	route->kind = errno == EMSGSIZE ? ROUTE_BROKEN : ROUTE_LATER;
	route->status = errno == EMSGSIZE ? "4.3.5" : "4.3.0";
	route->nodes.len = 0;
	return stralloc_copys(&route->why, strerror(errno)) &&
	    route_packet_answer(packet, route, refused, c);
}

static bool
answer(struct table_set *tables, const struct conf *c, const char *s, size_t len)
{
	struct route_question q;
	struct facts facts;
	struct route route = ROUTE_ZERO;
	stralloc packet = STRALLOC_ZERO;
	uint64_t sources;
	bool is_sent = route_packet_read_question(&q, &facts, &sources, s, len);

	if (is_sent) {
		table_set_permit(tables, sources);
		route_attempt(&route, c, tables, &q);
		is_sent = encode(&packet, &route, table_set_refused(tables), c) &&
		    send(THE_SOCKET, packet.s, packet.len, MSG_NOSIGNAL) == (ssize_t)packet.len;
	}
	route_free(&route);
	stralloc_free(&packet);
	return is_sent;
}

_Noreturn void
router_child_run(const struct conf *c, int fd, pid_t runner)
{
	static char packet[ROUTE_QUESTION_MAX];
	struct table_set *tables = leave_runner(fd, runner) ? table_set_new(c) : NULL;
	struct pollfd p = { .fd = THE_SOCKET, .events = POLLIN };
	bool keeps_helpers = false;
	ssize_t n;

	if (tables == NULL)
		_exit(111);
	table_set_serve_many(tables);
	for (;;) {
		if (poll(&p, 1, keeps_helpers ? TABLE_BURST_SECONDS * 1000 : -1) > 0) {
			n = recv(THE_SOCKET, packet, sizeof packet, 0);
			if (n <= 0 || !answer(tables, c, packet, (size_t)n))
				break;
		}
		keeps_helpers = table_set_end_recipient(tables);
	}
	table_set_free(tables);
	_exit(0);
}
