/* tls_anchor: the authorities whose word about a certificate counts, read from a file
 * with PEM certificates. */
#ifndef PIPEPOST_TLS_ANCHOR_H
#define PIPEPOST_TLS_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>

#define TLS_ANCHOR_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

enum { TLS_ANCHOR_FILE_MAX = 8 * 1024 * 1024 };

struct tls_anchors;

/* Reads every certificate of the file. One that is no authority is trusted for
 * itself. The keys are looked at only when a chain leads to them. NULL with errno (*why in words): that of open and read, EFBIG (over
 * TLS_ANCHOR_FILE_MAX), EPROTO (not PEM, or without a certificate), ENOMEM. */
struct tls_anchors *tls_anchors_read(const char *path, const char **why);

/* The same from memory. */
struct tls_anchors *tls_anchors_parse(const char *s, size_t len, const char **why);

size_t tls_anchors_count(const struct tls_anchors *a);
void tls_anchors_free(struct tls_anchors *a);

#endif
