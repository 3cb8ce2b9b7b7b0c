/* delivery: see delivery.h. */
#include "deliver-remote/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "deliver-remote/mailbox.h"

bool
delivery_begin(struct delivery *d, const struct job *j, struct text *t)
{
	size_t n = genalloc_len(struct job_recipient, &j->recipients);
	struct outcome *o = reallocarray(d->o, n, sizeof *o), bad;

	if (o == NULL)
		return false;
	d->o = o;
	d->n = n;
	d->job = j;
	d->text = t;
	for (size_t i = 0; i < n; i++)
		o[i].is_settled = false;
	d->reverse_path.len = 0;
	if (mailbox_append(&d->reverse_path, j->reverse_path))
		return true;
	if (errno != EINVAL)
		return false;
	outcome_set(&bad, VERDICT_FAILED, "5.1.7 The sender's address cannot be sent by SMTP: %s", j->reverse_path);
	delivery_settle(d, &bad);
	return stralloc_0(&d->reverse_path);
}

void
delivery_free(struct delivery *d)
{
	free(d->o);
	stralloc_free(&d->reverse_path);
}

const struct job_recipient *
delivery_recipient(const struct delivery *d, size_t i)
{
	return &genalloc_s(struct job_recipient, &d->job->recipients)[i];
}

bool
delivery_is_settled(const struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!d->o[i].is_settled)
			return false;
	return true;
}

void
delivery_settle(struct delivery *d, const struct outcome *as)
{
	outcome_settle_all(d->o, d->n, as);
}
