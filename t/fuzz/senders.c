/* Any list and any address: the answer is that for the entries one by one. The address is behind
 * the first NUL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/senders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	size_t len;
	bool fits;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	len = strlen(text);
	if (len < size) {
		fits = senders_match(text, len, text + len + 1, '+');
		/* An entry of everybody's behind a closed list fits all. */
		if (!fits && memchr(text, '"', len) == NULL && memchr(text, '*', len) == NULL && len > 2) {
			memcpy(text + len - 2, ",*", 2);
			if (!senders_match(text, len, text + len + 1, '+'))
				abort();
		}
	}
	free(text);
	return 0;
}
