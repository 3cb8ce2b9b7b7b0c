/* smtp_tls: what the parts of the program smtp-tls share.
 *
 *   smtp-tls.c        main()
 *   smtp_tls_setup.c  identity, command line, configuration: before anything of the peer's is read
 *   smtp_tls_keys.c   certificates and keys: which there are, which is shown
 *   smtp_tls_serve.c  the session, and what is reported of it */
#ifndef PIPEPOST_SMTP_TLS_H
#define PIPEPOST_SMTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf.h"
#include "lib/tls_anchor.h"
#include "lib/tls_identity.h"

enum {
	HANDSHAKE_SECONDS = 60,		/* from the start to where text can be sent */
	PEER_FD = 0,			/* the client's socket */
	PLAIN_FD = 1,			/* a socket: smtp-recv */
	REPORT_FD = 3,			/* a pipe to smtp-recv, for tls_report.h */
};

/* The files of one pki, as they are on disk. */
struct key_files {
	const struct conf_pki *pki;
	struct tls_identity_files files;
	const char *why;		/* NULL: they could be read */
	const char *path;		/* which one could not */
};

struct smtp_tls {
	bool is_set_id;
	const char *conf_path;
	struct conf_macro macros[CONF_MACROS_MAX];
	size_t nmacros;
	const char *listener_name;	/* -l, or NULL */
	const char *name;		/* -n: the listener's name, or NULL */
	const char *address, *port;	/* the operands, or NULL: the socket's own */
	int handshake_seconds;

	struct conf *conf;
	const struct conf_listen *listen;
	struct key_files *keys;		/* one for each pki, in their order */
	size_t nkeys;
	const struct conf_pki *usual;	/* for who asks for none of the others */
	struct tls_identity *usual_identity, *other_identity;	/* the second: for the name asked for */
	struct tls_anchors *anchors;	/* NULL: no client is asked for a certificate */
};

/* Reports that there is no session, why, and ends the program. */
_Noreturn void serve_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

void setup_take_identity(struct smtp_tls *s);
void setup_read_options(struct smtp_tls *s, int argc, char *argv[]);
void setup_require_descriptors(void);
void setup_find_listener(struct smtp_tls *s);
void setup_drop_privileges(const struct smtp_tls *s);

/* From here on no file can be opened, nobody connected to and no program started. */
void setup_confine(void);

/* Reads the files, and gets ready the identity that is shown most often. */
void keys_read(struct smtp_tls *s);

/* For tls_server.h; arg is the struct smtp_tls. */
const struct tls_identity *keys_choose(void *arg, const char *name);

/* Wipes all of them. */
void keys_free(struct smtp_tls *s);

void serve(struct smtp_tls *s);

#endif
