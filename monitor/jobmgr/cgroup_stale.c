/* SPDX-License-Identifier: ISC */

/*
 * A daemon without a configured group has a tree `telepilot-PID`. One that was
 * killed leaves it behind, and no later daemon has that name: whoever makes a
 * tree beside it clears it away. It is stale when its process is gone and
 * nobody holds its lock.
 */

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "common/units.h"
#include "monitor/jobmgr/cgroup_priv.h"

#define PREFIX		"telepilot-"

/* Is this a tree whose daemon is gone? */
static bool
abandoned(const char *name)
{
	uint64_t pid;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
	    parse_u64(name + strlen(PREFIX), 2, INT32_MAX, &pid) != 0)
		return (false);
	return (kill((pid_t)pid, 0) == -1 && errno == ESRCH);
}

static void
remove_v1(const struct cg_host *h, const char *name)
{
	int c, fd, root;

	for (c = 0; c < CG_NCONTROLLERS; c++) {
		if (h->v1_own[c] == NULL || (fd = cg_open_dir(AT_FDCWD, h->v1_own[c])) < 0)
			continue;
		if ((root = cg_open_dir(fd, name)) >= 0) {
			cg_sweep_v1(root);
			close_fd(&root);
			(void)unlinkat(fd, name, AT_REMOVEDIR);
		}
		close_fd(&fd);
	}
}

/* Its jobs and its own two groups; what else is in it keeps it. */
static int
remove_v2(int above, int root, const char *name)
{
	int r, users;

	if ((users = cg_open_dir(root, "users")) >= 0) {
		r = cg_sweep_users(users);
		close_fd(&users);
		if (r != 0)
			return (r);
		if (unlinkat(root, "users", AT_REMOVEDIR) == -1)
			return (-errno);
	} else if (users != -ENOENT)
		return (users);
	return (unlinkat(above, name, AT_REMOVEDIR) == -1 ? -errno : 0);
}

static void
clear(const struct cgtree *t, const struct cg_host *h, const char *name)
{
	int fd, r;

	if ((fd = cg_open_dir(t->above_fd, name)) < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		r = remove_v2(t->above_fd, fd, name);
		remove_v1(h, name);
		if (r == 0)
			log_info("cgroups: removed %s, left by an earlier telepilotd", name);
		else
			log_warn("cgroups: %s, left by an earlier telepilotd: %s", name,
			    strerror(-r));
	}
	close_fd(&fd);
}

struct place {
	struct cgtree *t;
	const struct cg_host *h;
};

static int
clear_if_abandoned(const void *arg, int dir, const char *name)
{
	const struct place *p = arg;

	(void)dir;
	if (strcmp(name, p->t->name) != 0 && abandoned(name))
		clear(p->t, p->h, name);
	return (0);
}

void
cg_sweep_stale(struct cgtree *t, const struct cg_host *h)
{
	const struct place p = { t, h };

	if (t->above_fd != -1)
		(void)cg_each(t->above_fd, clear_if_abandoned, &p);
}
