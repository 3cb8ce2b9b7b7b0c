/* tls_report: what smtp-tls tells smtp-recv of a session, one way, through a pipe.
 *
 * Pure. smtp-tls reads what strangers send, so that the reader takes nothing for
 * granted: lengths are bounded, and what is not printable ASCII is no report. */
#ifndef PIPEPOST_TLS_REPORT_H
#define PIPEPOST_TLS_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

enum { TLS_REPORT_MAX = 2048 };		/* octets of one record */

enum tls_report_kind {
	TLS_REPORT_READY = 'R',		/* certificate and key are there, the handshake can begin */
	TLS_REPORT_FAILED = 'F',	/* before READY: the client has not noticed; after: it is lost */
	TLS_REPORT_OPEN = 'O',		/* the handshake is done */
	TLS_REPORT_CUT = 'C',		/* the session did not end as it should */
};

/* Text that is not there is "". In a report that was read it points into the record. */
struct tls_report {
	enum tls_report_kind kind;
	const char *reason;		/* FAILED, CUT: in words */
	const char *protocol;		/* OPEN: "TLSv1.2" */
	const char *cipher;		/* OPEN: IANA's name */
	const char *bits;		/* OPEN: "128" */
	const char *name;		/* OPEN: the name the client asked for */
	const char *certificate;	/* OPEN: "verified", or why the client's is not, or "none" if none was wanted */
	const char *subject;		/* OPEN: the common name in it */
	const char *fingerprint;	/* OPEN: its SHA-256 in hexadecimal */
};

/* Appends the record: the kind's letter and its texts, each ended by NUL. Octets that
 * may not stand in it become "?". Fails with errno ENOMEM, EMSGSIZE. */
bool tls_report_write(stralloc *to, const struct tls_report *r);

/* Reads one record from the start of s[0..len), and its length into *used. False with
 * errno EAGAIN (it is not whole yet), EPROTO (it is none). */
bool tls_report_read(struct tls_report *r, size_t *used, const char *s, size_t len);

#endif
