/* SPDX-License-Identifier: ISC */

/*
 * One job's groups: users/NAME/UUID with job and sup below it. Limits are
 * written before any process is in them.
 */

#include <sys/pidfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/jobmgr/cgroup_priv.h"

/*
 * The supervisor itself needs a tenth of a MiB. The rest is the page cache of
 * the job's output, which is charged to whoever writes it: without a limit a
 * job could fill the host's memory through its stdout, and too small a one
 * slows the output down. Measured in the test VM with 500 MB of output: as fast
 * with 16 MiB as with no limit, a fifth slower with 4 MiB, and no supervisor was
 * killed in either. A build with sanitizers needs some more. On tmpfs the pages
 * are no cache: they cannot be dropped, and the limit would kill the supervisor.
 */
#define SUP_MEMORY_MAX	(32 * 1024 * 1024)

/* The user's group, made for their first job and removed with their last. */
static int
open_user(struct cgtree *t, const char *user)
{
	bool made;
	int c, fd, r;

	if ((fd = cg_make_dir(t->users_fd, user, &made)) < 0 || !made)
		return (fd);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (t->where[c] == CG_V2 &&
		    (r = cg_enable(fd, cg_v2_name[c])) != 0) {
			close_fd(&fd);
			return (r);
		}
	return (fd);
}

/* memory and pids for what they tell, cpu only to limit: it is not free. */
static int
enable_controllers(struct cgjob *j, const struct limits *l)
{
	const struct cgtree *t = j->tree;
	char line[32];

	(void)snprintf(line, sizeof(line), "%s%s%s",
	    t->where[CG_MEMORY] == CG_V2 ? " +memory" : "",
	    t->where[CG_PIDS] == CG_V2 ? " +pids" : "",
	    t->where[CG_CPU] == CG_V2 && cg_asked(l, CG_CPU) ? " +cpu" : "");
	if (line[0] == '\0')
		return (0);
	return (cg_write(j->dir_fd, "cgroup.subtree_control", "%s", line));
}

static int
make_dirs(struct cgjob *j, const struct limits *l)
{
	bool made;
	int fd, r;

	if ((fd = open_user(j->tree, j->user)) < 0)
		return (fd);
	j->dir_fd = cg_make_dir(fd, j->id, &made);
	close_fd(&fd);
	if (j->dir_fd < 0)
		return (j->dir_fd);
	if (!made)		/* still busy with an earlier run of the same id */
		return (-EBUSY);
	if ((r = enable_controllers(j, l)) != 0)
		return (r);
	if ((j->job_fd = cg_make_dir(j->dir_fd, "job", NULL)) < 0)
		return (j->job_fd);
	if ((j->sup_fd = cg_make_dir(j->dir_fd, "sup", NULL)) < 0)
		return (j->sup_fd);
	return (0);
}

/* One process of it killed for memory, whoever's limit it was: all of it goes. */
int
cg_write_fixed(struct cgjob *j, char *stage, size_t size)
{
	int r;

	if (j->tree->where[CG_MEMORY] != CG_V2)
		return (0);
	if ((r = cg_write(j->job_fd, "memory.oom.group", "1")) != 0)
		return (cg_stage(stage, size, r, "limit memory (memory.oom.group)"));
	if (j->tree->state_in_memory)
		return (0);
	if ((r = cg_write(j->sup_fd, "memory.max", "%d", SUP_MEMORY_MAX)) != 0)
		return (cg_stage(stage, size, r, "limit the supervisor's memory (memory.max)"));
	return (0);
}

static int
write_limit(struct cgjob *j, enum cg_controller c, const struct limits *l, char *stage,
    size_t size)
{
	int r;

	if (!cg_asked(l, c))
		return (0);
	switch (j->tree->where[c]) {
	case CG_V2:
		return (cg_v2_writers[c](j, l, stage, size));
	case CG_V1:
		/* A default is not worth the milliseconds of one more hierarchy. */
		if (c == CG_PIDS && l->pids == j->tree->default_pids) {
			j->nproc = l->pids;
			return (0);
		}
		if ((r = cg_v1_make(j, c)) != 0)
			return (cg_stage(stage, size, r, "make a cgroup v1 group"));
		return (cg_v1_writers[c](j, l, stage, size));
	default:
		return (cg_stage(stage, size, -EOPNOTSUPP, "limit without its controller"));
	}
}

int
cgjob_new(struct cgjob **jp, struct cgtree *t, const char *user, const struct uuid *id,
    const struct limits *l, char *stage, size_t size)
{
	struct cgjob *j;
	int c, r;

	if (!user_name_valid(user))
		return (cg_stage(stage, size, -EINVAL, "make the job's cgroup"));
	if ((j = calloc(1, sizeof(*j))) == NULL)
		return (cg_stage(stage, size, -ENOMEM, "make the job's cgroup"));
	j->tree = t;
	j->dir_fd = j->job_fd = j->sup_fd = -1;
	for (c = 0; c < CG_NCONTROLLERS; c++)
		j->v1_fd[c] = -1;
	j->nproc = NO_LIMIT;
	(void)strncpy(j->user, user, sizeof(j->user) - 1);
	uuid_format(id, j->id);

	if ((r = make_dirs(j, l)) != 0)
		r = cg_stage(stage, size, r, "make the job's cgroup");
	else
		r = cg_write_fixed(j, stage, size);
	for (c = 0; r == 0 && c < CG_NCONTROLLERS; c++)
		r = write_limit(j, (enum cg_controller)c, l, stage, size);
	if (r != 0) {
		cgjob_free(j);
		return (r);
	}
	*jp = j;
	return (0);
}

void
cgjob_free(struct cgjob *j)
{
	int c;

	if (j == NULL)
		return;
	/* Negative errno values of failed opens are no descriptors. */
	if (j->dir_fd >= 0)
		close_fd(&j->dir_fd);
	if (j->job_fd >= 0)
		close_fd(&j->job_fd);
	if (j->sup_fd >= 0)
		close_fd(&j->sup_fd);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (j->v1_fd[c] >= 0)
			close_fd(&j->v1_fd[c]);
	cg_reap_job(j->tree, j->user, j->id);
	free(j);
}

int
cgjob_sup_fd(const struct cgjob *j)
{
	return (j->sup_fd);
}

int
cgjob_kill(struct cgjob *j)
{
	return (cg_kill(j->job_fd));
}

int
cgjob_kill_all(struct cgjob *j)
{
	return (cg_kill(j->dir_fd));
}

int
cgjob_populated(const struct cgjob *j)
{
	return (cg_populated(j->job_fd));
}

/* The one process in job. 0 or -errno. */
static int
init_pid(const struct cgjob *j, pid_t *pid)
{
	char text[256];
	ssize_t n;
	int r;

	if ((n = cg_read(j->job_fd, "cgroup.procs", text, sizeof(text))) < 0)
		return ((int)n);
	if ((size_t)n == sizeof(text) - 1)	/* cut: far more than one */
		return (-EBUSY);
	r = cg_only_pid(text, pid);
	return (r == 1 ? 0 : r == 0 ? -ESRCH : r);
}

/*
 * Between the two looks at the group the process cannot have left it, nor could
 * its number have become another's: that would not be in the group.
 */
int
cgjob_open_init(struct cgjob *j)
{
	pid_t again, pid;
	int fd, r;

	if ((r = init_pid(j, &pid)) != 0)
		return (r);
	if ((fd = pidfd_open(pid, 0)) == -1)
		return (-errno);
	if ((r = init_pid(j, &again)) == 0 && again != pid)
		r = -ESRCH;
	if (r != 0) {
		close_fd(&fd);
		return (r);
	}
	return (fd);
}
