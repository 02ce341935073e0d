/*
 * NULL-terminated arrays of strings, as argv is one.
 */
#ifndef COMMON_STRV_H
#define COMMON_STRV_H

#include <stddef.h>

#include "buf.h"

size_t strv_count(char *const *);	/* NULL counts as empty */
void strv_free(char **);		/* NULL is allowed */

/* u32 count, then each as str. get allocates; on an error nothing is left to free. */
int strv_put(struct buf *, char *const *);
int strv_get(struct rbuf *, char ***, size_t max_count, size_t max_len);

#endif
