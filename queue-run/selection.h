/* selection: which messages an operator means: a queue id, the beginning of one, ID.N. Pure. */
#ifndef PIPEPOST_SELECTION_H
#define PIPEPOST_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/queue.h"

struct selection {
	char id[QUEUE_ID_MAX + 1];	/* or the beginning of one; "" = every message */
	size_t id_len;
	bool has_recipient;		/* ID.N */
	size_t recipient;
};

/* Reads the text: "" for everything, else digits, a dot, up to 16 letters and digits, and behind all
 * 16 of them maybe a dot and a number. False: it is none of these. */
bool selection_parse(struct selection *s, const char *text);

/* Whether a message with this name (its id is name[0..id_len)), or its recipient i, is meant. */
bool selection_has_name(const struct selection *s, const char *name, size_t id_len);
bool selection_has_recipient(const struct selection *s, size_t i);

/* Whether it can mean one message only. */
bool selection_is_whole_id(const struct selection *s);

#endif
