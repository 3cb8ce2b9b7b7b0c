/* job: how queue-run and its delivery processes talk, over a stream socket pair
 * that the delivery process has as fd 0.
 *
 * Both directions carry frames: four octets length (big-endian), one octet
 * type, then the body of length-1 octets.
 *
 *	runner -> process   JOB      fields, then `text_size` octets of text outside the frame
 *	                             (deliver-local), or one descriptor passed beside it (deliver-remote)
 *	process -> runner   VERDICTS one per recipient, in order; one frame per job, in the order of the jobs
 *	                    STUCK    (from the spawner) the process could not be started: reason
 *
 * The runner may send further jobs before the verdicts of the first are there.
 * End of file in the middle of a frame or of the text means that the other
 * side died: the process delivers nothing of it, the runner defers. */
#ifndef PIPEPOST_JOB_H
#define PIPEPOST_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

enum {
	JOB_HEAD = 5,				/* octets of length and type */
	JOB_FRAME_MAX = 4 * 1024 * 1024,	/* length of a frame at most */
	JOB_REASON_MAX = 1000,			/* octets of a verdict's reason */
	JOB_NODES_MAX = 100,			/* nodes that an expansion may report */
	JOB_NODES_SIZE_MAX = 4096,		/* octets of them */
	JOB_TEXT_MARK = 'q',			/* the octet that carries the descriptor of the text */
};

enum job_frame {
	JOB_FRAME_JOB = 'J',
	JOB_FRAME_VERDICTS = 'V',
	JOB_FRAME_STUCK = 'S',
};

/* Fixed letters: they go over the socket. */
enum job_action {
	JOB_NONE = 'n',		/* nothing but .forward: without one the verdict is param: 'D' or 'Z' and a reason */
	JOB_MBOX = 'b',		/* append to param (format, "" = the system mailbox of the user; "~/mbox" for a
				   table row: where the home itself is a file, that file) */
	JOB_MAILDIR = 'd',	/* into param (format, "" = ~/Maildir) */
	JOB_MDA = 'c',		/* run param (format) by /bin/sh -c */
	JOB_LMTP = 'l',		/* to param: host:port or /socket */
	JOB_FILE = 'f',		/* append to the absolute path param, mbox format; nothing is expanded in it */
	JOB_PIPE = 'p',		/* run param by /bin/sh -c; nothing is expanded in it */
	JOB_INCLUDE = 'i',	/* read the file param and report its nodes; no text is used */
	JOB_RELAY = 'r',	/* deliver-remote: param is encoded by its own module */
};

struct job_recipient {
	const char *original;	/* the address of the envelope: %{rcpt} */
	const char *address;	/* after expansion: %{dest}, Delivered-To */
	const char *notify, *orcpt;
};

struct job {
	const char *id;			/* queue id, for logs */
	enum job_action action;
	const char *param;
	const char *reverse_path;
	const char *user;		/* account or row name: %{user.username}, USER, LOGNAME */
	const char *home;		/* %{user.directory}, HOME */
	bool reads_forward;		/* look for ~/.forward first */
	bool lmtp_rcpt_to;		/* LMTP: RCPT with the full address, not the user name */
	bool makes_home;		/* a table row's home is made where only it is missing; an account's never */
	char delimiter;			/* sub-address delimiter, for folders and %{…:strip} */
	uint32_t deadline_seconds;	/* for the whole job */
	const char *origin;		/* client address or "local", for the environment of commands */
	const char *helo, *auth_user;	/* likewise */
	const char *ret, *envid;	/* JOB_RELAY: as in struct facts, for MAIL; NULL is "" to the encoder */
	bool is_smtputf8;		/* JOB_RELAY: the client asked for SMTPUTF8 */
	uint64_t text_size;		/* octets of text that follow */
	genalloc recipients;		/* struct job_recipient */
};

enum verdict {
	VERDICT_DELIVERED = 'K',	/* and durable */
	VERDICT_PASSED_ON = 'P',	/* the same, to a server that knows DSN: to tell of success is its business now */
	VERDICT_DEFERRED = 'Z',
	VERDICT_UNREACHABLE = 'U',	/* deferred, because nobody answered at the whole destination, or TLS, AUTH
					 * or DNS failed for all of it for now: the runner spares it further
					 * attempts for a while */
	VERDICT_FAILED = 'D',
	VERDICT_EXPANDED = 'E',		/* reason holds the nodes: a node list (node.h) with LF for NUL */
};

struct job_verdict {
	enum verdict verdict;
	const char *reason;		/* printable, one line, may begin with an enhanced status code */
};

/* Appends a whole frame. The text is not part of it. Reasons over
 * JOB_REASON_MAX are cut. Fails with ENOMEM, or EMSGSIZE where the frame would
 * be over JOB_FRAME_MAX; *to is then as it was. */
bool job_encode(stralloc *to, const struct job *j);
bool job_encode_verdicts(stralloc *to, const struct job_verdict *v, size_t n);
bool job_encode_stuck(stralloc *to, const char *reason);

/* Looks at s[0..len), the octets received so far. *size receives the whole
 * frame's octets (JOB_HEAD included) once its head is there, else 0.
 * Fails with errno EPROTO (unknown type), EMSGSIZE (over JOB_FRAME_MAX). */
bool job_scan_frame(enum job_frame *type, size_t *size, const char *s, size_t len);

/* Decodes the body of a frame (behind JOB_HEAD); pointers go into body. The
 * caller frees j->recipients (GENALLOC_ZERO at first; repeated calls reuse it).
 * v is a genalloc of struct job_verdict, likewise. Fail with errno EPROTO
 * (grammar; no recipient; a reason that is too long or holds control octets), ENOMEM. */
bool job_decode(struct job *j, const char *body, size_t len);
bool job_decode_verdicts(genalloc *v, const char *body, size_t len);

/* The reason of a STUCK frame, in body, or NULL with errno EPROTO. */
const char *job_decode_stuck(const char *body, size_t len);

#endif
