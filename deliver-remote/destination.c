/* destination: see destination.h.
 *
 * A file that cannot be read defers: whether a server is the right one is never
 * taken on trust because our own files are missing. */
#include "deliver-remote/destination.h"

#include <errno.h>
#include <string.h>

#include <skalibs/random.h>

void
destination_init(struct destination *d)
{
	*d = (struct destination){ .param = STRALLOC_ZERO };
	relay_init(&d->relay);
}

void
destination_free(struct destination *d)
{
	relay_free(&d->relay);
	tls_anchors_free(d->anchors);
	tls_identity_free(d->identity);
	stralloc_free(&d->param);
	destination_init(d);
}

bool
destination_is(const struct destination *d, const char *param)
{
	return d->param.len > 0 && strcmp(d->param.s, param) == 0;
}

static bool
fail(struct outcome *why, const char *what, const char *path, const char *words)
{
	outcome_set(why, VERDICT_UNREACHABLE, "4.3.5 The %s %s cannot be used: %s", what, path, words);
	return false;
}

static bool
load_anchors(struct destination *d, struct outcome *why)
{
	const char *path = *d->relay.ca != '\0' ? d->relay.ca : TLS_ANCHOR_BUNDLE, *words = "";

	if (!d->relay.verify && *d->relay.ca == '\0')
		return true;
	d->anchors = tls_anchors_read(path, &words);
	return d->anchors != NULL || fail(why, "file of authorities", path, words);
}

static bool
load_identity(struct destination *d, struct outcome *why)
{
	const struct relay *r = &d->relay;
	const char *words = "";
	bool is_about_key = false;

	if (*r->certificate == '\0')
		return true;
	d->identity = tls_identity_read(r->certificate, r->key, &words, &is_about_key);
	return d->identity != NULL || fail(why, is_about_key ? "key" : "certificate",
	    is_about_key ? r->key : r->certificate, words);
}

static bool
take(struct destination *d, const char *param, struct outcome *why)
{
	if (!relay_decode(&d->relay, param)) {
		outcome_set(why, VERDICT_DEFERRED, errno == ENOMEM ? "4.3.0 out of memory" :
		    "4.3.5 The job's destination is none: runner and deliver-remote are of different versions");
		return false;
	}
	if (d->relay.tls != TLS_NEVER && (!load_anchors(d, why) || !load_identity(d, why)))
		return false;
	d->turn = random_uint32(UINT32_MAX);	/* processes are many: not all begin with the first source */
	if (stralloc_cats(&d->param, param) && stralloc_0(&d->param))
		return true;
	outcome_set(why, VERDICT_DEFERRED, "4.3.0 out of memory");
	return false;
}

bool
destination_take(struct destination *d, const char *param, struct outcome *why)
{
	destination_free(d);
	if (take(d, param, why))
		return true;
	destination_free(d);
	return false;
}
