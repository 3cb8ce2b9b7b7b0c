/* idna: see idna.h. What a label may hold and how it is normalized is libidn2's, since the tables of
 * Unicode are nobody's to copy. */
#include "lib/idna.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <idn2.h>

#include "lib/address.h"

static bool
copy(char *to, size_t size, const char *domain)
{
	int n = snprintf(to, size, "%s", domain);

	if (n >= 0 && (size_t)n < size)
		return true;
	errno = EMSGSIZE;
	return false;
}

bool
idna_to_ascii(char *to, size_t size, const char *domain)
{
	char *ascii = NULL;
	bool is_copied;
	int r;

	if (!address_is_international(domain, strlen(domain)))
		return copy(to, size, domain);
	r = idn2_to_ascii_8z(domain, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r != IDN2_OK) {
		errno = r == IDN2_MALLOC ? ENOMEM : EINVAL;
		return false;
	}
	is_copied = copy(to, size, ascii);
	idn2_free(ascii);
	return is_copied;
}
