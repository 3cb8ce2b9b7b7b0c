/* smtpd_check_keys: certificates and keys, as smtp-tls and deliver-remote will find them. */
#include "smtp-recv/smtpd_check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/tls_anchor.h"
#include "lib/tls_identity.h"

enum { EXPIRES_SOON_DAYS = 7, SECONDS_OF_DAY = 86400 };

/* True where the file can be used as far as its mode goes. */
static bool
check_file(struct check *k, const struct conf_place *at, const char *what, const char *path, mode_t bad)
{
	struct stat st;

	if (*path == '\0')
		return false;
	if (stat(path, &st) == -1 || access(path, R_OK) == -1)
		check_report(k, at, check_severity_of(errno), "%s: cannot read %s: %s", what, path, strerror(errno));
	else if ((st.st_mode & bad) != 0)
		check_report(k, at, SAY_ERROR, "%s: insecure permissions on %s: %03o must not have %03o", what, path,
		    (unsigned)(st.st_mode & 0777), (unsigned)bad);
	else
		return true;
	return false;
}

static void
check_dates(struct check *k, const struct conf_pki *p, const struct tls_identity *i)
{
	int64_t now = time(NULL);

	if (tls_identity_not_after(i) < now)
		check_report(k, &p->at, SAY_WARNING, "pki %s: %s has expired", p->name, p->certificate);
	else if (tls_identity_not_before(i) > now)
		check_report(k, &p->at, SAY_WARNING, "pki %s: %s is not valid yet", p->name, p->certificate);
	else if (tls_identity_not_after(i) < now + EXPIRES_SOON_DAYS * SECONDS_OF_DAY)
		check_report(k, &p->at, SAY_WARNING, "pki %s: %s expires in less than %d days", p->name,
		    p->certificate, EXPIRES_SOON_DAYS);
}

static void
check_pair(struct check *k, const struct conf_pki *p)
{
	const char *why;
	bool is_about_key;
	struct tls_identity *i = tls_identity_read(p->certificate, p->key, &why, &is_about_key);

	if (i == NULL)
		check_report(k, &p->at, SAY_ERROR, "pki %s: %s: %s", p->name, is_about_key ? p->key : p->certificate,
		    why);
	else
		check_dates(k, p, i);
	tls_identity_free(i);
}

static void
check_pki(struct check *k, const struct conf_pki *p)
{
	bool has_certificate = check_file(k, &p->at, "pki certificate", p->certificate, 0022);

	if (check_file(k, &p->at, "pki key", p->key, 0037) && has_certificate)
		check_pair(k, p);
}

static void
check_authorities(struct check *k, const struct conf_place *at, const char *what, const char *path)
{
	struct tls_anchors *a;
	const char *why;

	if (!check_file(k, at, what, path, 0022))
		return;
	a = tls_anchors_read(path, &why);
	if (a == NULL)
		check_report(k, at, SAY_ERROR, "%s: %s: %s", what, path, why);
	tls_anchors_free(a);
}

/* Every listener with TLS has a certificate to show, whatever name a client asks for. */
static void
check_listener(struct check *k, const struct conf_listen *l)
{
	char own[256];
	const char *name = *l->hostname != '\0' ? l->hostname : conf_server_name(own, sizeof own);

	if ((!l->starttls && !l->smtps) || l->hostnames != NULL || conf_find_pki(k->c, l, name) != NULL)
		return;
	check_report(k, &l->at, SAY_ERROR, "listen: there is no pki %s to show; name one here with pki NAME, or add: "
	    "pki \"*\" certificate \"FILE\" and: pki \"*\" key \"FILE\"", name);
}

void
check_keys(struct check *k)
{
	for (size_t i = 0; i < k->c->npkis; i++) {
		check_pki(k, &k->c->pkis[i]);
		check_authorities(k, &k->c->pkis[i].at, "pki ca", k->c->pkis[i].ca);
	}
	for (size_t i = 0; i < k->c->ncas; i++)
		check_authorities(k, &k->c->cas[i].at, "ca certificate", k->c->cas[i].certificate);
	for (size_t i = 0; i < k->c->nlistens; i++)
		check_listener(k, &k->c->listens[i]);
}
