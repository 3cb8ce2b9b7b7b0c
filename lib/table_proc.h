/* table_proc: OpenSMTPD's text protocol for table programs (7.6 and later).
 * Private to lib/table*.c, but for table_proc_find_program(). */
#ifndef PIPEPOST_TABLE_PROC_H
#define PIPEPOST_TABLE_PROC_H

#include "lib/table_helper.h"

/* Where the program of a proc table is: the first of the places in table(5)
 * that can be executed. Writes it to path[size]. False: there is none. */
bool table_proc_find_program(char *path, size_t size, const char *type);

/* The first words with a program that was just started. FOUND: it may be asked. */
enum lookup table_proc_greet(struct table_helper *h, struct table_question *q);

/* The keys, one after the other. */
enum lookup table_proc_ask(struct table_helper *h, struct table_question *q);

#endif
