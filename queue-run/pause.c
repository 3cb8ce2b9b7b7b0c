/* pause: what the operator has stopped (smtpctl pause): flags in control/.
 *
 * Mail for what is stopped waits in wait/KEY as long as the flag is there. It costs no
 * attempt, so nothing expires meanwhile. See runner.h. */
#include "queue-run/runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

/* Keys begin with 'p', as no lane's does. */
static const char local_key[] = "pmda", remote_key[] = "pmta", domain_key[] = "pd.";
static const char domains_name[] = "pause-domain";

enum { DOMAIN_OCTETS_MAX = 252 };	/* its key is a file name, too */

static bool
has_flag(const struct runner *r, const char *name)
{
	return faccessat(r->queue.place[QUEUE_CONTROL], name, F_OK, 0) == 0;
}

/* Whether the domain may be looked for as a file: no other name comes from an address. */
static bool
is_plain(const char *domain)
{
	return *domain != '\0' && *domain != '.' && strlen(domain) <= DOMAIN_OCTETS_MAX && strchr(domain, '/') == NULL;
}

static bool
is_domain_stopped(const struct runner *r, const char *domain)
{
	char path[sizeof domains_name + 1 + DOMAIN_OCTETS_MAX], *p;

	if (!r->has_paused_domains || !is_plain(domain))
		return false;
	snprintf(path, sizeof path, "%s/%s", domains_name, domain);
	for (p = path; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return has_flag(r, path);
}

/* Anything but dots is a file there. */
static bool
is_empty(DIR *d)
{
	const struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			return false;
	return true;
}

static bool
has_domains(const struct runner *r)
{
	int fd = openat(r->queue.place[QUEUE_CONTROL], domains_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	bool has_some;

	if (d == NULL) {
		if (fd != -1)
			fd_close(fd);
		return false;
	}
	has_some = !is_empty(d);
	closedir(d);
	return has_some;
}

void
pause_look(struct runner *r)
{
	bool was_paused = r->is_local_paused || r->is_remote_paused || r->has_paused_domains;

	r->is_local_paused = has_flag(r, "pause-mda");
	r->is_remote_paused = has_flag(r, "pause-mta");
	r->has_paused_domains = has_domains(r);
	if (was_paused)		/* something may have been resumed */
		r->wait_has_more = r->must_look_at_wait = true;
}

bool
pause_holds_back(const struct runner *r, struct message *m, size_t i, bool is_remote)
{
	const char *at = strrchr(message_recipient(m, i)->text, '@');
	char key[sizeof domain_key + DOMAIN_OCTETS_MAX];

	if (is_remote ? r->is_remote_paused : r->is_local_paused) {
		message_park(m, i, is_remote ? remote_key : local_key);
		return true;
	}
	if (at == NULL || !is_domain_stopped(r, at + 1))
		return false;
	snprintf(key, sizeof key, "%s%s", domain_key, at + 1);
	message_park(m, i, key);
	return true;
}

bool
pause_is_key(const char *key)
{
	return *key == 'p';
}

bool
pause_is_over(const struct runner *r, const char *key)
{
	const char *domain = key + sizeof domain_key - 1;

	if (strcmp(key, local_key) == 0)
		return !r->is_local_paused;
	if (strcmp(key, remote_key) == 0)
		return !r->is_remote_paused;
	return strncmp(key, domain_key, sizeof domain_key - 1) != 0 || !is_domain_stopped(r, domain);
}
