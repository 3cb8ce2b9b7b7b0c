/* file: opening what belongs to a user without being led astray. */
#ifndef PIPEPOST_DELIVER_LOCAL_FILE_H
#define PIPEPOST_DELIVER_LOCAL_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Opens the directory at the absolute path; missing ones are made (0700) and
 * the directories they are made in fsynced. `home` and what is above it is
 * never made: a home that is not there is one that is not mounted.
 * Returns the descriptor or -1 with errno. */
int file_make_directory(const char *path, const char *home);

/* Whether path stands below home. */
bool file_is_below(const char *path, const char *home);

/* Whether path names a regular file (a symbolic link is none). */
bool file_is_regular(const char *path);

/* Opens the directory that holds the last component of path. -1 with errno. */
int file_open_parent(const char *path);

#endif
