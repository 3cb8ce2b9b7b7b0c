/* ctl_doctor: whether this host is set up as a mail server has to be. See ctl.h and doctor.h.
 *
 * Changes nothing but a file in tmp/ of the spool, which goes at once. */
#include "queue-run/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <skalibs/tai.h>

#include "lib/die.h"
#include "lib/place.h"
#include "lib/printable.h"
#include "queue-run/doctor.h"

enum { LINE_ROOM = 1200, DOCTOR_BAD = 1, DOCTOR_UNKNOWN = 2 };

void
doctor_say(struct doctor *d, enum finding f, const char *format, ...)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok", [FINDING_BAD] = "bad", [FINDING_UNKNOWN] = "could not tell",
	};
	char line[LINE_ROOM], clean[LINE_ROOM];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	printf("%s: %s\n", words[f], printable_copy(clean, sizeof clean, line, strlen(line)));
	if (fflush(stdout) == EOF)	/* some answers take their time */
		die_errno(EX_IOERR, "standard output");
	d->has_bad = d->has_bad || f == FINDING_BAD;
	d->has_unknown = d->has_unknown || f == FINDING_UNKNOWN;
}

static void
add_name(struct doctor *d, const char *name)
{
	if (*name == '\0' || d->nnames == DOCTOR_NAMES_MAX)
		return;
	for (size_t i = 0; i < d->nnames; i++)
		if (strcasecmp(d->names[i], name) == 0)
			return;
	d->names[d->nnames++] = name;
}

/* What this host calls itself: in banners, and in EHLO. */
static void
collect_names(struct doctor *d)
{
	add_name(d, conf_server_name(d->host, sizeof d->host));
	if (d->conf == NULL)
		return;
	for (size_t i = 0; i < d->conf->nlistens; i++)
		add_name(d, d->conf->listens[i].hostname);
	for (size_t i = 0; i < d->conf->nrules; i++)
		if (d->conf->rules[i].action == ACTION_RELAY)
			add_name(d, d->conf->rules[i].relay.hostname);
}

static void
read_options(struct doctor *d, const char *const *args)
{
	if (args[0] != NULL && strcmp(args[0], "-x") == 0 && args[1] != NULL) {
		d->outward = args[1];
		args += 2;
	}
	if (args[0] != NULL && args[0][0] == '-')
		ctl_usage("doctor [-x DOMAIN | HOST:PORT] [DOMAIN ...]");
	d->domains = args;
}

static int
verdict(const struct doctor *d)
{
	return d->has_bad ? DOCTOR_BAD : d->has_unknown ? DOCTOR_UNKNOWN : 0;
}

int
ctl_doctor(struct ctl *c, const char *const *args)
{
	struct doctor d = { .spool = c->spool, .conf_path = c->conf };

	read_options(&d, args);
	tain_now_set_stopwatch_g();
	dns_open(&d.dns, place_resolver());
	doctor_configuration(&d);
	collect_names(&d);
	doctor_certificates(&d);		/* keys are for root to read */
	doctor_programs(&d);
	if (!place_become_queue_owner(c->spool))
		doctor_say(&d, FINDING_BAD, "spool %s: queue-init makes it", c->spool);
	else
		doctor_disk(&d);
	doctor_runner(&d);
	doctor_root_mail(&d);
	doctor_names(&d);
	doctor_resolver(&d);
	if (d.has_resolver) {
		doctor_addresses(&d);
		doctor_domains(&d);
	}
	doctor_outward(&d);
	if (d.tables != NULL)
		table_set_free(d.tables);
	if (d.conf != NULL)
		conf_free(d.conf);
	return verdict(&d);
}
