/* tls_identity: a certificate chain and its private key, from PEM files: what one
 * side of a TLS session shows of itself. */
#ifndef PIPEPOST_TLS_IDENTITY_H
#define PIPEPOST_TLS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <skalibs/stralloc.h>

enum {
	TLS_IDENTITY_FILE_MAX = 1024 * 1024,
	TLS_IDENTITY_CHAIN_MAX = 16,		/* certificates */
};

struct tls_identity;

/* Reads the chain (the own certificate first) and the key: RSA or EC (P-256,
 * P-384, P-521), as PKCS#1, SEC1 or PKCS#8. Both may be the same file. The key must
 * belong to the first certificate, its file must not be readable by others or writable
 * by its group. NULL with errno (*why in words, without the file's name;
 * *is_about_key says which of the files it is about): that of open and read, EFBIG,
 * EPROTO (not what it should be, encrypted, too weak), EACCES (its mode), ENOMEM. */
struct tls_identity *tls_identity_read(const char *certificate_path, const char *key_path, const char **why,
    bool *is_about_key);

/* The same from memory; no mode is looked at. */
struct tls_identity *tls_identity_parse(const char *certificate, size_t certificate_len, const char *key,
    size_t key_len, const char **why, bool *is_about_key);

/* The two steps of tls_identity_read(), for a program that may read the files only at its
 * start and learns later whether it needs them: the files as they are, then parse. */
struct tls_identity_files {
	stralloc certificate, key;
};

/* Reads the files and looks at the key's mode. Fails as tls_identity_read does. */
bool tls_identity_load(struct tls_identity_files *f, const char *certificate_path, const char *key_path,
    const char **why, bool *is_about_key);

/* Wipes and frees them. */
void tls_identity_unload(struct tls_identity_files *f);

/* When the first certificate is valid, in Unix seconds. */
int64_t tls_identity_not_before(const struct tls_identity *i);
int64_t tls_identity_not_after(const struct tls_identity *i);

/* Whether the first certificate is for that host (der.h). */
bool tls_identity_covers(const struct tls_identity *i, const char *host);

/* Wipes the key. */
void tls_identity_free(struct tls_identity *i);

#endif
