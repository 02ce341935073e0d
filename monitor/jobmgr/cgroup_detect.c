/* SPDX-License-Identifier: ISC */

/*
 * Finds out where each controller lives, by using it: on v2 by enabling it,
 * token by token (one that fails would fail a whole write), at every level of
 * the tree that is there; on v1 by making the tree's group in its hierarchy.
 */

#include <sys/file.h>
#include <sys/stat.h>

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
	return (0);
}

/* One directory for several controllers is one group, and one lock. */
static bool
same_group(int a, int b)
{
	struct stat sa, sb;

	return (fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	    sa.st_ino == sb.st_ino);
}

/*
 * The tree's group in v1 has the name of its root in v2, without the path: two
 * daemons whose roots differ may meet here, and each would remove the other's.
 */
static int
lock_v1(const struct cgtree *t, enum cg_controller c)
{
	int i;

	for (i = 0; i < (int)c; i++)
		if (t->v1_root_fd[i] != -1 && same_group(t->v1_root_fd[i], t->v1_root_fd[c]))
			return (0);
	return (flock(t->v1_root_fd[c], LOCK_EX | LOCK_NB) == -1 ? -errno : 0);
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
	if ((r = lock_v1(t, c)) != 0) {
		close_fd(&t->v1_root_fd[c]);
		close_fd(&t->v1_own_fd[c]);
		return (r);
	}
	/* Groups of an earlier daemon's jobs; those with processes stay. */
	cg_sweep_v1(t->v1_root_fd[c]);
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

void
cg_classify(struct cgtree *t, const struct cg_host *h, enum cg_controller c, int v2, int v1)
{
	t->where[c] = v2 == 0 ? CG_V2 : v1 == 0 ? CG_V1 : CG_ABSENT;
	t->why[c] = CG_WHY_NONE;
	if (t->where[c] != CG_ABSENT)
		return;
	if (v2 == -EBUSY || v2 == -EOPNOTSUPP)
		t->why[c] = CG_WHY_BUSY;
	else if (v2 != -ENOENT || v2_has(h, c))
		t->why[c] = CG_WHY_PARENT;
	else
		t->why[c] = h->v1_own[c] != NULL ? CG_WHY_V1 : CG_WHY_KERNEL;
	log_debug("cgroups: %s: v2: %s, v1: %s", cg_v2_name[c], strerror(-v2), strerror(-v1));
}

/* On a hybrid host a controller is either on v1 or, if that has let it go, on v2. */
static int
detect(struct cgtree *t, const struct cg_host *h, enum cg_controller c)
{
	int v1 = -ENOENT, v2;

	if ((v2 = try_v2(t, c)) != 0 && h->v1_own[c] != NULL)
		v1 = try_v1(t, h, c);
	if (v1 == -EWOULDBLOCK)
		return (v1);
	cg_classify(t, h, c, v2, v1);
	return (0);
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
cg_no_kill(const struct cgtree *t, char *why, size_t size)
{
	(void)snprintf(why, size, "cgroup %s has no cgroup.kill: Linux 5.14 or newer, "
	    "and a group that is not threaded, are needed", t->path);
	return (-EOPNOTSUPP);
}

static void
sweep(const struct cgtree *t)
{
	int r;

	if ((r = cg_sweep_users(t->users_fd)) != 0)
		log_error("cgroup %s: what an earlier telepilotd left cannot be ended: %s",
		    t->path, strerror(-r));
}

int
cg_detect(struct cgtree *t, const struct cg_host *h, char *why, size_t size)
{
	int c, r;

	if (faccessat(t->root_fd, "cgroup.kill", W_OK, 0) == -1)
		return (cg_no_kill(t, why, size));
	if ((t->users_fd = cg_make_dir(t->root_fd, "users", NULL)) < 0) {
		r = t->users_fd;
		t->users_fd = -1;
		(void)snprintf(why, size, "cgroup %s/users: %s", t->path, strerror(-r));
		return (r);
	}
	/* Before the controllers: processes of an earlier daemon would be in the way. */
	sweep(t);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if ((r = detect(t, h, (enum cg_controller)c)) != 0) {
			(void)snprintf(why, size, "another telepilotd uses the cgroup v1 groups "
			    "named %s; a CgroupParent with another last component gives this "
			    "one its own", t->name);
			return (r);
		}
	t->swap = detect_swap(t);
	return (0);
}
