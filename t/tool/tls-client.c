/* tls-client: the modules of lib/tls*.c on a command line, for t/83-tls-client.t.
 *
 *	tls-client [-a CAFILE] [-v] [-c CERTIFICATE -k KEY] [-s] [-m SECONDS] PORT NAME
 *
 * Connects to 127.0.0.1, does a handshake (-s: after EHLO and STARTTLS), sends
 * "EHLO client" and reads one reply, then reads to the end. Prints one fact a line. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/tls_client.h"

struct run {
	struct tls_client_options options;
	const char *authorities, *certificate, *key;
	bool by_starttls;
	uint16_t port;
	tain deadline;
	struct smtp_input in;
	struct tls *tls;
	struct tls_anchors *anchors;
	struct tls_identity *identity;
};

static void
fact(const char *name, const char *value)
{
	char text[4096];

	printf("%s: %s\n", name, printable_copy(text, sizeof text, value, strlen(value)));
}

static int
fail(const char *what, const char *why)
{
	fact(what, why);
	return 1;
}

static bool
connect_to(struct run *r)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof to) == -1)
		return false;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	r->options.fd = r->in.fd = fd;
	return true;
}

static const char *
why_no_reply(const struct run *r)
{
	if (r->in.source == NULL)
		return strerror(errno);
	return errno == EPIPE ? "close-notify" : tls_reason(r->tls);
}

static bool
read_reply(struct run *r, const char *name)
{
	struct smtp_reply reply = { .text = STRALLOC_ZERO };
	bool is_read = smtp_read_reply(&r->in, &reply, &r->deadline);
	char text[4096], line[4200];

	if (is_read) {
		printable_copy(text, sizeof text, reply.text.s, reply.text.len);
		snprintf(line, sizeof line, "%u %s", reply.code, text);
	}
	fact(name, is_read ? line : why_no_reply(r));
	stralloc_free(&reply.text);
	return is_read;
}

static bool
say(struct run *r, const char *line)
{
	if (r->tls != NULL && r->in.source != NULL)
		return tls_write(r->tls, line, strlen(line), &r->deadline);
	return write(r->in.fd, line, strlen(line)) == (ssize_t)strlen(line);
}

static bool
read_files(struct run *r)
{
	const char *why;
	bool is_about_key;

	if (r->authorities != NULL) {
		r->options.anchors = r->anchors = tls_anchors_read(r->authorities, &why);
		if (r->options.anchors == NULL) {
			fact("authorities", why);
			return false;
		}
	}
	if (r->certificate != NULL) {
		r->options.identity = r->identity =
		    tls_identity_read(r->certificate, r->key, &why, &is_about_key);
		if (r->options.identity == NULL) {
			fact(is_about_key ? "key" : "identity", why);
			return false;
		}
	}
	return true;
}

static void
print_session(struct run *r)
{
	const struct tls_certificate *c = tls_client_certificate(r->tls);
	char line[200];

	fact("certificate", c->is_verified ? "verified" : c->reason);
	fact("subject", c->subject);
	fact("fingerprint", c->fingerprint);
	snprintf(line, sizeof line, "%s %s %u", tls_protocol(r->tls), tls_cipher(r->tls), tls_cipher_bits(r->tls));
	fact("session", line);
}

static int
converse(struct run *r)
{
	char number[32];
	const char *why;

	if (r->by_starttls && (!read_reply(r, "greeting") || !say(r, "EHLO client\r\n") || !read_reply(r, "clear") ||
	    !say(r, "STARTTLS\r\n") || !read_reply(r, "starttls")))
		return 1;
	r->tls = tls_client_new(&r->options, &why);
	if (r->tls == NULL)
		return fail("start", why);
	snprintf(number, sizeof number, "%zu", tls_take_input(r->tls, &r->in));
	fact("thrown away", number);
	if (!tls_handshake(r->tls, &r->deadline)) {
		print_session(r);
		return fail("handshake", tls_reason(r->tls));
	}
	fact("handshake", "done");
	print_session(r);
	if ((!r->by_starttls && !read_reply(r, "greeting")) || !say(r, "EHLO client\r\n") || !read_reply(r, "reply"))
		return 1;
	if (!say(r, "QUIT\r\n"))
		return fail("quit", tls_reason(r->tls));
	while (read_reply(r, "last"))
		;
	tls_close(r->tls, &r->deadline);
	return 0;
}

int
main(int argc, char **argv)
{
	struct run r = { .options.name = "" };
	int seconds = 20, option, code;

	while ((option = getopt(argc, argv, "a:vc:k:sm:")) != -1) {
		switch (option) {
		case 'a': r.authorities = optarg; break;
		case 'v': r.options.verify = true; break;
		case 'c': r.certificate = optarg; break;
		case 'k': r.key = optarg; break;
		case 's': r.by_starttls = true; break;
		case 'm': seconds = (int)strtol(optarg, NULL, 10); break;
		default: return 64;
		}
	}
	if (argc - optind != 2 || (r.certificate == NULL) != (r.key == NULL))
		return 64;
	r.port = (uint16_t)strtol(argv[optind], NULL, 10);
	r.options.name = argv[optind + 1];
	tain_now_set_stopwatch_g();
	tain_addsec_g(&r.deadline, seconds);
	if (!read_files(&r))
		return 1;
	if (!connect_to(&r))
		return fail("connect", strerror(errno));
	code = converse(&r);
	tls_free(r.tls);
	tls_anchors_free(r.anchors);
	tls_identity_free(r.identity);
	return code;
}
