/* auth_input: see auth_input.h. */
#include "smtp-recv/auth_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool
fail(int error)
{
	errno = error;
	return false;
}

bool
auth_input_scan(struct auth_input *in)
{
	const char *end = in->text + in->len;
	const char *first = memchr(in->text, '\0', in->len), *second;

	if (first == NULL)
		return fail(EPROTO);
	second = memchr(first + 1, '\0', (size_t)(end - first - 1));
	if (second == NULL)
		return fail(EPROTO);
	in->login = in->text;
	in->password = first + 1;
	return true;
}

bool
auth_input_read(struct auth_input *in, int fd)
{
	ssize_t n = 1;
	int e;

	in->len = 0;
	while (n > 0 && in->len < sizeof in->text) {
		n = read(fd, in->text + in->len, sizeof in->text - in->len);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			in->len += (size_t)n;
	}
	e = errno;
	close(fd);
	if (n == -1)
		return fail(e);
	return in->len <= CHECKPASSWORD_MAX ? auth_input_scan(in) : fail(EMSGSIZE);
}

void
auth_input_wipe(struct auth_input *in)
{
	explicit_bzero(in, sizeof *in);
}
