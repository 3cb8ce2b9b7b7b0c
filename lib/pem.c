/* pem: see pem.h. What may hold a key is wiped before its memory is given back. */
#include "lib/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include "lib/base64.h"
#include "lib/wipe.h"

/* A line of the text, without its end and the blanks before that. */
struct line {
	const char *s;
	size_t len;
};

void
pem_start(struct pem *p, const char *s, size_t len)
{
	*p = (struct pem){ .s = s, .len = len, .der = STRALLOC_ZERO, .text = STRALLOC_ZERO };
}

static bool
take_line(struct pem *p, struct line *line)
{
	const char *end;

	if (p->len == 0)
		return false;
	end = memchr(p->s, '\n', p->len);
	*line = (struct line){ .s = p->s, .len = end == NULL ? p->len : (size_t)(end - p->s) };
	p->s += line->len + (end != NULL);
	p->len -= line->len + (end != NULL);
	while (line->len > 0 && (line->s[line->len - 1] == '\r' || line->s[line->len - 1] == ' ' ||
	    line->s[line->len - 1] == '\t'))
		line->len--;
	return true;
}

/* Whether the line is "-----WORD NAME-----"; *name receives the NAME. */
static bool
is_boundary(struct line line, const char *word, struct line *name)
{
	static const char dashes[] = "-----";
	size_t n = sizeof dashes - 1, wordlen = strlen(word);

	if (line.len < 2 * n + wordlen + 1 || memcmp(line.s, dashes, n) != 0 ||
	    memcmp(line.s + line.len - n, dashes, n) != 0 || memcmp(line.s + n, word, wordlen) != 0 ||
	    line.s[n + wordlen] != ' ')
		return false;
	*name = (struct line){ .s = line.s + n + wordlen + 1, .len = line.len - 2 * n - wordlen - 1 };
	return true;
}

static bool
find_begin(struct pem *p, struct line *name)
{
	struct line line;

	while (take_line(p, &line))
		if (is_boundary(line, "BEGIN", name))
			return true;
	return false;
}

/* Gathers the lines up to the object's end: the base64 in one piece. */
static enum pem_scan
gather_text(struct pem *p, struct line name)
{
	struct line line, end;

	while (take_line(p, &line)) {
		if (is_boundary(line, "END", &end))
			return end.len == name.len && memcmp(end.s, name.s, name.len) == 0 ? PEM_OBJECT : PEM_BROKEN;
		stralloc_catb(&p->text, line.s, line.len);	/* there is room: see pem_next() */
	}
	return PEM_BROKEN;
}

enum pem_scan
pem_next(struct pem *p)
{
	enum pem_scan scan;
	struct line name;

	p->der.len = p->text.len = 0;
	if (!find_begin(p, &name))
		return PEM_END;
	if (name.len > PEM_NAME_MAX)
		return PEM_BROKEN;
	memcpy(p->name, name.s, name.len);
	p->name[name.len] = '\0';
	/* Room for all there is: growing on the way would leave copies of a key behind. */
	if (!stralloc_ready(&p->text, p->len) || !stralloc_ready(&p->der, p->len / 4 * 3 + 3))
		return PEM_NO_MEMORY;
	scan = gather_text(p, name);
	if (scan != PEM_OBJECT || base64_decode(&p->der, p->text.s, p->text.len))
		return scan;
	return errno == ENOMEM ? PEM_NO_MEMORY : PEM_BROKEN;
}

void
pem_end(struct pem *p)
{
	wipe_and_free(&p->der);
	wipe_and_free(&p->text);
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
