/* Requests to the runner and lines of control/hosts: what is read is written the same, and names nothing outside the
 * spool. */
#include "queue-run/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	stralloc line = STRALLOC_ZERO;
	struct request r, again;

	if (!request_parse(&r, (const char *)data, size))
		return 0;
	require(r.path[0] != '/' && r.path[0] != '.' && strstr(r.path, "/.") == NULL && strchr(r.path, '\n') == NULL);
	require(request_append(&line, &r) && line.len > 0 && line.s[line.len - 1] == '\n');
	require(request_parse(&again, line.s, line.len - 1));
	require(again.verb == r.verb && again.which.id_len == r.which.id_len && again.which.recipient == r.which.recipient &&
	    strcmp(again.path, r.path) == 0 && strcmp(again.domain, r.domain) == 0 &&
	    strcmp(again.sender, r.sender) == 0);
	stralloc_free(&line);
	return 0;
}
