/* smtp_tls_serve: the session, and the report about it.
 *
 * smtp-recv answers 220 only when it has heard READY: where no certificate can be
 * shown the client hears so in words. */
#include "smtp-recv/smtp_tls.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/tai.h>

#include "lib/tls_relay.h"
#include "lib/tls_report.h"
#include "lib/tls_server.h"

/* A report that cannot be written is for somebody who has gone. */
static void
report(const struct tls_report *r)
{
	stralloc record = STRALLOC_ZERO;

	if (tls_report_write(&record, r))
		allwrite(REPORT_FD, record.s, record.len);
	stralloc_free(&record);
}

static void
report_reason(enum tls_report_kind kind, const char *reason)
{
	report(&(struct tls_report){ .kind = kind, .reason = reason });
}

_Noreturn void
serve_fail(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	report_reason(TLS_REPORT_FAILED, text);
	exit(0);
}

static void
report_open(const struct smtp_tls *s, const struct tls *t)
{
	const struct tls_certificate *c = tls_server_certificate(t);
	char bits[16];

	snprintf(bits, sizeof bits, "%u", tls_cipher_bits(t));
	report(&(struct tls_report){
		.kind = TLS_REPORT_OPEN, .protocol = tls_protocol(t), .cipher = tls_cipher(t), .bits = bits,
		.name = tls_server_name(t), .subject = c->subject, .fingerprint = c->fingerprint,
		.certificate = s->anchors == NULL ? "none" : c->is_verified ? "verified" : c->reason,
	});
}

void
serve(struct smtp_tls *s)
{
	struct tls_server_options options = {
		.fd = PEER_FD, .choose = keys_choose, .arg = s, .anchors = s->anchors,
		.verify = s->listen->verify_client,
	};
	const char *why;
	struct tls *t = tls_server_new(&options, &why);
	tain deadline;

	if (t == NULL)
		serve_fail("%s", why);
	setup_confine();
	tain_addsec_g(&deadline, s->handshake_seconds);
	report_reason(TLS_REPORT_READY, "");
	if (!tls_handshake(t, &deadline)) {
		report_reason(TLS_REPORT_FAILED, tls_reason(t));
	} else {
		report_open(s, t);
		if (!tls_relay(t, PLAIN_FD))
			report_reason(TLS_REPORT_CUT, tls_reason(t));
	}
	tls_free(t);
}
