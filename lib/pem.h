/* pem: the objects of a PEM text (RFC 7468), one by one, and files that hold it. */
#ifndef PIPEPOST_PEM_H
#define PIPEPOST_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <skalibs/stralloc.h>

enum { PEM_NAME_MAX = 64 };

/* Begin with pem_start(). The text must stay as long as the struct is used. */
struct pem {
	char name[PEM_NAME_MAX + 1];	/* of the object: "CERTIFICATE" ... */
	stralloc der;			/* the object */

	const char *s;			/* pem.c's own: what is not read yet */
	size_t len;
	stralloc text;
};

enum pem_scan {
	PEM_OBJECT,
	PEM_END,		/* there are no more */
	PEM_BROKEN,		/* not PEM, or cut off in the middle */
	PEM_NO_MEMORY,
};

void pem_start(struct pem *p, const char *s, size_t len);

/* Reads the next object into p->name and p->der. Text between objects does not
 * count; inside one there is nothing but base64 and line ends. */
enum pem_scan pem_next(struct pem *p);

/* Wipes and frees what p holds. */
void pem_end(struct pem *p);

/* Whether the object is a certificate. */
bool pem_is_certificate(const struct pem *p);

/* Reads a file of at most max octets whole. *mode receives its mode bits. Fails
 * with errno EFBIG, EINVAL (not a file), ENOMEM, or that of open, fstat and read. */
bool pem_read_file(stralloc *to, const char *path, size_t max, mode_t *mode);

#endif
