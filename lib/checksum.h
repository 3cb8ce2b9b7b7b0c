/* checksum: the check value of queue files, CRC-32 of zlib.
 *
 * A module of its own because <zlib.h> and skalibs both define free_func. */
#ifndef PIPEPOST_CHECKSUM_H
#define PIPEPOST_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

enum { CHECKSUM_START = 0 };

/* The value over everything so far, given the one before s. */
uint32_t checksum_add(uint32_t value, const char *s, size_t len);

#endif
