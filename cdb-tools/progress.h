/* progress: a line on the terminal while a big map is made. */
#ifndef CDB_TOOLS_PROGRESS_H
#define CDB_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
	const char *what;	/* "read", "written" */
	bool is_shown;		/* something stands on the line */
};

/* Call it for every entry: n is how many were done. Shows something on fd 2
 * every PROGRESS_STEP entries if it is a terminal. */
void progress_count(struct progress *p, size_t n);

/* Clears the line. */
void progress_end(struct progress *p);

enum { PROGRESS_STEP = 50000 };

#endif
