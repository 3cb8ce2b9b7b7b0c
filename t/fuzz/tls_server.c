/* tls_server: any octets from a peer as a handshake, and behind it. BearSSL has to cope with them; so
 * has what is around it: names asked for, reasons, what is sent to whom. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/tls_server.h"

/* A key that opens nothing. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbzCCARSgAwIBAgITNv59n9cYf+7jYwIVPz6saMRL+jAKBggqhkjOPQQDAjAM\n"
    "MQowCAYDVQQDDAFtMCAXDTI2MTEyNTIyMTcyMVoYDzIxMjYxMTAxMjIxNzIxWjAM\n"
    "MQowCAYDVQQDDAFtMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOhiMRGcLjVuG\n"
    "Un482x9DIkVKXxdBDTJa/2RrxKIHR2HdJxdEDSSHLg2WNLxebKy7iH+f1UYYi+RN\n"
    "w32g3t7FGqNTMFEwHQYDVR0OBBYEFOSl+djf2k4jd2GsQ2mns8jEQN00MB8GA1Ud\n"
    "IwQYMBaAFOSl+djf2k4jd2GsQ2mns8jEQN00MA8GA1UdEwEB/wQFMAMBAf8wCgYI\n"
    "KoZIzj0EAwIDSQAwRgIhAOQXXzMVve1trczBdGzbsKN0lZv++CsOtu9Dx3zPeMIJ\n"
    "AiEA12XBRfeqo7T0dw/eXkjZCEdyCWvBtpufCqMnVfEO57c=\n"
    "-----END CERTIFICATE-----\n";
static const char key[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIKQLfW79ikfE0THDx0FGDJTJPFUd6cwiRROGQjzhurQtoAoGCCqGSM49\n"
    "AwEHoUQDQgAEOhiMRGcLjVuGUn482x9DIkVKXxdBDTJa/2RrxKIHR2HdJxdEDSSH\n"
    "Lg2WNLxebKy7iH+f1UYYi+RNw32g3t7FGg==\n"
    "-----END EC PRIVATE KEY-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tls_identity *
choose(void *arg, const char *name)
{
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") != strlen(name) || strlen(name) > TLS_SERVER_NAME_MAX)
		abort();
	return arg;
}

/* What fits into the socket at once. */
static int
open_peer(int fd[2], const uint8_t *data, size_t size)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1)
		abort();
	if (send(fd[1], data, size, 0) != (ssize_t)size && size > 0)
		return -1;
	shutdown(fd[1], SHUT_WR);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_identity *identity;
	struct tls_server_options o = { .choose = choose };
	bool is_about_key;
	const char *why;
	struct tls *t;
	tain deadline;
	int fd[2];

	if (identity == NULL)
		identity = tls_identity_parse(certificate, sizeof certificate - 1, key, sizeof key - 1, &why,
		    &is_about_key);
	if (identity == NULL || open_peer(fd, data, size) == -1)
		abort();
	o.arg = identity;
	o.fd = fd[0];
	t = tls_server_new(&o, &why);
	tain_now_g();
	tain_addsec_g(&deadline, 5);
	if (t == NULL || tls_handshake(t, &deadline) || *tls_reason(t) == '\0')
		abort();	/* nobody guesses a handshake */
	tls_free(t);
	close(fd[0]);
	close(fd[1]);
	return 0;
}
