/* Any octets on fd 3: a login and a password within them, or neither. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtp-recv/auth_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_input in;

	if (size > CHECKPASSWORD_MAX)
		return 0;
	memcpy(in.text, data, size);
	in.len = size;
	if (!auth_input_scan(&in))
		return 0;
	if (in.login != in.text || in.password <= in.login ||
	    in.password + strlen(in.password) >= in.text + in.len)
		abort();
	return 0;
}
