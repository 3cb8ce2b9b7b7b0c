/* idna: the name under which DNS knows an international domain (RFC 5890, IDNA 2008). Pure. */
#ifndef PIPEPOST_IDNA_H
#define PIPEPOST_IDNA_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the domain, its UTF-8 labels as xn--…, to to[size], with NUL. One of ASCII alone is
 * copied as it is. Fails with errno EINVAL (it is no domain of IDNA), EMSGSIZE, ENOMEM. */
bool idna_to_ascii(char *to, size_t size, const char *domain);

#endif
