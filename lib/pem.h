/* pem: the objects of a PEM text (RFC 7468), one by one, and files that hold it. */
#ifndef PIPEPOST_PEM_H
#define PIPEPOST_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <bearssl.h>
#include <skalibs/stralloc.h>

/* Begin with pem_start(). The text must stay as long as the struct is used. */
struct pem {
	const char *name;	/* of the object: "CERTIFICATE" ... */
	stralloc der;		/* the object */

	const char *s;		/* pem.c's own, from here on */
	size_t len;
	bool is_ended, is_out_of_memory;
	br_pem_decoder_context decoder;
};

enum pem_scan {
	PEM_OBJECT,
	PEM_END,		/* there are no more */
	PEM_BROKEN,		/* not PEM, or cut off in the middle */
	PEM_NO_MEMORY,
};

void pem_start(struct pem *p, const char *s, size_t len);

/* Reads the next object into p->name and p->der. */
enum pem_scan pem_next(struct pem *p);

/* Wipes and frees p->der. */
void pem_end(struct pem *p);

/* Whether the object is a certificate. */
bool pem_is_certificate(const struct pem *p);

/* Reads a file of at most max octets whole. *mode receives its mode bits. Fails
 * with errno EFBIG, EINVAL (not a file), ENOMEM, or that of open, fstat and read. */
bool pem_read_file(stralloc *to, const char *path, size_t max, mode_t *mode);

#endif
