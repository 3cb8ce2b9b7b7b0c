/* tls_anchor: see tls_anchor.h.
 *
 * A bundle has some 150 certificates, of which a chain leads to one: reading the file
 * only notes what they are called, and keys are decoded for those that are asked for.
 * Nothing of a file is kept after a failure. */
#include "lib/tls_anchor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "lib/pem.h"
#include "lib/tls_internal.h"

/* Where in the octets of all of them one certificate is, and its subject. */
struct place {
	size_t start, len;
	size_t name_start, name_len;
};

struct tls_anchors {
	stralloc octets;
	genalloc places;	/* of struct place */
};

size_t
tls_anchors_count(const struct tls_anchors *a)
{
	return genalloc_len(struct place, &a->places);
}

void
tls_anchors_free(struct tls_anchors *a)
{
	if (a == NULL)
		return;
	genalloc_free(struct place, &a->places);
	stralloc_free(&a->octets);
	free(a);
}

/* ---- those that are asked for ---- */

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
copy_anchor(br_x509_trust_anchor *to, struct der name, const br_x509_pkey *key, bool is_authority)
{
	size_t keylen = key->key_type == BR_KEYTYPE_RSA ? key->key.rsa.nlen + key->key.rsa.elen : key->key.ec.qlen;
	unsigned char *at = malloc(name.len + keylen + 1);

	if (at == NULL)
		return false;
	*to = (br_x509_trust_anchor){ .flags = is_authority ? BR_X509_TA_CA : 0, .pkey = *key };
	to->dn.len = name.len;
	to->dn.data = copy_octets(&at, name.s, name.len);
	if (key->key_type == BR_KEYTYPE_RSA) {
		to->pkey.key.rsa.n = copy_octets(&at, key->key.rsa.n, key->key.rsa.nlen);
		to->pkey.key.rsa.e = copy_octets(&at, key->key.rsa.e, key->key.rsa.elen);
	} else {
		to->pkey.key.ec.q = copy_octets(&at, key->key.ec.q, key->key.ec.qlen);
	}
	return true;
}

struct der
tls_anchors_name(const struct tls_anchors *a, size_t i)
{
	const struct place *p = genalloc_s(struct place, &a->places) + i;

	return (struct der){ .s = (const unsigned char *)a->octets.s + p->name_start, .len = p->name_len };
}

bool
tls_anchors_find(const struct tls_anchors *a, struct der name, br_x509_trust_anchor *list, size_t *n, size_t max)
{
	const struct place *p = genalloc_s(struct place, &a->places);
	const unsigned char *octets = (const unsigned char *)a->octets.s;

	for (size_t i = 0; i < tls_anchors_count(a) && *n < max; i++) {
		br_x509_decoder_context decoder;
		const br_x509_pkey *key;

		if (!der_is_equal(name, tls_anchors_name(a, i)))
			continue;
		br_x509_decoder_init(&decoder, NULL, NULL);
		br_x509_decoder_push(&decoder, octets + p[i].start, p[i].len);
		key = br_x509_decoder_get_pkey(&decoder);
		if (key == NULL)
			continue;	/* of a kind that can verify nothing */
		if (!copy_anchor(&list[*n], name, key, br_x509_decoder_isCA(&decoder))) {
			errno = ENOMEM;
			return false;
		}
		++*n;
	}
	return true;
}

void
tls_anchors_release(br_x509_trust_anchor *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].dn.data);
}

/* ---- the file ---- */

/* What is no certificate is left out. Fails with ENOMEM. */
static bool
add_certificate(struct tls_anchors *a, const stralloc *der)
{
	struct der all = { .s = (const unsigned char *)der->s, .len = der->len }, issuer, subject;
	struct place p;

	if (!der_find_names(all, &issuer, &subject))
		return true;
	p = (struct place){ .start = a->octets.len, .len = all.len };
	p.name_start = p.start + (size_t)(subject.s - all.s);
	p.name_len = subject.len;
	return stralloc_catb(&a->octets, der->s, der->len) && genalloc_append(struct place, &a->places, &p);
}

static int
add_all(struct tls_anchors *a, struct pem *p, const char **why)
{
	for (;;) {
		switch (pem_next(p)) {
		case PEM_OBJECT:
			if (pem_is_certificate(p) && !add_certificate(a, &p->der))
				return ENOMEM;
			break;
		case PEM_END:
			*why = "it has no certificate";
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
	struct pem p;
	int e;

	*why = "out of memory";
	if (a == NULL)
		return NULL;
	pem_start(&p, s, len);
	e = add_all(a, &p, why);
	pem_end(&p);
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
