/* operator: what smtpctl has asked for, seen to by the runner: requests about
 * messages (request.h), and flags (pause.c).
 *
 * A message in the window is taken out of the lines where it waits; what a process is
 * at work on comes to its end first. See runner.h. */
#include "queue-run/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "queue-run/request.h"

/* A removal that waits for the end of the message's attempt. */
struct removal {
	struct removal *next;
	struct request request;
};

static struct message *
find_message(const struct runner *r, const char *name)
{
	struct message *m = r->messages;

	while (m != NULL && strcmp(m->file.name, name) != 0)
		m = m->next;
	return m;
}

static void
plan_removal(struct message *m, const struct request *q)
{
	struct removal *p = malloc(sizeof *p);

	if (p == NULL) {
		log_line("%s: no memory to remove it: ask again", m->id);
		return;
	}
	*p = (struct removal){ .next = m->removals, .request = *q };
	m->removals = p;
}

static bool
take(void *arg, const struct request *q, const char *name)
{
	struct runner *r = arg;
	struct message *m = find_message(r, name);

	if (m == NULL)
		return false;
	switch (q->verb) {
	case REQUEST_SCHEDULE:
		m->is_scheduled = true;
		break;
	case REQUEST_PAUSE:
		m->is_held = true;
		break;
	case REQUEST_RESUME:
		m->is_held = false;
		return true;
	case REQUEST_REMOVE:
		plan_removal(m, q);
		break;
	}
	if (q->verb != REQUEST_SCHEDULE)
		lane_withdraw(r, m);
	message_advance(r, m);
	return true;
}

void
operator_look(struct runner *r)
{
	const struct request_runner runner = { .take = take, .arg = r };

	pause_look(r);
	if (request_take_all(&r->queue, &runner) == 0)
		return;
	destination_forget_all(r);	/* "now" means now */
	scan_look_everywhere(r);
}

bool
operator_remove(struct message *m)
{
	struct removal *p;

	while ((p = m->removals) != NULL) {
		if (!request_remove_open(&m->file, &p->request))
			return false;
		m->removals = p->next;
		free(p);
	}
	return true;
}

void
operator_forget(struct message *m)
{
	struct removal *p;

	while ((p = m->removals) != NULL) {
		m->removals = p->next;
		free(p);
	}
}
