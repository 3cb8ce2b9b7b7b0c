/* config: see config.h. */
#include "sqlite-lookup/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>

#include "lib/printable.h"

const struct query_kind query_kinds[QUERY_COUNT] = {
	[QUERY_ALIAS] = { "query_alias", "alias", 1, "alias", .is_list = true, .has_parts = true,
	    .may_be_inactive = true },
	[QUERY_DOMAIN] = { "query_domain", "domain", 1, "domain", .has_parts = true, .may_be_inactive = true },
	[QUERY_USERINFO] = { "query_userinfo", "userinfo", 3, "uid, gid, home", .has_parts = true,
	    .may_be_inactive = true },
	[QUERY_CREDENTIALS] = { "query_credentials", "credentials", 2, "login, password hash",
	    .has_parts = true },
	[QUERY_NETADDR] = { "query_netaddr", "netaddr", 1, "address", .is_list = false },
	[QUERY_SOURCE] = { "query_source", "source", 1, "address", .is_list = false },
	[QUERY_MAILADDR] = { "query_mailaddr", "mailaddr", 1, "address", .has_parts = true },
	[QUERY_ADDRNAME] = { "query_addrname", "addrname", 1, "host name", .is_list = false },
	[QUERY_MAILADDRMAP] = { "query_mailaddrmap", "mailaddrmap", 1, "address", .is_list = true,
	    .has_parts = true },
	[QUERY_FETCH_SOURCE] = { "fetch_source", "fetch_source", 1, "address", .is_list = true },
};

static const char blanks[] = " \t\r\v\f";

enum query
query_of_service(const char *service)
{
	int q = 0;

	while (q < QUERY_COUNT && strcmp(query_kinds[q].service, service) != 0)
		q++;
	return (enum query)q;
}

static enum query
query_of_key(const char *key)
{
	int q = 0;

	while (q < QUERY_COUNT && strcmp(query_kinds[q].key, key) != 0)
		q++;
	return (enum query)q;
}

/* Fails with errno ENOMEM. */
static bool
note(struct config *c, enum config_trouble what, unsigned line, const char *word)
{
	if (c->messages == NULL)
		c->messages = calloc(CONFIG_MESSAGES_MAX, sizeof c->messages[0]);
	if (c->messages == NULL)
		return false;
	/* An error is never dropped: config_error() must see it. */
	if (c->nmessages == CONFIG_MESSAGES_MAX) {
		if (what < CONFIG_NO_DBPATH)
			return true;
		c->nmessages--;
	}
	c->messages[c->nmessages++] = (struct config_message){ .what = what, .line = line, .word = word };
	return true;
}

/* Cuts off what the characters of set stand for at the end. */
static void
trim(char *s, const char *set)
{
	size_t len = strlen(s);

	while (len > 0 && strchr(set, s[len - 1]) != NULL)
		len--;
	s[len] = '\0';
}

static bool
take_dbpath(struct config *c, char *value, unsigned line)
{
	size_t len = strlen(value);

	if (c->dbpath.text != NULL && !note(c, CONFIG_DUPLICATE_DBPATH, line, "dbpath"))
		return false;
	/* The how-to has one there, and table-sqlite took it as part of the name. */
	if (len > 1 && value[len - 1] == ';' && strspn(value, blanks) < len - 1) {
		value[len - 1] = '\0';
		trim(value, blanks);
		if (!note(c, CONFIG_SEMICOLON, line, value))
			return false;
	}
	c->dbpath = (struct config_value){ .text = value, .line = line };
	return true;
}

static bool
take_setting(struct config *c, const char *key, char *value, unsigned line)
{
	enum query q = query_of_key(key);

	if (value[0] == '\0')
		return note(c, CONFIG_NO_VALUE, line, key);
	if (strcmp(key, "dbpath") == 0)
		return take_dbpath(c, value, line);
	/* Nothing is cached here: how long and how often means nothing. */
	if (strcmp(key, "fetch_source_expire") == 0 || strcmp(key, "fetch_source_refresh") == 0)
		return value[strspn(value, "0123456789")] == '\0' || note(c, CONFIG_NOT_A_NUMBER, line, key);
	if (q == QUERY_COUNT)
		return note(c, CONFIG_UNKNOWN_KEY, line, key);
	if (c->queries[q].text != NULL)
		return note(c, CONFIG_DUPLICATE_QUERY, line, key);
	c->queries[q] = (struct config_value){ .text = value, .line = line };
	return true;
}

static bool
take_line(struct config *c, char *s, unsigned line)
{
	char *key = s + strspn(s, blanks);
	char *value = key + strcspn(key, " \t:");

	trim(key, blanks);
	if (*key == '\0' || *key == '#')
		return true;
	if (*value != '\0')
		*value++ = '\0';
	value += strspn(value, " \t:");
	return take_setting(c, key, value, line);
}

static bool
has_query(const struct config *c)
{
	for (int q = 0; q < QUERY_COUNT; q++)
		if (c->queries[q].text != NULL)
			return true;
	return false;
}

bool
config_parse(struct config *c, const char *path, char *text, size_t len)
{
	unsigned line = 1;
	char *next;

	*c = (struct config){ .path = path, .text = text };
	text[len] = '\0';
	if (memchr(text, '\0', len) != NULL)
		return note(c, CONFIG_NUL, 0, "");
	for (char *s = text; s != NULL; s = next, line++) {
		next = strchr(s, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (!take_line(c, s, line))
			return false;
	}
	if (!has_query(c) && !note(c, CONFIG_NO_QUERY, 0, ""))
		return false;
	if (c->dbpath.text == NULL)
		return note(c, CONFIG_NO_DBPATH, 0, "");
	if (c->dbpath.text[0] != '/')
		return note(c, CONFIG_RELATIVE_DBPATH, c->dbpath.line, c->dbpath.text);
	return true;
}

/* Reads the file behind fd. NULL with errno. */
static char *
read_text(int fd, size_t *len)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > CONFIG_OCTETS_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (text == NULL)
		return NULL;
	errno = 0;
	*len = allread(fd, text, (size_t)st.st_size);	/* shorter now than it was: EPIPE */
	if (*len == (size_t)st.st_size || errno == 0 || errno == EPIPE)
		return text;
	free(text);
	return NULL;
}

bool
config_read(struct config *c, const char *path)
{
	/* A FIFO in its place must not stop us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), e;
	size_t len = 0;
	char *text;

	if (fd == -1)
		return false;
	text = read_text(fd, &len);
	e = errno;
	close(fd);
	errno = e;
	return text != NULL && config_parse(c, path, text, len);
}

void
config_free(struct config *c)
{
	free(c->text);
	free(c->messages);
	*c = (struct config)CONFIG_ZERO;
}

bool
config_is_error(const struct config_message *m)
{
	return m->what >= CONFIG_NO_DBPATH;
}

const struct config_message *
config_error(const struct config *c)
{
	for (size_t i = 0; i < c->nmessages; i++)
		if (config_is_error(&c->messages[i]))
			return &c->messages[i];
	return NULL;
}

bool
config_describe(stralloc *to, const struct config *c, const struct config_message *m,
    const char *severity)
{
	static const char *const words[] = {
		[CONFIG_UNKNOWN_KEY] = "no such key; it is ignored",
		[CONFIG_NO_VALUE] = "has no value; it is ignored",
		[CONFIG_DUPLICATE_QUERY] = "stands here a second time; the first one counts",
		[CONFIG_DUPLICATE_DBPATH] = "stands here a second time; the last one counts",
		[CONFIG_SEMICOLON] = "dbpath ended with a semicolon, which is no part of it; remove it",
		[CONFIG_NOT_A_NUMBER] = "is not a number; it is ignored",
		[CONFIG_NO_QUERY] = "there is no query",
		[CONFIG_NO_DBPATH] = "there is no dbpath; write: dbpath /the/database",
		[CONFIG_RELATIVE_DBPATH] = "dbpath must be an absolute path",
		[CONFIG_NUL] = "holds NUL octets and is no text file",
	};
	char place[32];
	bool has_word = m->word[0] != '\0';

	snprintf(place, sizeof place, m->line == 0 ? ": " : ":%u: ", m->line);
	return printable_append(to, c->path, strlen(c->path)) && stralloc_cats(to, place) &&
	    stralloc_cats(to, severity) && (!has_word || printable_append(to, m->word, strlen(m->word))) &&
	    stralloc_cats(to, has_word ? ": " : "") && stralloc_cats(to, words[m->what]);
}
