/* newaliases: makes the map of the table "aliases" from its text. */
#ifndef CDB_TOOLS_NEWALIASES_H
#define CDB_TOOLS_NEWALIASES_H

/* The whole program, makemap being called by that name. Returns its exit status. */
int newaliases(int argc, const char *const *argv);

#endif
