/* doctor: the checks of `smtpctl doctor`. Each says one line, and goes on whatever it finds. */
#ifndef PIPEPOST_DOCTOR_H
#define PIPEPOST_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf.h"
#include "lib/dns.h"
#include "lib/table.h"

enum {
	DOCTOR_NAMES_MAX = 8,		/* names of this host that are looked at */
	DOCTOR_DOMAINS_MAX = 5,		/* domains of the rules; name others on the command line */
	DOCTOR_ADDRESSES_MAX = 4,	/* of one name and family */
	DOCTOR_CONNECT_SECONDS = 10,	/* for the port outward */
	DOCTOR_EXPIRES_DAYS = 14,	/* a certificate that has less is to be renewed */
	DOCTOR_IDLE_SECONDS = 300,	/* a queue that nobody has run for longer */
	DOCTOR_FREE_PERCENT = 5,	/* of the spool's disk */
};

enum finding { FINDING_OK, FINDING_BAD, FINDING_UNKNOWN };

struct doctor {
	const char *spool, *conf_path;
	struct conf *conf;		/* NULL: it does not parse */
	struct table_set *tables;
	char host[256];			/* the server's name */
	const char *names[DOCTOR_NAMES_MAX];	/* and those of its listeners and relays */
	size_t nnames;
	const char *const *domains;	/* of the command line, ended by NULL */
	const char *outward;		/* -x: DOMAIN or HOST:PORT, NULL without */
	struct dns dns;
	bool has_resolver;
	bool has_bad, has_unknown;
};

/* "ok: ", "bad: " or "could not tell: ", then the words, made printable. */
void doctor_say(struct doctor *d, enum finding f, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* doctor_host.c: the configuration, certificates and keys, programs, the spool. Those that want root come first. */
void doctor_configuration(struct doctor *d);
void doctor_certificates(struct doctor *d);
void doctor_programs(struct doctor *d);
void doctor_root_mail(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_runner(struct doctor *d);

/* doctor_dns.c: what others see of this host. */
void doctor_names(struct doctor *d);
void doctor_resolver(struct doctor *d);
void doctor_addresses(struct doctor *d);
void doctor_domains(struct doctor *d);
void doctor_outward(struct doctor *d);

#endif
