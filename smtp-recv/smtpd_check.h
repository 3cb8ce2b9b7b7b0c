/* smtpd_check: what the parts of smtpd -n share.
 *
 *   smtpd_check.c       messages, tables, programs, names
 *   smtpd_check_keys.c  certificates and keys
 *   smtpd_check_auth.c  tables of credentials */
#ifndef PIPEPOST_SMTPD_CHECK_H
#define PIPEPOST_SMTPD_CHECK_H

#include "lib/table.h"
#include "smtp-recv/smtpd.h"

enum severity { SAY_ERROR, SAY_WARNING, SAY_NOTE };

struct check {
	const struct conf *c;
	struct table_set *tables;
	size_t nerrors;
	bool is_verbose;
};

/* Prints "file:line: [warning: ]text" on standard error, and counts errors. */
void check_report(struct check *k, const struct conf_place *at, enum severity severity, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What only root or the program's own account may read is no error for others. */
enum severity check_severity_of(int error);

/* Certificates, keys and authorities, and whether each listener has one to show. */
void check_keys(struct check *k);

/* Whether tables that listeners ask hold hashes, and whether secrets are open to everybody. */
void check_credentials(struct check *k);

#endif
