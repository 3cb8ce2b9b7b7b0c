/* sendmail_other: what sendmail(8) is asked for and another program does. */
#ifndef PIPEPOST_SENDMAIL_OTHER_H
#define PIPEPOST_SENDMAIL_OTHER_H

#include "queue-inject/sendmail_options.h"

/* Returns only for SENDMAIL_SUBMIT and SENDMAIL_VERIFY; otherwise this process
 * becomes the other program, or ends with EX_OSFILE (it is not installed),
 * EX_OSERR, or 0 where there is nothing to do. */
void sendmail_become_other(const struct sendmail_options *o);

#endif
