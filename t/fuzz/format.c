/* format: any format with any addresses. A command's values hold nothing that a shell acts on. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deliver-local/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input's next string, of what is left of it. */
static char *
next(const char **s, size_t *len)
{
	const char *end = *len == 0 ? NULL : memchr(*s, '\n', *len);
	size_t n = end == NULL ? *len : (size_t)(end - *s);
	char *copy = malloc(n + 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, *s, n);
	copy[n] = '\0';
	*s += end == NULL ? n : n + 1;
	*len -= end == NULL ? n : n + 1;
	return copy;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data, *why = NULL;
	char *format, *sender, *dest, to[FORMAT_MAX + 1];
	struct format_values v = { .rcpt = "a+b@c", .username = "a", .directory = "/home/a", .delimiter = '+' };

	if (size == 0)
		return 0;
	format = next(&s, &size);
	v.sender = sender = next(&s, &size);
	v.dest = dest = next(&s, &size);
	if (!format_expand(to, &why, &v, format) && why == NULL)
		abort();
	v.is_command = true;
	if (format_expand(to, &why, &v, "%{sender:raw} %{dest}") && strcspn(to, "$`;|&<>()'\"\\\n*?") != strlen(to))
		abort();
	free(format);
	free(sender);
	free(dest);
	return 0;
}
