/* progress: see progress.h. What cannot be shown is not an error. */
#include "cdb-tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/die.h"

void
progress_count(struct progress *p, size_t n)
{
	if (n % PROGRESS_STEP != 0 || !isatty(2))
		return;
	dprintf(2, "\r%s: %zu entries %s", PROG, n, p->what);
	p->is_shown = true;
}

void
progress_end(struct progress *p)
{
	if (p->is_shown)
		dprintf(2, "\r\033[K");
	p->is_shown = false;
}
