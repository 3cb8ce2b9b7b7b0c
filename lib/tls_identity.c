/* tls_identity: see tls_identity.h. After a failure nothing of a key is left in memory. */
#include "lib/tls_identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/der.h"
#include "lib/pem.h"
#include "lib/tls_internal.h"
#include "lib/wipe.h"

enum {
	RSA_OCTETS_MIN = 256,	/* of the modulus: 2048 bits */
	OTHERS_BITS = 027,	/* of a key file's mode: group may read, nobody else anything */
};

static bool
refuse(int error, const char **why, const char *words)
{
	*why = words;
	errno = error;
	return false;
}

void
tls_identity_free(struct tls_identity *i)
{
	if (i == NULL)
		return;
	for (size_t n = 0; n < i->nchain; n++)
		free(i->chain[n].data);
	explicit_bzero(i, sizeof *i);
	free(i);
}

/* ---- the chain ---- */

static bool
add_certificate(struct tls_identity *i, const stralloc *der, const char **why)
{
	unsigned char *data;

	if (i->nchain == TLS_IDENTITY_CHAIN_MAX)
		return refuse(EPROTO, why, "it has too many certificates");
	data = malloc(der->len + 1);
	if (data == NULL)
		return refuse(ENOMEM, why, "out of memory");
	memcpy(data, der->s, der->len);
	i->chain[i->nchain++] = (br_x509_certificate){ .data = data, .data_len = der->len };
	return true;
}

static bool
read_chain(struct tls_identity *i, struct pem *p, const char **why)
{
	for (;;) {
		switch (pem_next(p)) {
		case PEM_OBJECT:
			if (pem_is_certificate(p) && !add_certificate(i, &p->der, why))
				return false;
			break;
		case PEM_END:
			return i->nchain > 0 || refuse(EPROTO, why, "it has no certificate");
		case PEM_BROKEN:
			return refuse(EPROTO, why, "it is not whole and valid PEM");
		case PEM_NO_MEMORY:
			return refuse(ENOMEM, why, "out of memory");
		}
	}
}

/* ---- the key ---- */

static bool
is_key(const struct pem *p)
{
	return strcasecmp(p->name, "PRIVATE KEY") == 0 || strcasecmp(p->name, "RSA PRIVATE KEY") == 0 ||
	    strcasecmp(p->name, "EC PRIVATE KEY") == 0;
}

static bool
decode_key(struct tls_identity *i, const stralloc *der, const char **why)
{
	br_skey_decoder_init(&i->key);
	br_skey_decoder_push(&i->key, der->s, der->len);
	if (br_skey_decoder_last_error(&i->key) != 0)
		return refuse(EPROTO, why, "the key is not RSA (up to 4096 bits) or EC (P-256, P-384, P-521)");
	i->key_type = br_skey_decoder_key_type(&i->key);
	return true;
}

/* The first key of the text. The file may hold parameters and certificates too. */
static bool
read_key(struct tls_identity *i, struct pem *p, const char **why)
{
	for (;;) {
		switch (pem_next(p)) {
		case PEM_OBJECT:
			if (is_key(p))
				return decode_key(i, &p->der, why);
			break;
		case PEM_END:
			return refuse(EPROTO, why, "it has no private key");
		case PEM_BROKEN:
			return refuse(EPROTO, why, "it is not whole and valid PEM");
		case PEM_NO_MEMORY:
			return refuse(ENOMEM, why, "out of memory");
		}
	}
}

/* ---- both ---- */

static size_t
skip_zeros(const unsigned char **s, size_t len)
{
	while (len > 0 && **s == 0) {
		++*s;
		len--;
	}
	return len;
}

static bool
is_rsa_pair(const br_rsa_private_key *key, const br_rsa_public_key *public)
{
	unsigned char n[BR_X509_BUFSIZE_SIG];
	size_t len = br_rsa_compute_modulus_get_default()(NULL, key), publen;
	const unsigned char *a = n, *b = public->n;

	if (len == 0 || len > sizeof n || br_rsa_compute_modulus_get_default()(n, key) != len)
		return false;
	len = skip_zeros(&a, len);
	publen = skip_zeros(&b, public->nlen);
	return len == publen && memcmp(a, b, len) == 0;
}

static bool
is_ec_pair(const br_ec_private_key *key, const br_ec_public_key *public)
{
	unsigned char q[BR_EC_KBUF_PUB_MAX_SIZE];
	br_ec_public_key own;

	if (br_ec_compute_pub(br_ec_get_default(), &own, q, key) == 0)
		return false;
	return own.curve == public->curve && own.qlen == public->qlen && memcmp(own.q, public->q, own.qlen) == 0;
}

static int64_t
unix_time(uint32_t days, uint32_t seconds)
{
	return ((int64_t)days - TLS_EPOCH_DAYS) * TLS_SECONDS_OF_DAY + seconds;
}

int64_t
tls_identity_not_before(const struct tls_identity *i)
{
	return i->not_before;
}

int64_t
tls_identity_not_after(const struct tls_identity *i)
{
	return i->not_after;
}

bool
tls_identity_covers(const struct tls_identity *i, const char *host)
{
	return der_covers_host((struct der){ .s = i->chain[0].data, .len = i->chain[0].data_len }, host);
}

/* Looks at the certificate as a peer will. */
static bool
check_pair(struct tls_identity *i, const char **why, bool *is_about_key)
{
	br_x509_decoder_context decoder;
	const br_x509_pkey *public;

	*is_about_key = false;
	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, i->chain[0].data, i->chain[0].data_len);
	public = br_x509_decoder_get_pkey(&decoder);
	if (public == NULL)
		return refuse(EPROTO, why, "its first certificate cannot be read, or its key is not RSA or EC");
	i->signer_key_type = (unsigned)br_x509_decoder_get_signer_key_type(&decoder);
	i->not_before = unix_time(decoder.notbefore_days, decoder.notbefore_seconds);
	i->not_after = unix_time(decoder.notafter_days, decoder.notafter_seconds);
	*is_about_key = true;
	if (public->key_type != i->key_type ||
	    (i->key_type == BR_KEYTYPE_RSA ? !is_rsa_pair(br_skey_decoder_get_rsa(&i->key), &public->key.rsa) :
	    !is_ec_pair(br_skey_decoder_get_ec(&i->key), &public->key.ec)))
		return refuse(EPROTO, why, "the key does not belong to the certificate");
	if (i->key_type == BR_KEYTYPE_RSA && public->key.rsa.nlen < RSA_OCTETS_MIN)
		return refuse(EPROTO, why, "the key has fewer than 2048 bits");
	return true;
}

static bool
fill(struct tls_identity *i, const char *certificate, size_t certificate_len, const char *key, size_t key_len,
    const char **why, bool *is_about_key)
{
	struct pem p;
	bool is_good;

	*is_about_key = false;
	pem_start(&p, certificate, certificate_len);
	is_good = read_chain(i, &p, why);
	pem_end(&p);
	if (!is_good)
		return false;
	*is_about_key = true;
	/* "BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED": PEM's reader stumbles over the latter */
	if (memmem(key, key_len, " ENCRYPTED ", 11) != NULL || memmem(key, key_len, ",ENCRYPTED", 10) != NULL)
		return refuse(EPROTO, why, "the key is encrypted; it must be stored without a passphrase");
	pem_start(&p, key, key_len);
	is_good = read_key(i, &p, why);
	pem_end(&p);
	return is_good && check_pair(i, why, is_about_key);
}

struct tls_identity *
tls_identity_parse(const char *certificate, size_t certificate_len, const char *key, size_t key_len,
    const char **why, bool *is_about_key)
{
	struct tls_identity *i = calloc(1, sizeof *i);
	int e;

	*why = "out of memory";
	*is_about_key = false;
	if (i == NULL)
		return NULL;
	if (fill(i, certificate, certificate_len, key, key_len, why, is_about_key))
		return i;
	e = errno;
	tls_identity_free(i);
	errno = e;
	return NULL;
}

static bool
read_file(stralloc *to, const char *path, mode_t *mode, const char **why)
{
	return pem_read_file(to, path, TLS_IDENTITY_FILE_MAX, mode) || refuse(errno, why, strerror(errno));
}

static bool
read_key_file(stralloc *to, const char *path, const char **why)
{
	mode_t mode;

	if (!read_file(to, path, &mode, why))
		return false;
	return (mode & OTHERS_BITS) == 0 || refuse(EACCES, why, "others may read or change it: chmod 600 (or 640)");
}

bool
tls_identity_load(struct tls_identity_files *f, const char *certificate_path, const char *key_path,
    const char **why, bool *is_about_key)
{
	mode_t mode;

	*is_about_key = false;
	if (!read_file(&f->certificate, certificate_path, &mode, why))
		return false;
	*is_about_key = true;
	return read_key_file(&f->key, key_path, why);
}

void
tls_identity_unload(struct tls_identity_files *f)
{
	wipe_and_free(&f->certificate);	/* it may be the same file */
	wipe_and_free(&f->key);
}

struct tls_identity *
tls_identity_read(const char *certificate_path, const char *key_path, const char **why, bool *is_about_key)
{
	struct tls_identity_files f = { .certificate = STRALLOC_ZERO, .key = STRALLOC_ZERO };
	struct tls_identity *i = NULL;
	int e;

	if (tls_identity_load(&f, certificate_path, key_path, why, is_about_key))
		i = tls_identity_parse(f.certificate.s, f.certificate.len, f.key.s, f.key.len, why, is_about_key);
	e = errno;
	tls_identity_unload(&f);
	errno = e;
	return i;
}
