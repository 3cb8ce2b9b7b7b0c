/* operand: see operand.h.
 *
 * No configuration is read: a URL is parsed by the parser of an empty one. */
#include "deliver-remote/operand.h"

#include <errno.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/relay.h"

enum { NAME_SIZE = 256 };

/* Encodes what the operand says; texts of *c are used. */
static bool
encode(stralloc *to, struct conf *c, const char *operand, const char **why)
{
	struct conf_relay_url url;
	struct relay r;

	relay_init(&r);
	if (strstr(operand, "://") == NULL) {
		r.host = operand;
		r.is_mx = true;
	} else if (conf_parse_relay_url(c, &url, operand, why)) {
		relay_take_url(&r, &url);
		r.is_backup = url.is_backup;
		r.verify = *r.label != '\0';
		r.table = r.verify ? "on descriptor 3" : "";
	} else {
		return false;
	}
	*why = *r.host == '\0' ? "it names no host" : "it is too long";
	return *r.host != '\0' && relay_encode(to, &r);
}

/* Decodes the param and encodes it again with our names where the words have none. */
static bool
complete(stralloc *param, const char **why)
{
	char name[NAME_SIZE];
	struct relay r;
	bool is_good = relay_decode(&r, param->s);

	*why = "a word of -o is none, or stands there twice";
	if (is_good) {
		if (*r.own_name == '\0')
			r.own_name = conf_server_name(name, sizeof name);
		if (*r.helo == '\0')
			r.helo = r.own_name;
		param->len = 0;
		is_good = relay_encode(param, &r) && stralloc_0(param);
	}
	relay_free(&r);
	return is_good;
}

bool
operand_read(stralloc *param, const char *operand, const char *words, const char **why)
{
	struct conf *c = conf_parse("", "", 0, NULL, 0);
	bool is_good;

	*why = "out of memory";
	is_good = c != NULL && encode(param, c, operand, why) && stralloc_cats(param, words) && stralloc_0(param) &&
	    complete(param, why);
	if (c != NULL)
		conf_free(c);
	return is_good;
}

bool
operand_has_label(const char *param)
{
	struct relay r;
	bool has_label = relay_decode(&r, param) && *r.label != '\0';

	relay_free(&r);
	return has_label;
}
