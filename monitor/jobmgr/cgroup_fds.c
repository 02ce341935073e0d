/* SPDX-License-Identifier: ISC */

/*
 * What of a job's groups is opened for others: the files that its supervisor
 * reads and writes without privileges of its own, and those that tell its
 * usage. Both come from one table.
 */

#include <errno.h>
#include <fcntl.h>

#include "common/fdio.h"
#include "monitor/jobmgr/cgroup_priv.h"

enum group { JOB, BOTH, V1 };	/* UUID/job, UUID, the controller's v1 group */

#define ALWAYS	CG_NCONTROLLERS	/* no controller is needed */
#define MAY_MISS 1		/* not in every kernel */

static const struct source {
	uint8_t role;		/* enum spawn_role */
	uint8_t group;
	uint8_t controller;
	uint8_t flags;
	int mode;
	const char *file;
} sources[] = {
	{ ROLE_CGROUP,		JOB,	ALWAYS,	0, O_RDONLY | O_DIRECTORY, "." },
	{ ROLE_CGROUP_KILL,	JOB,	ALWAYS,	0, O_WRONLY, "cgroup.kill" },
	{ ROLE_CGROUP_EVENTS,	JOB,	ALWAYS,	0, O_RDONLY, "cgroup.events" },
	{ ROLE_CPU_STAT,	JOB,	ALWAYS,	0, O_RDONLY, "cpu.stat" },
	{ ROLE_MEMORY_EVENTS,	JOB,	CG_MEMORY, 0, O_RDONLY, "memory.events" },
	{ ROLE_MEMORY_CURRENT,	JOB,	CG_MEMORY, 0, O_RDONLY, "memory.current" },
	{ ROLE_MEMORY_PEAK,	JOB,	CG_MEMORY, MAY_MISS, O_RDONLY, "memory.peak" },
	{ ROLE_IO_STAT,		BOTH,	CG_IO,	0, O_RDONLY, "io.stat" },
	{ ROLE_PIDS_CURRENT,	JOB,	CG_PIDS, 0, O_RDONLY, "pids.current" },
	{ ROLE_V1_PROCS,	V1,	CG_CPU,	0, O_WRONLY, "cgroup.procs" },
	{ ROLE_V1_PROCS,	V1,	CG_MEMORY, 0, O_WRONLY, "cgroup.procs" },
	{ ROLE_V1_PROCS,	V1,	CG_IO,	0, O_WRONLY, "cgroup.procs" },
	{ ROLE_V1_PROCS,	V1,	CG_PIDS, 0, O_WRONLY, "cgroup.procs" },
	{ ROLE_V1_OOM_CONTROL,	V1,	CG_MEMORY, 0, O_RDWR, "memory.oom_control" },
	{ ROLE_V1_EVENT_CONTROL, V1,	CG_MEMORY, 0, O_WRONLY, "cgroup.event_control" },
	{ ROLE_MEMORY_CURRENT,	V1,	CG_MEMORY, 0, O_RDONLY, "memory.usage_in_bytes" },
	{ ROLE_MEMORY_PEAK,	V1,	CG_MEMORY, 0, O_RDONLY, "memory.max_usage_in_bytes" },
	{ ROLE_V1_IO_BYTES,	V1,	CG_IO,	0, O_RDONLY, "blkio.throttle.io_service_bytes" },
	{ ROLE_PIDS_CURRENT,	V1,	CG_PIDS, 0, O_RDONLY, "pids.current" },
};

#define NSOURCES	(sizeof(sources) / sizeof(sources[0]))

/* The directory of a source, or -1 if this job has it not. */
static int
source_dir(const struct cgjob *j, const struct source *s)
{
	if (s->group == V1)
		return (j->v1_fd[s->controller]);
	if (s->controller != ALWAYS && j->tree->where[s->controller] != CG_V2)
		return (-1);
	return (s->group == JOB ? j->job_fd : j->dir_fd);
}

/* fd, or -1 if this job or this kernel has it not, or -errno below -1. */
static int
open_source(const struct cgjob *j, const struct source *s)
{
	int dir, fd;

	if ((dir = source_dir(j, s)) == -1)
		return (-1);
	fd = cg_open_file(dir, s->file, s->mode);
	if (fd == -ENOENT && (s->flags & MAY_MISS) != 0)
		return (-1);
	/* -1 is -EPERM: root was denied, which is an error and no absence. */
	return (fd == -EPERM ? -EACCES : fd);
}

int
cgjob_spawn_fds(struct cgjob *j, uint8_t *roles, int *fds, size_t max, uint64_t *nproc)
{
	size_t i, n = 0;
	int fd = -1;

	for (i = 0; i < NSOURCES; i++) {
		if ((fd = open_source(j, &sources[i])) == -1)
			continue;
		if (fd < 0)
			break;
		if (n == max) {
			close_fd(&fd);
			fd = -ENOSPC;
			break;
		}
		roles[n] = sources[i].role;
		fds[n++] = fd;
	}
	if (fd < -1) {
		while (n > 0)
			close_fd(&fds[--n]);
		return (fd);
	}
	*nproc = j->nproc;
	return ((int)n);
}

/* Where in usage_fds a role's descriptor belongs, or NULL. */
static int *
usage_slot(struct usage_fds *u, uint8_t role)
{
	switch (role) {
	case ROLE_CPU_STAT:
		return (&u->cpu_stat);
	case ROLE_MEMORY_CURRENT:
		return (&u->memory_current);
	case ROLE_MEMORY_PEAK:
		return (&u->memory_peak);
	case ROLE_IO_STAT:
		return (&u->io_stat);
	case ROLE_V1_IO_BYTES:
		return (&u->v1_io_bytes);
	case ROLE_PIDS_CURRENT:
		return (&u->pids_current);
	default:
		return (NULL);
	}
}

/* Opened anew each time: a host with many jobs has better use for descriptors. */
void
cgjob_usage(const struct cgjob *j, struct usage *usage)
{
	struct usage_fds u;
	size_t i;
	int fd, *slot;

	usage_fds_init(&u);
	for (i = 0; i < NSOURCES; i++)
		if ((slot = usage_slot(&u, sources[i].role)) != NULL && *slot == -1 &&
		    (fd = open_source(j, &sources[i])) >= 0)
			*slot = fd;
	usage_read(&u, usage);
	for (i = 0; i < NSOURCES; i++)
		if ((slot = usage_slot(&u, sources[i].role)) != NULL)
			close_fd(slot);
}
