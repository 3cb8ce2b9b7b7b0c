/* connect: a connection to an LMTP server, with a deadline. */
#include "deliver-local/lmtp.h"
#include "lib/wait.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STREAM_SOCKET = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

/* Waits for a connect() under way. */
static bool
is_connected(int fd, const tain *deadline)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (!wait_writable(fd, deadline) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return false;
	errno = error;
	return error == 0;
}

static int
connect_to(const struct sockaddr *address, socklen_t len, const tain *deadline)
{
	int fd = socket(address->sa_family, STREAM_SOCKET, 0), error;

	if (fd == -1)
		return -1;
	if (connect(fd, address, len) == 0 || (errno == EINPROGRESS && is_connected(fd, deadline)))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
connect_unix(const char *path, const tain *deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, len + 1);
	return connect_to((const struct sockaddr *)&address, sizeof address, deadline);
}

/* Splits host:port; brackets around an address are taken off. */
static bool
split_destination(char host[NI_MAXHOST], char port[NI_MAXSERV], const char *destination)
{
	const char *colon = strrchr(destination, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - destination);

	if (len > 1 && destination[0] == '[' && destination[len - 1] == ']') {
		destination++;
		len -= 2;
	}
	if (len == 0 || len >= NI_MAXHOST || colon[1] == '\0' || strlen(colon + 1) >= NI_MAXSERV)
		return false;
	snprintf(host, NI_MAXHOST, "%.*s", (int)len, destination);
	snprintf(port, NI_MAXSERV, "%s", colon + 1);
	return true;
}

static int
connect_host(const char *destination, const char **why, const tain *deadline)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list = NULL;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	int fd = -1, r;

	*why = "not host:port";
	if (!split_destination(host, port, destination))
		return -1;
	r = getaddrinfo(host, port, &hints, &list);
	if (r != 0) {
		*why = r == EAI_SYSTEM ? NULL : gai_strerror(r);
		return -1;
	}
	*why = NULL;
	for (const struct addrinfo *a = list; a != NULL && fd == -1; a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen, deadline);
	r = errno;
	freeaddrinfo(list);
	errno = r;
	return fd;
}

int
lmtp_connect(const char *destination, const char **why, const tain *deadline)
{
	*why = NULL;
	if (destination[0] == '/')
		return connect_unix(destination, deadline);
	return connect_host(destination, why, deadline);
}
