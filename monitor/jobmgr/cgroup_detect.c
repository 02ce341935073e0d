/* SPDX-License-Identifier: ISC */

/*
 * Finds out where each controller lives, by using it: on v2 by enabling it,
 * token by token (one that fails would fail a whole write), at every level of
 * the tree that is there; on v1 by making the tree's group in its hierarchy.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"

static int
try_v2(struct cgtree *t, enum cg_controller c)
{
	int r;

	if (!cg_lists(t->root_fd, "cgroup.controllers", cg_v2_name[c]) &&
	    (r = cg_root_enable(t, c)) != 0)
		return (r);
	if ((r = cg_enable(t->root_fd, cg_v2_name[c])) != 0 ||
	    (r = cg_enable(t->users_fd, cg_v2_name[c])) != 0)
		return (r);
	t->where[c] = CG_V2;
	return (0);
}

static int
try_v1(struct cgtree *t, const struct cg_host *h, enum cg_controller c)
{
	int r;

	if ((t->v1_own_fd[c] = cg_open_dir(AT_FDCWD, h->v1_own[c])) < 0) {
		r = t->v1_own_fd[c];
		t->v1_own_fd[c] = -1;
		return (r);
	}
	if ((t->v1_root_fd[c] = cg_make_dir(t->v1_own_fd[c], t->name, NULL)) < 0) {
		r = t->v1_root_fd[c];
		t->v1_root_fd[c] = -1;
		close_fd(&t->v1_own_fd[c]);
		return (r);
	}
	/* Groups of an earlier daemon's jobs; those with processes stay. */
	(void)cg_remove_below(t->v1_root_fd[c]);
	t->where[c] = CG_V1;
	return (0);
}

/* Does v2 have it at all, somewhere above us? */
static bool
v2_has(const struct cg_host *h, enum cg_controller c)
{
	bool has;
	int fd;

	if ((fd = cg_open_dir(AT_FDCWD, h->v2_mount)) < 0)
		return (false);
	has = cg_lists(fd, "cgroup.controllers", cg_v2_name[c]);
	close_fd(&fd);
	return (has);
}

/* On a hybrid host a controller is either on v1 or, if that has let it go, on v2. */
static void
detect(struct cgtree *t, const struct cg_host *h, enum cg_controller c)
{
	int v1 = -ENOENT, v2;

	t->where[c] = CG_ABSENT;
	t->why[c] = CG_WHY_NONE;
	if ((v2 = try_v2(t, c)) == 0)
		return;
	if (h->v1_own[c] != NULL && (v1 = try_v1(t, h, c)) == 0)
		return;
	if (v2 == -EBUSY || v2 == -EOPNOTSUPP)
		t->why[c] = CG_WHY_BUSY;
	else if (v2 != -ENOENT || v2_has(h, c))
		t->why[c] = CG_WHY_PARENT;
	else
		t->why[c] = h->v1_own[c] != NULL ? CG_WHY_V1 : CG_WHY_KERNEL;
	log_debug("cgroups: %s: v2: %s, v1: %s", cg_v2_name[c], strerror(-v2), strerror(-v1));
}

/* Swap is accounted for only by some kernels, and only where the file is. */
static bool
detect_swap(const struct cgtree *t)
{
	switch (t->where[CG_MEMORY]) {
	case CG_V2:
		return (faccessat(t->users_fd, "memory.swap.max", W_OK, 0) == 0);
	case CG_V1:
		return (faccessat(t->v1_root_fd[CG_MEMORY], "memory.memsw.limit_in_bytes", W_OK,
		    0) == 0);
	default:
		return (false);
	}
}

int
cg_detect(struct cgtree *t, const struct cg_host *h, char *why, size_t size)
{
	int c, r;

	if (faccessat(t->root_fd, "cgroup.kill", W_OK, 0) == -1) {
		(void)snprintf(why, size, "cgroup %s has no cgroup.kill: Linux 5.14 or newer, "
		    "and a group that is not threaded, are needed", t->path);
		return (-EOPNOTSUPP);
	}
	if ((t->users_fd = cg_make_dir(t->root_fd, "users", NULL)) < 0) {
		r = t->users_fd;
		t->users_fd = -1;
		(void)snprintf(why, size, "cgroup %s/users: %s", t->path, strerror(-r));
		return (r);
	}
	/* Before the controllers: processes of an earlier daemon would be in the way. */
	cg_sweep(t);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		detect(t, h, (enum cg_controller)c);
	t->swap = detect_swap(t);
	return (0);
}
