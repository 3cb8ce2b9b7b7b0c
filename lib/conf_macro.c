/* conf_macro: macros of the command line. See conf.h. */
#include "lib/conf.h"

#include <string.h>

bool
conf_add_macro(struct conf_macro macros[CONF_MACROS_MAX], size_t *n, char *text, const char **why)
{
	char *equals = strrchr(text, '=');

	if (equals == NULL || equals == text) {
		*why = "NAME=VALUE is needed";
		return false;
	}
	if (*n == CONF_MACROS_MAX) {
		*why = "there are 64 macros already";
		return false;
	}
	*equals = '\0';
	macros[(*n)++] = (struct conf_macro){ .name = text, .value = equals + 1 };
	return true;
}
