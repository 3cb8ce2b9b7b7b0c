/* delivery: see delivery.h. */
#include "deliver-remote/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "deliver-remote/mailbox.h"

bool
delivery_begin(struct delivery *d, const struct job *j, struct text *t)
{
	size_t n = genalloc_len(struct job_recipient, &j->recipients);
	struct outcome *o = reallocarray(d->o, n, sizeof *o);

	if (o == NULL)
		return false;
	d->o = o;
	d->n = n;
	d->job = j;
	d->text = t;
	for (size_t i = 0; i < n; i++)
		o[i].is_settled = false;
	return true;
}

void
delivery_set_reverse_path(struct delivery *d, const struct relay *r)
{
	struct outcome bad;

	d->reverse_path.len = 0;
	if (mailbox_append_as(&d->reverse_path, d->job->reverse_path, r->as, r->own_name))
		return;
	if (errno == EINVAL)
		outcome_set(&bad, VERDICT_FAILED, "5.1.7 The sender's address cannot be sent by SMTP: %s",
		    d->job->reverse_path);
	else
		outcome_set(&bad, VERDICT_DEFERRED, "4.3.0 out of memory");
	delivery_settle(d, &bad);
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
