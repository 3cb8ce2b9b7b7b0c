/* ctl_operate: what is done to messages. See ctl.h and operate.h. */
#include "queue-run/ctl.h"

#include <string.h>
#include <unistd.h>

#include "lib/die.h"
#include "lib/stats.h"
#include "queue-run/operate.h"

static const char *
words_of(enum operate_outcome outcome)
{
	switch (outcome) {
	case OPERATE_DONE:
		break;
	case OPERATE_NOTHING:
		return "no such message";
	case OPERATE_AMBIGUOUS:
		return "more than one message begins with that";
	case OPERATE_SILENCE:
		return "queue-run holds the lock but does not answer; nothing was changed";
	case OPERATE_FAILED:
		return "it could not be done";
	}
	return "";
}

/* Has it done. False, with the reason on fd 2, where it could not be. */
static bool
perform(struct ctl *c, struct request *r, const char *target, struct operate_result *result)
{
	enum operate_outcome outcome;

	stats_open("queue");
	outcome = operate(&c->queue, r, result);
	if (outcome != OPERATE_DONE)
		complain("%s: %s", target, words_of(outcome));
	else if (result->left > 0)
		complain("%zu message%s left behind by a queue-run that died: the next one does it", result->left,
		    result->left == 1 ? " was" : "s were");
	return outcome == OPERATE_DONE;
}

static const char *
read_target(struct request *r, const char *const *args, const char *usage)
{
	if (args[0] == NULL || args[1] != NULL)
		ctl_usage(usage);
	if (!request_set_target(r, args[0]))
		die(EX_USAGE, "%s: that is no queue id, nor @domain, nor all", args[0]);
	return args[0];
}

int
ctl_schedule(struct ctl *c, const char *const *args)
{
	struct request r = { .verb = REQUEST_SCHEDULE };
	const char *target = read_target(&r, args, "schedule ID | @DOMAIN | from:STRING | all");
	struct operate_result result;
	bool is_done;

	ctl_need_queue(c);
	is_done = perform(c, &r, target, &result);
	if (is_done && result.was_performed_here && isatty(2))
		complain("no queue-run is at work here: the next one tries it");
	return ctl_answer(is_done);
}

/* The word of 2009: everything, now. */
int
ctl_run_queue(struct ctl *c, const char *const *args)
{
	static const char *const all[] = { "all", NULL };

	if (args[0] != NULL)
		ctl_usage("runqueue");
	return ctl_schedule(c, all);
}

static int
operate_on(struct ctl *c, enum request_verb verb, const char *const *args, const char *usage, const char *done)
{
	struct request r = { .verb = verb };
	const char *target = read_target(&r, args, usage);
	struct operate_result result;

	ctl_need_queue(c);
	if (!perform(c, &r, target, &result))
		return ctl_answer(false);
	return ctl_answer_count(result.recipients, done);
}

int
ctl_remove(struct ctl *c, const char *const *args)
{
	static const char *const words[] = { "-r", NULL };

	if (args[0] != NULL && args[1] == NULL && !ctl_open_queue(c))
		ctl_become("queue-peek", "queue-peek", words, args);	/* one's own mail, for everybody */
	return operate_on(c, REQUEST_REMOVE, args, "remove ID | @DOMAIN | from:STRING | all", "removed");
}

int
ctl_pause_envelope(struct ctl *c, const char *const *args)
{
	return operate_on(c, REQUEST_PAUSE, args, "pause envelope ID | @DOMAIN | from:STRING | all", "paused");
}

int
ctl_resume_envelope(struct ctl *c, const char *const *args)
{
	return operate_on(c, REQUEST_RESUME, args, "resume envelope ID | @DOMAIN | from:STRING | all", "resumed");
}
