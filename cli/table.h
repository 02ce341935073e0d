/*
 * Aligned columns for people. Texts are printed as they are: make them safe
 * first (text.h).
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

struct table;

/* headings are borrowed. NULL when out of memory. */
struct table *table_new(const char *const *headings, size_t columns);
/* Takes the texts over, one a column, even when it fails; a NULL among them fails. */
int table_add(struct table *, char **texts);		/* 0 or -ENOMEM */
int table_print(const struct table *, FILE *);	/* 0 or -ENOMEM; see ferror(3) too */
void table_free(struct table *);

#endif
