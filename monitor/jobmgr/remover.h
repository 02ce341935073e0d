/* SPDX-License-Identifier: ISC */
/*
 * Removal of jobs' files, which may take long: unlinking one file of many
 * extents takes seconds. What is to go is moved away at once, and unlinked by a
 * short-lived child.
 */
#ifndef JOBMGR_REMOVER_H
#define JOBMGR_REMOVER_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct remover;

/*
 * Makes DIR/removed, dir_fd being DIR, and begins with what an earlier daemon
 * left in it. 0 or -errno.
 */
int remover_new(struct remover **, sd_event *, int dir_fd);
/* A child that works is killed, and waited for a second: the rest is for the next
   daemon. NULL is allowed. */
void remover_free(struct remover *);
/* Moves DIR/name, whatever it is, away. 0, also if it is not there, or -errno. */
int remover_take(struct remover *, const char *name);
/* Has the child ended, and is nothing left for another? */
bool remover_idle(const struct remover *);

/* remover_tree.c: unlinks all that is below dir. 0, or 1 if something stays,
   which is logged if say. Follows nothing and enters no other mount. */
int remover_empty(int dir, bool say);

#endif
