/* reply: any octets, in pieces of any size, as what a server says: replies are read, the offers in them, and
 * made into words. Nothing of it may be longer than said, or hold what is not printable. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deliver-remote/credentials.h"
#include "deliver-remote/extension.h"
#include "deliver-remote/outcome.h"
#include "lib/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
	struct smtp_source source;	/* must be first */
	const uint8_t *data;
	size_t len, piece;
};

static ssize_t
feed_read(struct smtp_source *from, char *s, size_t len, const tain *deadline)
{
	struct feed *f = (struct feed *)from;

	(void)deadline;
	if (len > f->piece)
		len = f->piece;
	if (len > f->len)
		len = f->len;
	memcpy(s, f->data, len);
	f->data += len;
	f->len -= len;
	return (ssize_t)len;
}

static void
check_words(const struct smtp_reply *r)
{
	struct outcome o;

	outcome_set_reply(&o, VERDICT_DEFERRED, "mx.example.net[192.0.2.1]", r);
	if (strlen(o.reason) > JOB_REASON_MAX || o.reason[0] != '4')
		abort();
	for (const char *s = o.reason; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			abort();
}

static void
check_offer(const struct smtp_reply *r)
{
	struct extensions x;

	extension_read(&x, r->text.s, r->text.len);
	if (strlen(x.auth) > EXTENSION_AUTH_MAX)
		abort();
}

static void
check_credentials(const uint8_t *data, size_t size)
{
	struct secret secret = SECRET_ZERO;
	const char *reason;

	if (credentials_parse(&secret, &reason, (const char *)data, size)) {
		if (secret.user.len == 0 || secret.user.len > SECRET_USER_MAX || secret.text.len == 0 ||
		    secret.text.len > SECRET_MAX)
			abort();
	} else if (reason != NULL && strlen(reason) != size - 2) {
		abort();
	}
	secret_free(&secret);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct smtp_input in;
	struct smtp_reply r = { .text = STRALLOC_ZERO };
	struct feed f = { .source = { feed_read } };
	tain deadline;

	if (size == 0)
		return 0;
	check_credentials(data, size);
	f.piece = data[0] + 1u;
	f.data = data + 1;
	f.len = size - 1;
	in.fd = -1;
	in.source = &f.source;
	in.start = in.end = 0;
	tain_now_g();
	tain_addsec_g(&deadline, 60);
	for (int i = 0; i < 100; i++) {
		if (smtp_read_reply(&in, &r, &deadline)) {
			if (r.code < 200 || r.code > 599)
				abort();
			check_words(&r);
			check_offer(&r);
		} else if (errno == EPIPE) {
			break;
		}
	}
	stralloc_free(&r.text);
	return 0;
}
