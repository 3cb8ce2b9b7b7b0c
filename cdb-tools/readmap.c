/* readmap: looks a key up in a map that makemap made, or prints all of it.
 *
 * Its exit status is sqlite-lookup's: 0 found, 1 not there, 111 could not
 * tell, 100 could not tell until somebody mends the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdb-tools/dump.h"
#include "lib/die.h"

static _Noreturn void
usage(void)
{
	dprintf(2, "usage: readmap dbfile [key]\n");
	exit(READMAP_BROKEN);
}

int
main(int argc, const char *const *argv)
{
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

	PROG = "readmap";
	if (argc - first < 1 || argc - first > 2 || (first == 1 && argv[1][0] == '-'))
		usage();
	return (int)(argc - first == 2 ? dump_one(argv[first], argv[first + 1]) : dump_all(argv[first]));
}
