/* smtp: the pieces of the protocol that server and clients (SMTP, LMTP) share:
 * one line reader, one reply reader, one decoder and one encoder of DATA.
 *
 * Only CRLF ends a line. */
#ifndef PIPEPOST_SMTP_H
#define PIPEPOST_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

enum {
	SMTP_COMMAND_MAX = 512,		/* octets with CRLF, RFC 5321 4.5.3.1.4 */
	SMTP_REPLY_LINE_MAX = 4096,	/* octets of a reply line that we still read (512 by 4.5.3.1.5) */
	SMTP_REPLY_LINES_MAX = 100,	/* lines of one reply */
	SMTP_TEXT_LINE_MAX = 1000,	/* octets with CRLF, 4.5.3.1.6 */
	SMTP_BUFFER = 65536,
};

/* Where octets come from that do not come from a descriptor as they are (a TLS
 * session). read gives at most len octets, waiting for the first until the
 * deadline, or not at all where deadline is NULL. It returns their number, 0 at the
 * end, -1 with errno (EAGAIN: none without waiting). */
struct smtp_source {
	ssize_t (*read)(struct smtp_source *from, char *s, size_t len, const tain *deadline);
};

/* A non-blocking descriptor with what was read ahead. The functions below wait
 * until the absolute deadline. */
struct smtp_input {
	int fd;
	struct smtp_source *source;	/* NULL: fd itself */
	size_t start, end;		/* unread octets: buffer[start..end) */
	char buffer[SMTP_BUFFER];
};

/* Reads at least one octet more into the buffer, making room first. Fails with
 * errno ETIMEDOUT, EPIPE (end of file), ENOBUFS (no room: nothing was
 * consumed), or that of read. */
bool smtp_fill(struct smtp_input *in, const tain *deadline);

/* Throws away what was read ahead, and returns how many octets it was: nothing
 * that came in clear text may count once TLS begins. */
size_t smtp_discard_input(struct smtp_input *in);

/* Reads one line of at most max octets (CRLF included) and leaves it in the
 * buffer: *line (no CRLF, not NUL-ended) is good until the next call.
 * Fails as smtp_fill does, or with EMSGSIZE (too long: consumed up to its end,
 * or as far as the deadline allows), EPROTO (bare CR or LF, or NUL, in the line:
 * consumed up to the next CRLF; where a bare LF has come and no CRLF yet, all that
 * has come is consumed, so that a peer without CRs hears of it at once). */
bool smtp_read_line(struct smtp_input *in, const char **line, size_t *len, size_t max, const tain *deadline);

/* Whether more input is waiting, in the buffer or (without blocking) on fd. The
 * end of file is not input. */
bool smtp_has_input(struct smtp_input *in);

/* ---- replies, as a client reads them ---- */

struct smtp_reply {
	unsigned code;		/* 200-599 */
	stralloc text;		/* the lines' text joined by LF, enhanced code included; no NUL */
};

/* Reads one reply of any number of lines. Fails as smtp_read_line does, or
 * with EPROTO (not a reply, codes differ), EMSGSIZE (too many or too long
 * lines). What a server sends is data: print it only through printable.h. */
bool smtp_read_reply(struct smtp_input *in, struct smtp_reply *r, const tain *deadline);

/* ---- DATA, as a server reads it ---- */

/* A state machine over octets: CRLF becomes LF, a leading dot is taken off,
 * CRLF.CRLF ends. Flaws are remembered, never repaired. */
struct smtp_data {
	int state;			/* smtp.c's own; begins at 0 */
	size_t line_len;		/* octets of the current line, without its end and a doubled dot */
	bool has_bare_cr, has_bare_lf, has_nul, has_long_line, has_8bit;
	uint64_t size;			/* octets of text given out so far */
};

/* What the decoder found in one piece. */
struct smtp_span {
	const char *s;
	size_t len;
};

/* Decodes in place from s[0..len): *used receives the octets consumed, and
 * out[0..*nout) the spans of decoded text (at most nspans, pointing into s,
 * whose octets may be moved, or at a constant). *is_end receives whether CRLF.CRLF was
 * consumed. Where spans run out before the input does, *used is less than len: call
 * again. Two spans always are enough. A bare CR or LF is given out as it came; it
 * ends a line for the count of line_len only. */
void smtp_data_decode(struct smtp_data *d, char *s, size_t len, size_t *used, struct smtp_span *out, size_t nspans,
    size_t *nout, bool *is_end);

/* ---- DATA, as a client writes it ---- */

struct smtp_encoder {
	bool in_line;			/* begins false: at the start of a line */
	size_t line_len;
};

/* Appends the text s[0..len) (LF line ends) as it stands on the wire: CRLF,
 * leading dots doubled, a stray CR sent as a space, lines over 998 octets
 * folded (CRLF and a space, not inside a UTF-8 sequence). Fails with ENOMEM. */
bool smtp_data_encode(stralloc *to, struct smtp_encoder *e, const char *s, size_t len);

/* Appends what ends the data: CRLF if the last line was open, then ".CRLF". */
bool smtp_data_end(stralloc *to, struct smtp_encoder *e);

#endif
