/* table_cdb: see table_cdb.h.
 *
 * The one file that includes <cdb.h>: libskarnet has functions of the same
 * names, so libcdb stands before it when programs are linked. Positions that a
 * damaged file gives are checked before they are used. */
#include "lib/table_cdb.h"

#include <cdb.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/table_text.h"

enum {
	CDB_HEADER = 2048,	/* 256 pairs of position and length */
	CDB_RECORD = 8,		/* octets before each key: its length and the value's */
	CDB_SLOT = 8,		/* octets per slot; two slots per record */
};

/* ---- reading ---- */

/* Reads exactly len octets at pos. */
static bool
read_at(const struct table_cdb *c, void *to, size_t len, uint32_t pos)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(c->fd, (char *)to + done, len - done, (off_t)pos + (off_t)done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		if (n == 0)
			return (errno = EPROTO, false);	/* shorter than it says */
		done += (size_t)n;
	}
	return true;
}

/* Versions 2 and later have their magic number at 12, 1.85 at 0; in either byte order. */
static bool
is_berkeley(const unsigned char *header)
{
	static const uint32_t magics[] = { 0x00061561, 0x61150600, 0x00053162, 0x62310500 };

	for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
		if (memcmp(header, &magics[i], 4) == 0 || memcmp(header + 12, &magics[i], 4) == 0)
			return true;
	return false;
}

/* Whether all hash tables lie inside the file; finds where the first begins. */
static bool
check_header(struct table_cdb *c, const unsigned char *header, uint64_t size)
{
	c->end = UINT32_MAX;
	for (size_t i = 0; i < 256; i++) {
		uint64_t pos = cdb_unpack(header + i * 8), slots = cdb_unpack(header + i * 8 + 4);

		if (pos < CDB_HEADER || pos + slots * CDB_SLOT > size)
			return false;
		if (pos < c->end)
			c->end = (uint32_t)pos;
	}
	return true;
}

bool
table_cdb_open(struct table_cdb *c, int fd, const char **why)
{
	unsigned char header[CDB_HEADER];
	struct stat st;
	int error;

	*why = NULL;
	c->fd = fd;
	if (fstat(fd, &st) == 0 && read_at(c, header, sizeof header, 0)) {
		if (check_header(c, header, (uint64_t)st.st_size))
			return true;
		*why = is_berkeley(header) ? "is a Berkeley DB file, not a cdb file: make it anew" :
		    "is not a cdb file, or a damaged one: make it anew";
		errno = EPROTO;
	} else if (errno == EPROTO) {
		*why = "is too short for a cdb file: make it anew";
	}
	error = errno;
	table_cdb_close(c);
	errno = error;
	return false;
}

void
table_cdb_close(struct table_cdb *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

bool
table_cdb_find(struct table_cdb *c, bool *is_there, const char *key, size_t len, stralloc *value)
{
	unsigned value_len;
	int found;

	*is_there = false;
	found = cdb_seek(c->fd, key, (unsigned)len, &value_len);
	if (found <= 0)
		return found == 0;
	if (value_len > TABLE_VALUE_MAX)
		return (errno = EMSGSIZE, false);
	if (!stralloc_readyplus(value, value_len + 1))
		return (errno = ENOMEM, false);
	if (value_len > 0 && cdb_bread(c->fd, value->s + value->len, (int)value_len) != 0)
		return false;
	value->len += value_len;
	*is_there = true;
	return true;
}

/* A window on the records, moved forward as they are stepped over. */
struct window {
	uint32_t pos;		/* of buffer[0] in the file */
	size_t len;
	char buffer[2 * (CDB_RECORD + TABLE_KEY_MAX + TABLE_VALUE_MAX)];
};

/* Makes need octets at pos readable; NULL with errno EPROTO or that of read. */
static const char *
window_at(const struct table_cdb *c, struct window *w, uint32_t pos, size_t need)
{
	size_t have;

	if (pos < w->pos || pos - w->pos + need > w->len) {
		have = c->end - pos < sizeof w->buffer ? c->end - pos : sizeof w->buffer;
		if (have < need)
			return (errno = EPROTO, NULL);
		if (!read_at(c, w->buffer, have, pos))
			return NULL;
		w->pos = pos;
		w->len = have;
	}
	return w->buffer + (pos - w->pos);
}

/* Calls each for the record at *pos and steps over it. */
static bool
step_record(const struct table_cdb *c, struct window *w, uint32_t *pos, stralloc *record, bool *goes_on,
    bool (*each)(void *arg, const char *key, const char *value), void *arg)
{
	const char *s = window_at(c, w, *pos, CDB_RECORD);
	uint32_t key_len, value_len;

	if (s == NULL)
		return false;
	key_len = cdb_unpack((const unsigned char *)s);
	value_len = cdb_unpack((const unsigned char *)s + 4);
	if (key_len > TABLE_KEY_MAX || value_len > TABLE_VALUE_MAX)
		return (errno = EMSGSIZE, false);
	s = window_at(c, w, *pos, CDB_RECORD + key_len + value_len);
	if (s == NULL)
		return false;
	record->len = 0;
	if (!stralloc_catb(record, s + CDB_RECORD, key_len) || !stralloc_0(record) ||
	    !stralloc_catb(record, s + CDB_RECORD + key_len, value_len) || !stralloc_0(record))
		return (errno = ENOMEM, false);
	*goes_on = each(arg, record->s, record->s + key_len + 1);
	*pos += CDB_RECORD + key_len + value_len;
	return true;
}

bool
table_cdb_each(struct table_cdb *c, bool (*each)(void *arg, const char *key, const char *value), void *arg)
{
	struct window *w = malloc(sizeof *w);
	stralloc record = STRALLOC_ZERO;
	uint32_t pos = CDB_HEADER;
	bool ok = true, goes_on = true;
	int error;

	if (w == NULL)
		return (errno = ENOMEM, false);
	w->pos = pos;
	w->len = 0;
	while (ok && goes_on && pos < c->end)
		ok = step_record(c, w, &pos, &record, &goes_on, each, arg);
	error = errno;
	stralloc_free(&record);
	free(w);
	errno = error;
	return ok;
}

/* ---- writing ---- */

struct table_cdb_writer {
	struct cdb_make make;
	uint64_t octets, records;
};

bool
table_cdb_fits(uint64_t octets, uint64_t records)
{
	return octets <= UINT32_MAX && records <= (UINT32_MAX - octets) / (2 * CDB_SLOT);
}

struct table_cdb_writer *
table_cdb_begin(int fd)
{
	struct table_cdb_writer *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->octets = CDB_HEADER;
	if (cdb_make_start(&w->make, fd) == 0)
		return w;
	free(w);
	return NULL;
}

bool
table_cdb_add(struct table_cdb_writer *w, const char *key, const char *value)
{
	size_t key_len = strlen(key), value_len = strlen(value);

	w->octets += CDB_RECORD + key_len + value_len;
	w->records++;
	if (!table_cdb_fits(w->octets, w->records))
		return (errno = EFBIG, false);
	return cdb_make_add(&w->make, key, (unsigned)key_len, value, (unsigned)value_len) == 0;
}

bool
table_cdb_finish(struct table_cdb_writer *w)
{
	bool ok = cdb_make_finish(&w->make) == 0;
	int error = errno;

	free(w);
	errno = error;
	return ok;
}

void
table_cdb_abandon(struct table_cdb_writer *w)
{
	/* libcdb frees its memory nowhere else: let it finish into nothing. */
	w->make.cdb_fd = -1;
	table_cdb_finish(w);
}
