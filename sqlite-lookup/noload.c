/* noload: SQLite can load extensions from shared objects; this program cannot.
 *
 * It is linked statically and may hold a group that its caller has not. These
 * stand in for those of libc, so that no code from elsewhere ever gets in. */
#include <dlfcn.h>
#include <stddef.h>

void *
dlopen(const char *file, int mode)
{
	(void)file, (void)mode;
	return NULL;
}

void *
dlsym(void *restrict handle, const char *restrict name)
{
	(void)handle, (void)name;
	return NULL;
}

int
dlclose(void *handle)
{
	(void)handle;
	return -1;
}

char *
dlerror(void)
{
	static char words[] = "this program loads no extensions";

	return words;
}
