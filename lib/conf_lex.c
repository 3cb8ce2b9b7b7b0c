/* conf_lex: from octets to words, one directive at a time.
 *
 * A directive ends with its line, unless a { is open. Macros and includes are
 * sources laid on top of the one being read. What cannot be read is reported;
 * the directive it stands in is skipped and reading goes on after it. */
#include "lib/conf_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"

enum lexed { LEXED_WORD, LEXED_NEWLINE, LEXED_END, LEXED_BAD };

/* A place in a source to come back to. */
struct mark {
	size_t pos;
	unsigned line;
};

static struct mark
mark(const struct source *src)
{
	return (struct mark){ src->pos, src->at.line };
}

static void
go_back(struct source *src, struct mark m)
{
	src->pos = m.pos;
	src->at.line = m.line;
}

/* Backslash-newline is nothing, everywhere. -1 at the end of the source. */
static int
peek(struct source *src)
{
	while (src->pos + 1 < src->len && src->s[src->pos] == '\\' &&
	    src->s[src->pos + 1] == '\n') {
		src->pos += 2;
		if (!src->is_macro)
			src->at.line++;
	}
	return src->pos < src->len ? (unsigned char)src->s[src->pos] : -1;
}

static int
get(struct source *src)
{
	int c = peek(src);

	if (c == -1)
		return -1;
	src->pos++;
	if (c == '\n' && !src->is_macro)
		src->at.line++;	/* a macro stands where it is used */
	return c;
}

void
lex_push(struct parser *p, const char *s, size_t len, struct conf_place at, bool is_macro,
    bool is_public)
{
	struct source *src;

	if (len > CONF_INPUT_MAX - p->octets) {
		if (!p->is_truncated)
			conf_error(p, at,
			    "more than %d octets of configuration; the rest is not read",
			    CONF_INPUT_MAX);
		p->is_truncated = true;
		p->source = NULL;
		return;
	}
	p->octets += len;
	src = arena_take(p->arena, sizeof *src);
	*src = (struct source){ .s = s, .len = len, .at = at, .is_macro = is_macro,
	    .is_public = is_public, .below = p->source };
	p->source = src;
	if (!is_macro)
		p->depth++;
}

static void
pop(struct parser *p)
{
	if (!p->source->is_macro)
		p->depth--;
	p->source = p->source->below;
}

/* At most size octets of a file, in *s. -1 with errno. */
static ssize_t
read_all(int fd, char *s, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, s + len, size - len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

bool
lex_push_file(struct parser *p, const char *path, bool *too_big)
{
	struct stat st;
	ssize_t n = -1;
	char *s = NULL;
	int e, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*too_big = false;
	if (fd == -1)
		return false;
	if (fstat(fd, &st) == -1)
		goto done;
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	if (!S_ISREG(st.st_mode))
		goto done;
	*too_big = st.st_size > CONF_FILE_MAX;
	if (*too_big || (s = arena_try(p->arena, (size_t)st.st_size + 1)) == NULL)
		goto done;
	n = read_all(fd, s, (size_t)st.st_size);
done:
	e = errno;
	close(fd);
	errno = e;
	if (n == -1)
		return false;
	p->files++;
	lex_push(p, s, (size_t)n, (struct conf_place){ conf_copy(p, path, strlen(path)), 1 }, false,
	    (st.st_mode & S_IROTH) != 0);
	return true;
}

static struct macro *
find_macro(const struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->nmacros; i++)
		if (strcmp(p->macros[i].name, name) == 0)
			return &p->macros[i];
	return NULL;
}

void
lex_define(struct parser *p, const char *name, const char *value, struct conf_place at,
    bool is_fixed)
{
	struct macro *m = find_macro(p, name);

	if (m != NULL && m->is_fixed)
		return;
	if (m == NULL)
		m = APPEND(p, p->macros, p->nmacros, p->macro_room);
	*m = (struct macro){ .name = name, .value = value, .at = at, .is_fixed = is_fixed };
}

static bool
is_name_octet(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    c == '_';
}

static bool
is_word_octet(int c)
{
	return c > ' ' && c != 127 && strchr("(){}<>!=#,", c) == NULL;
}

/* $NAME, the $ already read: its value is read next. */
static bool
expand_macro(struct parser *p)
{
	struct source *src = p->source;
	struct conf_place at = src->at;
	char name[CONF_TABLE_NAME_MAX + 1];
	struct macro *m;
	size_t n = 0;

	while (is_name_octet(peek(src))) {
		if (n == sizeof name - 1)
			return conf_error(p, at, "macro name longer than %d octets",
			    CONF_TABLE_NAME_MAX);
		name[n++] = (char)get(src);
	}
	name[n] = '\0';
	if (n == 0)
		return conf_error(p, at,
		    "\"$\" needs the name of a macro behind it; quote it if it is meant");
	m = find_macro(p, name);
	if (m == NULL)
		return conf_error(p, at,
		    "macro \"%s\" is not defined; write %s = \"value\" above, or use -D %s=value",
		    name, name, name);
	m->is_used = true;
	lex_push(p, m->value, strlen(m->value), at, true, src->is_public);
	return true;
}

static void
skip_line(struct source *src)
{
	while (peek(src) != -1 && peek(src) != '\n')
		get(src);
}

static bool
add_octet(struct parser *p, char *to, size_t *n, int c, struct conf_place at)
{
	if (*n == CONF_WORD_MAX) {
		skip_line(p->source);
		return conf_error(p, at, "a word of more than %d octets; is a quote missing?",
		    CONF_WORD_MAX);
	}
	to[(*n)++] = (char)c;
	return true;
}

/* The opening quote already read. A quote that is never closed costs its own
 * line and not the rest of the file. */
static bool
read_quoted(struct parser *p, int quote, struct word *w)
{
	struct source *src = p->source;
	struct mark start = mark(src);
	char text[CONF_WORD_MAX + 1];
	bool is_split = false;
	size_t n = 0;
	int c;

	while ((c = get(src)) != quote) {
		if (c == -1) {
			go_back(src, start);
			skip_line(src);
			return conf_error(p, w->at,
			    "the quote that begins here is not closed; write %c at its end", quote);
		}
		if (c == '\0')
			return conf_error(p, src->at, "a NUL octet in a quoted string; remove it");
		is_split |= c == '\n';
		if (c == '\n')
			continue;
		if (c == '\\' && peek(src) == quote)
			c = get(src);
		if (!add_octet(p, text, &n, c, w->at))
			return false;
	}
	if (is_split)
		conf_warn(p, w->at,
		    "the string that begins here runs over the end of the line; if that is meant, "
		    "end the line with \\, else close the quote");
	w->kind = WORD_QUOTED;
	w->text = conf_copy(p, text, n);
	return true;
}

static bool
read_bare(struct parser *p, struct word *w)
{
	char text[CONF_WORD_MAX + 1];
	size_t n = 0;

	while (is_word_octet(peek(p->source)))
		if (!add_octet(p, text, &n, get(p->source), w->at))
			return false;
	w->kind = WORD_BARE;
	w->text = conf_copy(p, text, n);
	return true;
}

static enum lexed
refuse_octet(struct parser *p, int c)
{
	char shown[8], octet = (char)c;

	/* One complaint a line: the rest of it would only repeat it. */
	skip_line(p->source);
	printable_copy(shown, sizeof shown, &octet, 1);
	if (c == '\r')
		conf_error(p, p->source->at,
		    "the line holds a carriage return; save the file with Unix line ends");
	else
		conf_error(p, p->source->at, "control octet %s; remove it", shown);
	return LEXED_BAD;
}

static enum lexed
read_word(struct parser *p, struct word *w)
{
	struct source *src = p->source;
	int c = peek(src);

	w->at = src->at;
	if (c == '"' || c == '\'') {
		get(src);
		return read_quoted(p, c, w) ? LEXED_WORD : LEXED_BAD;
	}
	if (is_word_octet(c))
		return read_bare(p, w) ? LEXED_WORD : LEXED_BAD;
	get(src);
	if (c < ' ' || c == 127)
		return refuse_octet(p, c);
	if (c == '=' && peek(src) == '>')
		get(src);
	w->kind = WORD_PUNCT;
	w->text = conf_copy(p, &(char){ (char)c }, 1);
	return LEXED_WORD;
}

static enum lexed
lex(struct parser *p, struct word *w)
{
	while (p->source != NULL) {
		struct source *src = p->source;
		int c = peek(src);

		if (c == -1) {
			pop(p);
			if (!src->is_macro)
				return LEXED_NEWLINE;
		} else if (c == ' ' || c == '\t') {
			get(src);
		} else if (c == '#') {
			skip_line(src);
		} else if (c == '\n') {
			get(src);
			return LEXED_NEWLINE;
		} else if (c == '$' && !src->is_macro) {
			get(src);
			if (!expand_macro(p))
				return LEXED_BAD;
		} else {
			return read_word(p, w);
		}
	}
	return LEXED_END;
}

static bool
begins_directive(const struct word *w)
{
	static const char *const names[] = { "accept", "reject", "table", "listen", "include",
		"limit" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (word_is(w, names[i]))
			return true;
	return false;
}

/* The words of one directive, without the last; false where they cannot be used. */
static bool
collect(struct parser *p, enum lexed *last)
{
	struct conf_place opened = { NULL, 0 };
	bool is_good = true, is_line_start = true;
	size_t braces = 0;

	for (;;) {
		struct source *src = p->source;
		struct mark before = src == NULL ? (struct mark){ 0, 0 } : mark(src);
		struct word w = { .kind = WORD_END };

		*last = lex(p, &w);
		if (*last == LEXED_END ||
		    (*last == LEXED_NEWLINE && braces == 0 && (p->nwords > 0 || !is_good)))
			break;
		if (*last == LEXED_WORD && braces > 0 && is_line_start && begins_directive(&w) &&
		    p->source == src) {
			go_back(src, before);
			break;
		}
		is_line_start = *last == LEXED_NEWLINE;
		is_good &= *last != LEXED_BAD;
		if (*last != LEXED_WORD)
			continue;
		if (word_is_punct(&w, '{') && braces++ == 0)
			opened = w.at;
		if (word_is_punct(&w, '}') && braces > 0)
			braces--;
		if (p->nwords < CONF_DIRECTIVE_MAX)
			*APPEND(p, p->words, p->nwords, p->word_room) = w;
		else if (is_good)
			is_good = conf_error(p, w.at,
			    "a directive of more than %d words; put "
			    "lists of that size into a file or db table",
			    CONF_DIRECTIVE_MAX);
	}
	if (braces > 0)
		is_good = conf_error(p, opened,
		    "the \"{\" here is not closed; write \"}\" at the end of the list");
	return is_good;
}

bool
lex_directive(struct parser *p)
{
	for (;;) {
		enum lexed last;
		bool is_good;

		p->nwords = p->next = 0;
		p->order++;
		is_good = collect(p, &last);
		if (is_good && p->nwords > 0) {
			struct word end = { WORD_END, "", p->words[p->nwords - 1].at };

			p->last = end.at;
			*APPEND(p, p->words, p->nwords, p->word_room) = end;
			return true;
		}
		if (last == LEXED_END)
			return false;
	}
}
