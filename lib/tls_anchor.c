/* tls_anchor: see tls_anchor.h. Nothing of a file is kept after a failure. */
#include "lib/tls_anchor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "lib/pem.h"
#include "lib/tls_internal.h"

struct tls_anchors {
	genalloc list;		/* of br_x509_trust_anchor; dn.data is one block with the key */
	size_t nleft_out;
};

static br_x509_trust_anchor *
anchors_of(const struct tls_anchors *a)
{
	return genalloc_s(br_x509_trust_anchor, &a->list);
}

const br_x509_trust_anchor *
tls_anchors_list(const struct tls_anchors *a)
{
	return anchors_of(a);
}

size_t
tls_anchors_count(const struct tls_anchors *a)
{
	return genalloc_len(br_x509_trust_anchor, &a->list);
}

size_t
tls_anchors_left_out(const struct tls_anchors *a)
{
	return a->nleft_out;
}

void
tls_anchors_free(struct tls_anchors *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < tls_anchors_count(a); i++)
		free(anchors_of(a)[i].dn.data);
	genalloc_free(br_x509_trust_anchor, &a->list);
	free(a);
}

static void
take_name(void *to, const void *s, size_t len)
{
	stralloc *dn = to;

	if (!stralloc_catb(dn, s, len))
		dn->len = SIZE_MAX;	/* seen by the caller: no name is that long */
}

/* Copies s[0..len) to *at and moves *at behind it. */
static unsigned char *
copy_octets(unsigned char **at, const void *s, size_t len)
{
	unsigned char *to = *at;

	memcpy(to, s, len);
	*at += len;
	return to;
}

/* An anchor with memory of its own. */
static bool
copy_anchor(br_x509_trust_anchor *to, const stralloc *dn, const br_x509_pkey *key, bool is_authority)
{
	size_t keylen = key->key_type == BR_KEYTYPE_RSA ? key->key.rsa.nlen + key->key.rsa.elen : key->key.ec.qlen;
	unsigned char *at = malloc(dn->len + keylen + 1);

	if (at == NULL)
		return false;
	*to = (br_x509_trust_anchor){ .flags = is_authority ? BR_X509_TA_CA : 0, .pkey = *key };
	to->dn.len = dn->len;
	to->dn.data = copy_octets(&at, dn->s, dn->len);
	if (key->key_type == BR_KEYTYPE_RSA) {
		to->pkey.key.rsa.n = copy_octets(&at, key->key.rsa.n, key->key.rsa.nlen);
		to->pkey.key.rsa.e = copy_octets(&at, key->key.rsa.e, key->key.rsa.elen);
	} else {
		to->pkey.key.ec.q = copy_octets(&at, key->key.ec.q, key->key.ec.qlen);
	}
	return true;
}

/* Adds the certificate, or counts it as left out. Fails with ENOMEM. */
static bool
add_certificate(struct tls_anchors *a, const stralloc *der, stralloc *dn)
{
	br_x509_decoder_context decoder;
	br_x509_trust_anchor anchor;
	const br_x509_pkey *key;

	dn->len = 0;
	br_x509_decoder_init(&decoder, take_name, dn);
	br_x509_decoder_push(&decoder, der->s, der->len);
	key = br_x509_decoder_get_pkey(&decoder);
	if (dn->len == SIZE_MAX)
		return false;
	if (key == NULL) {
		a->nleft_out++;
		return true;
	}
	if (!copy_anchor(&anchor, dn, key, br_x509_decoder_isCA(&decoder)))
		return false;
	if (!genalloc_append(br_x509_trust_anchor, &a->list, &anchor)) {
		free(anchor.dn.data);
		return false;
	}
	return true;
}

static int
add_all(struct tls_anchors *a, struct pem *p, stralloc *dn, const char **why)
{
	for (;;) {
		switch (pem_next(p)) {
		case PEM_OBJECT:
			if (pem_is_certificate(p) && !add_certificate(a, &p->der, dn))
				return ENOMEM;
			break;
		case PEM_END:
			*why = "it has no certificate that can be used";
			return tls_anchors_count(a) > 0 ? 0 : EPROTO;
		case PEM_BROKEN:
			*why = "it is not whole and valid PEM";
			return EPROTO;
		case PEM_NO_MEMORY:
			return ENOMEM;
		}
	}
}

struct tls_anchors *
tls_anchors_parse(const char *s, size_t len, const char **why)
{
	struct tls_anchors *a = calloc(1, sizeof *a);
	stralloc dn = STRALLOC_ZERO;
	struct pem p;
	int e;

	*why = "out of memory";
	if (a == NULL)
		return NULL;
	pem_start(&p, s, len);
	e = add_all(a, &p, &dn, why);
	pem_end(&p);
	stralloc_free(&dn);
	if (e != 0) {
		tls_anchors_free(a);
		a = NULL;
		errno = e;
	}
	return a;
}

struct tls_anchors *
tls_anchors_read(const char *path, const char **why)
{
	struct tls_anchors *a = NULL;
	stralloc text = STRALLOC_ZERO;
	mode_t mode;

	if (pem_read_file(&text, path, TLS_ANCHOR_FILE_MAX, &mode))
		a = tls_anchors_parse(text.s, text.len, why);
	else
		*why = strerror(errno);
	stralloc_free(&text);
	return a;
}
