/* SPDX-License-Identifier: ISC */

/*
 * The root of the tree: the configured group, else a scope under systemd, else
 * a group below our own. It is locked while this daemon lives, so that no two
 * daemons take each other's jobs for leftovers.
 */

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"

/* In the leaf daemon of our own group goes this process, if it is in the way. */
#define LEAF	"daemon"

static int
is_cgroup2(int fd)
{
	struct statfs sf;

	return (fstatfs(fd, &sf) == 0 && (unsigned long)sf.f_type == CGROUP2_SUPER_MAGIC);
}

/* Splits a path at its last '/', in place: "/a/b" is "/a" and "b". */
static int
split(char *path, const char **dir, const char **base)
{
	char *slash;
	size_t len;

	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (path[0] != '/' || (slash = strrchr(path, '/')) == NULL || slash[1] == '\0' ||
	    strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return (-EINVAL);
	*slash = '\0';
	*dir = path[0] == '\0' ? "/" : path;
	*base = slash + 1;
	return (0);
}

static int
lock_root(const struct cgtree *t, char *why, size_t size)
{
	int r;

	if (flock(t->root_fd, LOCK_EX | LOCK_NB) == 0)
		return (0);
	r = -errno;
	if (r == -EWOULDBLOCK)
		(void)snprintf(why, size, "another telepilotd uses the cgroup %s; "
		    "CgroupParent gives this one a group of its own", t->path);
	else
		(void)snprintf(why, size, "lock cgroup %s: %s", t->path, strerror(-r));
	return (r);
}

int
cg_root_locate(struct cgtree *t, const char *path, char *why, size_t size)
{
	const char *dir, *base;
	char *copy;
	int r;

	if ((copy = strdup(path)) == NULL)
		return (-ENOMEM);
	if ((r = split(copy, &dir, &base)) != 0) {
		(void)snprintf(why, size, "cgroup %s: an absolute path of a directory below a "
		    "cgroup v2 mount is expected", path);
		goto out;
	}
	if ((t->name = strdup(base)) == NULL || (t->path = strdup(path)) == NULL) {
		r = -ENOMEM;
		goto out;
	}
	/* An administrator's path may go through symbolic links, a group's name not. */
	if ((t->above_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		r = -errno;
		(void)snprintf(why, size, "cgroup %s: %s", path, strerror(-r));
	} else if (!is_cgroup2(t->above_fd)) {
		r = -ENOTSUP;
		(void)snprintf(why, size, "cgroup %s: not below a cgroup v2 mount", path);
	}
out:
	free(copy);
	return (r);
}

/* Opens path, or makes its last component. */
static int
open_root(struct cgtree *t, const char *path, char *why, size_t size)
{
	int r;

	if ((r = cg_root_locate(t, path, why, size)) != 0)
		return (r);
	if ((t->root_fd = cg_make_dir(t->above_fd, t->name, &t->made_root)) < 0) {
		r = t->root_fd;
		t->root_fd = -1;
		(void)snprintf(why, size, "cgroup %s: %s", path, strerror(-r));
	} else if ((r = lock_root(t, why, size)) != 0) {
		/* Another's, even if we made it: nothing in it is touched. */
		close_fd(&t->root_fd);
		t->made_root = false;
	}
	/* What was there before us is its maker's, and so are its parent's controllers. */
	if (!t->made_root)
		close_fd(&t->above_fd);
	return (r);
}

static int
open_scope(struct cgtree *t, const struct cg_host *h, char *why, size_t size)
{
	char *dir;
	int r;

	if ((r = scope_open(&t->scope, h->v2_mount, &dir, why, size)) != 0)
		return (r);
	r = open_root(t, dir, why, size);
	free(dir);
	return (r);
}

int
cg_root_own_path(char **path, const struct cg_host *h, const char *id, char *why, size_t size)
{
	if (h->v2_own == NULL) {
		(void)snprintf(why, size, "our own group is not visible in the cgroup v2 mount; "
		    "CgroupParent can name another");
		return (-ENOENT);
	}
	return (asprintf(path, "%s/telepilot-%s", h->v2_own, id) == -1 ? -ENOMEM : 0);
}

static int
open_own(struct cgtree *t, const struct cg_host *h, char *why, size_t size)
{
	char *path, id[16];
	int r;

	(void)snprintf(id, sizeof(id), "%d", (int)getpid());
	if ((r = cg_root_own_path(&path, h, id, why, size)) != 0)
		return (r);
	r = open_root(t, path, why, size);
	free(path);
	if (r == 0)
		cg_sweep_stale(t, h);
	return (r);
}

bool
cg_root_by_systemd(const struct cg_host *h, const char *parent)
{
	return (parent == NULL && cg_host_unified(h) && sd_booted() > 0);
}

int
cg_root_check(const struct cg_host *h, char *why, size_t size)
{
	if (h->v2_mount != NULL)
		return (0);
	(void)snprintf(why, size, "no cgroup v2 is mounted: it is needed to hold jobs "
	    "together (mount -t cgroup2 none /sys/fs/cgroup/unified)");
	return (-ENOENT);
}

int
cg_root_open(struct cgtree *t, const struct cg_host *h, const char *parent, char *why,
    size_t size)
{
	int r;

	if ((r = cg_root_check(h, why, size)) != 0)
		return (r);
	if (parent != NULL)
		return (open_root(t, parent, why, size));
	if (cg_root_by_systemd(h, parent))
		return (open_scope(t, h, why, size));
	return (open_own(t, h, why, size));
}

/* A group with processes cannot give controllers to its children. */
static int
move_self(struct cgtree *t)
{
	int fd, r;

	if ((fd = cg_make_dir(t->above_fd, LEAF, NULL)) < 0)
		return (fd);
	r = cg_write(fd, "cgroup.procs", "0");
	close_fd(&fd);
	if (r != 0)
		return (r);
	t->moved = true;
	log_debug("cgroups: moved this process to the leaf " LEAF);
	return (0);
}

int
cg_root_enable(struct cgtree *t, enum cg_controller c)
{
	int r;

	if (t->above_fd == -1)
		return (-ENOENT);
	if (!cg_lists(t->above_fd, "cgroup.controllers", cg_v2_name[c]))
		return (-ENOENT);
	r = cg_enable(t->above_fd, cg_v2_name[c]);
	if (r == -EBUSY && !t->moved && t->scope == NULL && move_self(t) == 0)
		r = cg_enable(t->above_fd, cg_v2_name[c]);
	if (r == 0)
		t->enabled_above |= 1U << c;
	return (r);
}

/* Back to how it was found, where the kernel lets us. */
static void
restore_above(struct cgtree *t)
{
	int c;

	for (c = 0; c < CG_NCONTROLLERS; c++)
		if ((t->enabled_above & 1U << c) != 0)
			(void)cg_write(t->above_fd, "cgroup.subtree_control", "-%s",
			    cg_v2_name[c]);
	if (t->moved && cg_write(t->above_fd, "cgroup.procs", "0") == 0)
		(void)unlinkat(t->above_fd, LEAF, AT_REMOVEDIR);
}

void
cg_root_close(struct cgtree *t)
{
	/* The scope's own directory is systemd's to remove. */
	scope_close(t->scope);
	if (t->scope != NULL && t->root_fd != -1) {	/* its holder was the last */
		(void)cg_wait_empty(t->root_fd, 1000);
		(void)cg_remove(t->root_fd, "keep");
	}
	if (t->made_root && t->above_fd != -1) {
		if (unlinkat(t->above_fd, t->name, AT_REMOVEDIR) == -1 && errno != ENOENT)
			log_warn("cgroup %s stays: %s", t->path, strerror(errno));
		restore_above(t);
	}
	t->scope = NULL;
	close_fd(&t->root_fd);
	close_fd(&t->above_fd);
}
