/* mx_dns: mx with the name servers behind it. */
#include "lib/mx.h"

#include <skalibs/random.h>

static enum dns_status
ask(void *arg, struct dns_answer *a, const char *name, enum dns_type type)
{
	return dns_ask(arg, a, name, type);
}

static enum dns_status
ask_host(void *arg, struct dns_answer *a, const char *name, enum dns_type type)
{
	return dns_ask_host(arg, a, name, type);
}

static uint32_t
below(void *arg, uint32_t n)
{
	(void)arg;
	return random_uint32(n);
}

enum mx_status
mx_find_by_dns(genalloc *targets, char why[MX_WHY_MAX], struct dns *d, const struct relay *relay, uint16_t port)
{
	struct mx_resolver r = { .ask = ask, .ask_host = ask_host, .below = below, .arg = d, .takes_loopback = d->is_given };
	tain limit = d->limit, mine;
	enum mx_status status;

	tain_now_g();
	tain_addsec_g(&mine, MX_SECONDS);
	if (tain_less(&mine, &d->limit))
		d->limit = mine;
	status = mx_find(targets, why, &r, relay, port);
	d->limit = limit;
	return status;
}
