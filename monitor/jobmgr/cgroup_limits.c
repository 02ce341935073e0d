/* SPDX-License-Identifier: ISC */

/*
 * A job's limits as cgroup v2 has them. cpu, memory and pids are set on the
 * job's own group; io on the one above it, which holds the supervisor too: what
 * a job writes through its stdout is the supervisor's write(2).
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"
#include "monitor/jobmgr/disk.h"

#define CPU_PERIOD_USEC	100000

int
cg_stage(char *stage, size_t size, int r, const char *what)
{
	(void)snprintf(stage, size, "%s", what);
	return (r);
}

bool
cg_asked(const struct limits *l, enum cg_controller c)
{
	switch (c) {
	case CG_CPU:
		return (l->cpu_millis != 0);
	case CG_MEMORY:
		return (l->memory_bytes != 0);
	case CG_IO:
		return (l->io_rbps != 0 || l->io_wbps != 0 || l->io_riops != 0 ||
		    l->io_wiops != 0);
	case CG_PIDS:
		return (l->pids != 0);
	default:
		return (false);
	}
}

static int
write_cpu(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int r;

	/* Thousandths of a core: at least 10, so the quota is never below 1 ms. */
	if ((r = cg_write(j->job_fd, "cpu.max", "%" PRIu64 " %d",
	    (uint64_t)l->cpu_millis * (CPU_PERIOD_USEC / 1000), CPU_PERIOD_USEC)) != 0)
		return (cg_stage(stage, size, r, "limit cpu (cpu.max)"));
	return (0);
}

static int
write_memory(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int r;

	if (j->tree->swap && l->swap_bytes != NO_LIMIT &&
	    (r = cg_write(j->job_fd, "memory.swap.max", "%" PRIu64, l->swap_bytes)) != 0)
		return (cg_stage(stage, size, r, "limit swap (memory.swap.max)"));
	if ((r = cg_write(j->job_fd, "memory.max", "%" PRIu64, l->memory_bytes)) != 0)
		return (cg_stage(stage, size, r, "limit memory (memory.max)"));
	return (0);
}

static int
write_pids(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	int r;

	if ((r = cg_write(j->job_fd, "pids.max", "%" PRIu64, l->pids)) != 0)
		return (cg_stage(stage, size, r, "limit processes (pids.max)"));
	return (0);
}

/* " key=VALUE", or nothing. */
static void
add_rate(char *line, size_t size, const char *key, uint64_t value)
{
	size_t len = strlen(line);

	if (value != 0)
		(void)snprintf(line + len, size - len, " %s=%" PRIu64, key, value);
}

/*
 * Every disk that counts. One that the kernel refuses is left out and logged;
 * when no disk took the limit, the job is refused.
 */
static int
write_io(struct cgjob *j, const struct limits *l, char *stage, size_t size)
{
	size_t i, n, held = 0;
	struct disk *disks;
	char rates[160] = "";
	int r;

	add_rate(rates, sizeof(rates), "rbps", l->io_rbps);
	add_rate(rates, sizeof(rates), "wbps", l->io_wbps);
	add_rate(rates, sizeof(rates), "riops", l->io_riops);
	add_rate(rates, sizeof(rates), "wiops", l->io_wiops);
	if ((r = disk_list_host(&disks, &n)) != 0)
		return (cg_stage(stage, size, r, "list the disks"));
	for (i = 0; i < n; i++) {
		r = cg_write(j->dir_fd, "io.max", "%u:%u%s", disks[i].major, disks[i].minor,
		    rates);
		if (r == 0)
			held++;
		else if (r == -ENODEV)
			log_warn("job %s: disk %s cannot be limited", j->id, disks[i].name);
		else
			break;
	}
	free(disks);
	if (r == 0 || r == -ENODEV)
		r = held != 0 ? 0 : -ENODEV;
	return (r == 0 ? 0 : cg_stage(stage, size, r, "limit disk I/O (io.max)"));
}

cg_writer *const cg_v2_writers[CG_NCONTROLLERS] = {
	[CG_CPU] = write_cpu,
	[CG_MEMORY] = write_memory,
	[CG_IO] = write_io,
	[CG_PIDS] = write_pids,
};
