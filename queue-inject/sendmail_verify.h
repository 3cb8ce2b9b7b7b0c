/* sendmail_verify: sendmail -bv, a dry run of the rules. */
#ifndef PIPEPOST_SENDMAIL_VERIFY_H
#define PIPEPOST_SENDMAIL_VERIFY_H

#include "queue-inject/sendmail_options.h"

/* Prints what today's smtpd.conf would do with each argument, aliases followed,
 * as for mail from the caller. Returns 0 where all of it has somewhere to go,
 * EX_NOUSER where something is refused, EX_TEMPFAIL where that could not be
 * told; ends with EX_USAGE (no address), EX_DATAERR, EX_CONFIG. */
int sendmail_verify(const struct sendmail_options *o);

#endif
