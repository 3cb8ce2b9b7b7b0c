/* smtp_tls_keys: certificates and keys.
 *
 * They are read from their files once, at the start, as long as the program may. What
 * is wrong with one of them costs the clients that ask for its name: they are shown
 * the usual one, and the log says why. Without the usual one there is no session. */
#include "smtp-recv/smtp_tls.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

static void
read_files(struct key_files *k)
{
	bool is_about_key;

	if (tls_identity_load(&k->files, k->pki->certificate, k->pki->key, &k->why, &is_about_key))
		k->why = NULL;
	else
		k->path = is_about_key ? k->pki->key : k->pki->certificate;
}

static struct key_files *
files_of(struct smtp_tls *s, const struct conf_pki *pki)
{
	return &s->keys[pki - s->conf->pkis];
}

/* NULL: k->why and k->path tell. */
static struct tls_identity *
parse(struct key_files *k)
{
	struct tls_identity *i;
	const char *why;
	bool is_about_key;

	if (k->why != NULL)
		return NULL;
	i = tls_identity_parse(k->files.certificate.s, k->files.certificate.len, k->files.key.s, k->files.key.len,
	    &why, &is_about_key);
	if (i == NULL) {
		k->why = why;
		k->path = is_about_key ? k->pki->key : k->pki->certificate;
	}
	return i;
}

/* The authorities for certificates of clients. */
static void
read_authorities(struct smtp_tls *s)
{
	const char *path = NULL, *why;

	if (*s->listen->ca != '\0')
		path = conf_find_ca(s->conf, s->listen->ca);
	else if (s->listen->verify_client)
		path = *s->usual->ca != '\0' ? s->usual->ca : TLS_ANCHOR_BUNDLE;
	if (path == NULL)
		return;
	s->anchors = tls_anchors_read(path, &why);
	if (s->anchors == NULL)
		serve_fail("%s: %s", path, why);
}

void
keys_read(struct smtp_tls *s)
{
	char own[256];
	const char *name = s->name != NULL ? s->name : *s->listen->hostname != '\0' ? s->listen->hostname :
	    conf_server_name(own, sizeof own);
	struct key_files *k;

	s->usual = conf_find_pki(s->conf, s->listen, name);
	if (s->usual == NULL)
		serve_fail("%s:%u: there is no pki %s, nor one called *", s->listen->at.file, s->listen->at.line, name);
	s->nkeys = s->conf->npkis;
	s->keys = calloc(s->nkeys, sizeof *s->keys);
	if (s->keys == NULL)
		serve_fail("out of memory");
	for (size_t i = 0; i < s->nkeys; i++) {
		s->keys[i].pki = &s->conf->pkis[i];
		read_files(&s->keys[i]);
	}
	k = files_of(s, s->usual);
	s->usual_identity = parse(k);
	if (s->usual_identity == NULL)
		serve_fail("pki %s: %s: %s", s->usual->name, k->path, k->why);
	read_authorities(s);
}

const struct tls_identity *
keys_choose(void *arg, const char *name)
{
	struct smtp_tls *s = arg;
	const struct conf_pki *pki = *name == '\0' ? NULL : conf_find_pki_named(s->conf, name);
	struct key_files *k;

	if (pki == NULL || pki == s->usual)
		return s->usual_identity;
	k = files_of(s, pki);
	s->other_identity = parse(k);
	if (s->other_identity != NULL)
		return s->other_identity;
	log_line("pki %s: %s: %s; pki %s is shown instead", pki->name, k->path, k->why, s->usual->name);
	return s->usual_identity;
}

void
keys_free(struct smtp_tls *s)
{
	for (size_t i = 0; i < s->nkeys; i++)
		tls_identity_unload(&s->keys[i].files);
	free(s->keys);
	tls_identity_free(s->usual_identity);
	tls_identity_free(s->other_identity);
	tls_anchors_free(s->anchors);
}
