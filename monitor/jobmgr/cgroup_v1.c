/* SPDX-License-Identifier: ISC */

/*
 * The one file that maps limits to cgroup v1, for hybrid hosts. A job has a
 * group OWN/TREE/NAME/UUID in the hierarchy of each controller that its limits
 * need, and in no other: joining one costs milliseconds.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"
#include "monitor/jobmgr/disk.h"

#define CPU_PERIOD_USEC	100000

int
cg_v1_make(struct cgjob *j, enum cg_controller c)
{
	int root = j->tree->v1_root_fd[c], user;

	if ((user = cg_make_dir(root, j->user, NULL)) < 0)
		return (user);
	j->v1_fd[c] = cg_make_dir(user, j->id, NULL);
	close_fd(&user);
	return (j->v1_fd[c] < 0 ? j->v1_fd[c] : 0);
}

static int
write_cpu(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int fd = j->v1_fd[CG_CPU], r;

	if ((r = cg_write(fd, "cpu.cfs_period_us", "%d", CPU_PERIOD_USEC)) != 0 ||
	    (r = cg_write(fd, "cpu.cfs_quota_us", "%" PRIu64,
	    (uint64_t)l->cpu_millis * (CPU_PERIOD_USEC / 1000))) != 0)
		return (cg_stage(stage, size, r, "limit cpu (cpu.cfs_quota_us)"));
	return (0);
}

/* memsw is memory and swap together, and never below memory: it comes second. */
static int
write_memory(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int fd = j->v1_fd[CG_MEMORY], r;
	uint64_t both;

	if ((r = cg_write(fd, "memory.limit_in_bytes", "%" PRIu64, l->memory_bytes)) != 0)
		return (cg_stage(stage, size, r, "limit memory (memory.limit_in_bytes)"));
	if (!j->tree->swap || l->swap_bytes == NO_LIMIT)
		return (0);
	if (__builtin_add_overflow(l->memory_bytes, l->swap_bytes, &both))
		return (cg_stage(stage, size, -EOVERFLOW, "limit swap"));
	if ((r = cg_write(fd, "memory.memsw.limit_in_bytes", "%" PRIu64, both)) != 0)
		return (cg_stage(stage, size, r, "limit swap (memory.memsw.limit_in_bytes)"));
	return (0);
}

static int
write_pids(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int r;

	if ((r = cg_write(j->v1_fd[CG_PIDS], "pids.max", "%" PRIu64, l->pids)) != 0)
		return (cg_stage(stage, size, r, "limit processes (pids.max)"));
	return (0);
}

/*
 * One rate, on every disk. The kernel keeps operations in 32 bits and takes
 * larger ones modulo 2^32: what does not fit is no limit in practice.
 */
static int
write_rate(int fd, const char *file, uint64_t value, const struct disk *disks, size_t n,
    const char *id)
{
	size_t i, held = 0;
	int r;

	if (value == 0)
		return (0);
	if (strstr(file, "iops") != NULL && value > UINT32_MAX)
		value = UINT32_MAX;
	for (i = 0; i < n; i++) {
		r = cg_write(fd, file, "%u:%u %" PRIu64, disks[i].major, disks[i].minor, value);
		if (r == 0)
			held++;
		else if (r == -ENODEV)
			log_warn("job %s: disk %s cannot be limited", id, disks[i].name);
		else
			return (r);
	}
	return (held != 0 ? 0 : -ENODEV);
}

static int
write_io(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int fd = j->v1_fd[CG_IO], r;
	struct disk *disks;
	size_t n;

	if ((r = disk_list_host(&disks, &n)) != 0)
		return (cg_stage(stage, size, r, "list the disks"));
	if ((r = write_rate(fd, "blkio.throttle.read_bps_device", l->io_rbps, disks, n,
	    j->id)) == 0 &&
	    (r = write_rate(fd, "blkio.throttle.write_bps_device", l->io_wbps, disks, n,
	    j->id)) == 0 &&
	    (r = write_rate(fd, "blkio.throttle.read_iops_device", l->io_riops, disks, n,
	    j->id)) == 0)
		r = write_rate(fd, "blkio.throttle.write_iops_device", l->io_wiops, disks, n,
		    j->id);
	free(disks);
	return (r == 0 ? 0 : cg_stage(stage, size, r, "limit disk I/O (blkio.throttle)"));
}

cg_writer *const cg_v1_writers[CG_NCONTROLLERS] = {
	[CG_CPU] = write_cpu,
	[CG_MEMORY] = write_memory,
	[CG_IO] = write_io,
	[CG_PIDS] = write_pids,
};
