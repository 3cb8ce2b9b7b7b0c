/* node: what stands on the right side of an alias, in an include file or a .forward.
 *
 * Tried in this order, as aliases(5) has it: error:CODE text, :include:/path,
 * |command, /path, user@domain, user. One splitter for all of them: commas
 * outside quotes separate, a backslash escapes the next octet. */
#ifndef PIPEPOST_NODE_H
#define PIPEPOST_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include <skalibs/stralloc.h>

enum node_kind {
	NODE_ERROR,	/* text: "CODE words" */
	NODE_INCLUDE,	/* text: absolute path */
	NODE_PIPE,	/* text: command, without the bar and the quotes around it */
	NODE_FILE,	/* text: absolute path */
	NODE_ADDRESS,	/* text: user@domain */
	NODE_USER,	/* text: local name, lower-cased; a leading backslash is gone */
};

enum {
	NODE_DEPTH_MAX = 10,	/* levels of aliases behind one recipient */
	NODE_COUNT_MAX = 100,	/* nodes behind one recipient */
	NODE_TEXT_MAX = 1023,	/* octets of one node */
};

struct node {
	enum node_kind kind;
	const char *text;	/* NUL-ended, in the list's memory */
};

/* A list is a stralloc of canonical nodes, each ended by NUL: "error:550 x",
 * ":include:/f", "|cmd", "/file", "user@dom", "user". That is also how a node
 * stands in the queue file's expansion record. */

/* Splits and checks one value s[0..len) ("a, b@c, \"|cmd x\"") and appends its
 * nodes. Empty elements are skipped. An element may stand in double quotes
 * whole, whatever its kind; a single quote behind a letter or digit is an
 * apostrophe (o'brien@example.org), any other one quotes too.
 * Fails with errno EPROTO (and *why, a static string, says what is wrong with
 * which kind of element), ENOMEM. */
bool node_list_append(stralloc *list, const char **why, const char *s, size_t len);

/* Splits a file of nodes (a .forward, an include): lines, '#' comments,
 * backslash-newline, commas. As above; with allow_include false, includes are
 * left out silently. */
bool node_list_append_file(stralloc *list, const char **why, const char *s, size_t len, bool allow_include);

/* Steps through a list. *at begins at 0; false at the end. */
bool node_list_next(struct node *n, size_t *at, const stralloc *list);

size_t node_list_count(const stralloc *list);

#endif
