/* pem: see pem.h. What may hold a key is wiped before its memory is given back. */
#include "lib/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/wipe.h"

static void
take_octets(void *to, const void *s, size_t len)
{
	struct pem *p = to;

	/* The place was made before: growing here would leave a copy behind. */
	if (p->der.len + len > p->der.a)
		p->is_out_of_memory = true;
	else
		stralloc_catb(&p->der, s, len);
}

void
pem_start(struct pem *p, const char *s, size_t len)
{
	*p = (struct pem){ .name = "", .s = s, .len = len, .der = STRALLOC_ZERO };
	br_pem_decoder_init(&p->decoder);
	br_pem_decoder_setdest(&p->decoder, take_octets, p);
}

/* Octets of the text go to the decoder until it has something to say. A last line
 * without its end gets one. */
static int
run_decoder(struct pem *p)
{
	while (p->len > 0 || !p->is_ended) {
		const char *s = p->len > 0 ? p->s : "\n";
		size_t n = br_pem_decoder_push(&p->decoder, s, p->len > 0 ? p->len : 1);
		int event = br_pem_decoder_event(&p->decoder);

		if (p->len == 0) {
			p->is_ended = n > 0;
		} else {
			p->s += n;
			p->len -= n;
		}
		if (event != 0)
			return event;
	}
	return 0;
}

enum pem_scan
pem_next(struct pem *p)
{
	bool is_open = false;

	for (;;) {
		switch (run_decoder(p)) {
		case BR_PEM_BEGIN_OBJ:
			p->name = br_pem_decoder_name(&p->decoder);
			p->der.len = 0;
			/* base64 makes 3 octets of 4, a line at a time */
			if (!stralloc_ready(&p->der, p->len / 4 * 3 + 4))
				return PEM_NO_MEMORY;
			is_open = true;
			break;
		case BR_PEM_END_OBJ:
			if (p->is_out_of_memory)
				return PEM_NO_MEMORY;
			return is_open ? PEM_OBJECT : PEM_BROKEN;
		case 0:
			return is_open ? PEM_BROKEN : PEM_END;
		default:
			return PEM_BROKEN;
		}
	}
}

void
pem_end(struct pem *p)
{
	wipe_and_free(&p->der);
	explicit_bzero(&p->decoder, sizeof p->decoder);
}

bool
pem_is_certificate(const struct pem *p)
{
	return strcasecmp(p->name, "CERTIFICATE") == 0 || strcasecmp(p->name, "X509 CERTIFICATE") == 0;
}

/* Reads to the end of the file: one that grows while it is read is too big. */
static bool
read_whole(stralloc *to, int fd, size_t size)
{
	to->len = 0;
	if (!stralloc_ready(to, size + 1))
		return false;
	while (to->len <= size) {
		ssize_t n = read(fd, to->s + to->len, size + 1 - to->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		if (n == 0)
			return true;
		to->len += (size_t)n;
	}
	errno = EFBIG;
	return false;
}

bool
pem_read_file(stralloc *to, const char *path, size_t max, mode_t *mode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), e = 0;
	struct stat st;

	if (fd == -1)
		return false;
	if (fstat(fd, &st) == -1)
		e = errno;
	else if (!S_ISREG(st.st_mode))
		e = EINVAL;
	else if (st.st_size > (off_t)max)
		e = EFBIG;
	else if (!read_whole(to, fd, (size_t)st.st_size))
		e = errno;
	fd_close(fd);
	if (e != 0) {
		errno = e;
		return false;
	}
	*mode = st.st_mode & 07777;
	return true;
}
