/* Any octets as a login and as a password: what comes out is UTF-8 without controls, and stays as
 * it is when it is prepared again. The first octet chooses the profile. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "lib/saslprep.h"

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
	char once[SASLPREP_MAX + 1], again[SASLPREP_MAX + 1];
	enum saslprep_profile profile;

	if (size == 0)
		return 0;
	profile = (enum saslprep_profile)(data[0] % 3);
	if (!saslprep(once, sizeof once, profile, (const char *)data + 1, size - 1))
		return 0;
	require(once[0] != '\0');
	for (size_t i = 0, n; once[i] != '\0'; i += n) {
		n = printable_character(once + i, strlen(once + i));
		require(n > 0);
		require(profile != SASLPREP_LOGIN || once[i] < 'A' || once[i] > 'Z');
	}
	require(saslprep(again, sizeof again, profile, once, strlen(once)));
	require(strcmp(once, again) == 0);
	return 0;
}
