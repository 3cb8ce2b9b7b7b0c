/* operator: what smtpctl has asked for, seen to by the runner: requests about
 * messages (request.h), and flags (pause.c).
 *
 * A message in the window is taken out of the lines where it waits; what a process is
 * at work on comes to its end first. A removal is on disk at once, and then only
 * "delivered" can still overrule it. See runner.h. */
#include "queue-run/runner.h"

#include <string.h>

#include "queue-run/request.h"

static struct message *
find_message(const struct runner *r, const char *name)
{
	struct message *m = r->messages;

	while (m != NULL && strcmp(m->file.name, name) != 0)
		m = m->next;
	return m;
}

static bool
take(void *arg, const struct request *q, const char *name)
{
	struct runner *r = arg;
	struct message *m = find_message(r, name);
	bool is_done = true;

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
		is_done = request_remove_open(&m->file, q);
		break;
	}
	if (q->verb != REQUEST_SCHEDULE)
		lane_withdraw(r, m);
	message_advance(r, m);
	return is_done;
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
