/* SPDX-License-Identifier: ISC */
/*
 * The transient delegated scope under systemd that the jobs' tree lies in.
 */
#ifndef JOBMGR_SCOPE_H
#define JOBMGR_SCOPE_H

#include <stddef.h>

struct scope;

/*
 * Asks systemd for the scope, or joins the one that is there. v2_mount is where
 * cgroup v2 is mounted; *cgroup, the scope's absolute directory, is the caller's
 * to free. Blocks, but never longer than half a minute: only for the start. On
 * failure why says what was expected. 0 or -errno.
 */
int scope_open(struct scope **, const char *v2_mount, char **cgroup, char *why, size_t size);
/* Lets the scope end when nothing else lives in it. NULL is allowed. */
void scope_close(struct scope *);

#endif
