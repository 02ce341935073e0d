/* SPDX-License-Identifier: ISC */

/*
 * Which limits a daemon of this configuration could hold, found by reading
 * alone: nothing is made, locked, ended, moved or removed, so that it may be
 * asked at any time, beside a running daemon too. What cgroup_root.c and
 * cgroup_detect.c do by trying is here foretold.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/units.h"
#include "monitor/jobmgr/cgroup_priv.h"

#define SCOPE_BELOW	"/system.slice/telepilot-jobs.scope"

/* systemd has made the scope, or would, with whatever controllers the host has. */
static int
locate_scope(struct cgtree *t, const struct cg_host *h)
{
	if (asprintf(&t->path, "%s" SCOPE_BELOW, h->v2_mount) == -1) {
		t->path = NULL;
		return (-ENOMEM);
	}
	if ((t->name = strdup(strrchr(t->path, '/') + 1)) == NULL)
		return (-ENOMEM);
	t->above_fd = cg_open_dir(AT_FDCWD, h->v2_mount);
	return (t->above_fd < 0 ? t->above_fd : 0);
}

static int
locate(struct cgtree *t, const struct cg_host *h, const char *parent, char *why, size_t size)
{
	char *path;
	int r;

	if ((r = cg_root_check(h, why, size)) != 0)
		return (r);
	if (parent != NULL)
		return (cg_root_locate(t, parent, why, size));
	if (cg_root_by_systemd(h, parent))
		return (locate_scope(t, h));
	if ((r = cg_root_own_path(&path, h, "PID", why, size)) != 0)
		return (r);
	r = cg_root_locate(t, path, why, size);
	free(path);
	return (r);
}

/* Any but this one, which a daemon in its place would move out of the way. */
static bool
has_others(int dir)
{
	char text[4096], *line, *rest = text;
	uint64_t pid;

	if (faccessat(dir, "cgroup.type", F_OK, 0) == -1 ||
	    cg_read(dir, "cgroup.procs", text, sizeof(text)) < 0)
		return (false);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0' && (parse_u64(line, 0, INT32_MAX, &pid) != 0 ||
		    (pid_t)pid != getpid()))
			return (true);
	return (false);
}

/* As cg_root_enable and cg_enable would end. */
static int
probe_v2(const struct cgtree *t, enum cg_controller c)
{
	const char *name = cg_v2_name[c];
	int dir = t->root_fd != -1 ? t->root_fd : t->above_fd;

	if (!cg_lists(dir, "cgroup.controllers", name))
		return (-ENOENT);
	if (cg_lists(dir, "cgroup.subtree_control", name))
		return (0);
	return (has_others(dir) ? -EBUSY : 0);
}

static int
probe_v1(const struct cg_host *h, enum cg_controller c)
{
	if (h->v1_own[c] == NULL)
		return (-ENOENT);
	return (access(h->v1_own[c], W_OK | X_OK) == -1 ? -errno : 0);
}

/*
 * Every group with the controller has the file, if the kernel accounts for swap.
 * Where none is to be seen, all that is known is whether the kernel has swap.
 */
static bool
probe_swap(const struct cgtree *t, const struct cg_host *h)
{
	const int dirs[] = { t->root_fd, t->above_fd };
	char path[4096];
	size_t i;

	if (t->where[CG_MEMORY] == CG_V1) {
		(void)snprintf(path, sizeof(path), "%s/memory.memsw.limit_in_bytes",
		    h->v1_own[CG_MEMORY]);
		return (access(path, F_OK) == 0);
	}
	if (t->where[CG_MEMORY] == CG_ABSENT)
		return (false);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (dirs[i] != -1 && faccessat(dirs[i], "memory.current", F_OK, 0) == 0)
			return (faccessat(dirs[i], "memory.swap.max", F_OK, 0) == 0);
	return (access("/proc/swaps", F_OK) == 0);
}

static int
probe(struct cgtree *t, const struct cg_host *h, char *why, size_t size)
{
	int c;

	if ((t->root_fd = cg_open_dir(AT_FDCWD, t->path)) < 0) {
		if (t->root_fd != -ENOENT) {
			c = t->root_fd;
			t->root_fd = -1;
			return (c);
		}
		t->root_fd = -1;
	} else if (faccessat(t->root_fd, "cgroup.kill", F_OK, 0) == -1)
		return (cg_no_kill(t, why, size));
	for (c = 0; c < CG_NCONTROLLERS; c++)
		cg_classify(t, h, (enum cg_controller)c, probe_v2(t, (enum cg_controller)c),
		    probe_v1(h, (enum cg_controller)c));
	t->swap = probe_swap(t, h);
	return (0);
}

int
cgtree_probe(struct cgtree **tp, const struct cgtree_config *config, char *why, size_t size)
{
	struct cg_host host;
	struct cgtree *t;
	int r;

	why[0] = '\0';
	if ((r = cg_host_find(&host)) != 0)
		return (r);
	if ((t = cg_tree_new(NULL, config)) == NULL)
		r = -ENOMEM;
	else if ((r = locate(t, &host, config->parent, why, size)) == 0)
		r = probe(t, &host, why, size);
	cg_host_free(&host);
	if (r == 0)
		*tp = t;
	else
		cgtree_close(t);
	return (r);
}
