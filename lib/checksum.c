/* checksum: see checksum.h. */
#include "lib/checksum.h"

#include <zlib.h>

uint32_t
checksum_add(uint32_t value, const char *s, size_t len)
{
	return (uint32_t)crc32_z(value, (const unsigned char *)s, len);
}
