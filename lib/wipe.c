/* wipe: see wipe.h. What a stralloc left behind when it grew is out of reach: whoever
 * fills one with a secret makes room for all of it first. */
#include "lib/wipe.h"

#include <string.h>

void
wipe_text(stralloc *s)
{
	if (s->s != NULL)
		explicit_bzero(s->s, s->a);
	s->len = 0;
}

void
wipe_and_free(stralloc *s)
{
	wipe_text(s);
	stralloc_free(s);
}
