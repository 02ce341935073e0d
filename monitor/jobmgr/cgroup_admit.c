/* SPDX-License-Identifier: ISC */

/*
 * Which limits this host can hold. What was asked for and cannot be held is
 * refused, with the controller and the remedy; what is only a default is said
 * in a warning. Nothing is silently dropped.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/jobmgr/cgroup_priv.h"
#include "monitor/jobmgr/disk.h"

static const char *const things[CG_NCONTROLLERS] = {
	[CG_CPU] = "cpu time",
	[CG_MEMORY] = "memory",
	[CG_IO] = "disk I/O",
	[CG_PIDS] = "processes",
};

static const char *const v2_files[CG_NCONTROLLERS] = {
	[CG_CPU] = "cpu.max",
	[CG_MEMORY] = "memory.max",
	[CG_IO] = "io.max",
	[CG_PIDS] = "pids.max",
};

static const char *const v1_files[CG_NCONTROLLERS] = {
	[CG_CPU] = "cpu.cfs_quota_us",
	[CG_MEMORY] = "memory.limit_in_bytes",
	[CG_IO] = "blkio.throttle",
	[CG_PIDS] = "pids.max",
};

/* State and remedy, after "cgroup controller NAME". */
static const char *const whys[] = {
	[CG_WHY_NONE] = "is absent",
	[CG_WHY_KERNEL] = "is not offered by the running kernel, or its hierarchy is not "
	    "mounted; remedy: boot without cgroup_disable (for memory: with "
	    "cgroup_enable=memory), or mount it",
	[CG_WHY_PARENT] = "is not enabled for the daemon's group; remedy: add it to "
	    "cgroup.subtree_control of every group above CgroupParent, or run under systemd",
	[CG_WHY_BUSY] = "cannot be enabled beside other processes of the daemon's group; "
	    "remedy: set CgroupParent to a group without processes",
	[CG_WHY_V1] = "is on cgroup v1, where the daemon may make no group; remedy: let it "
	    "write there, or boot with systemd.unified_cgroup_hierarchy=1",
};

#define WEAK_IO	"reads, direct and synced writes only"

void
cg_where_words(const struct cgtree *t, enum cg_controller c, char *dst, size_t size)
{
	const char *more = "";

	switch (t->where[c]) {
	case CG_V2:
		if (c == CG_MEMORY)
			more = t->swap ? ", memory.swap.max" : "; swap cannot be limited";
		(void)snprintf(dst, size, "cgroup v2 (%s%s)", v2_files[c], more);
		break;
	case CG_V1:
		if (c == CG_MEMORY)
			more = t->swap ? ", memory.memsw.limit_in_bytes"
			    : "; swap cannot be limited";
		else if (c == CG_IO)
			more = t->weak_io ? "; " WEAK_IO : "; refused without WeakLimits io";
		(void)snprintf(dst, size, "cgroup v1 (%s%s)", v1_files[c], more);
		break;
	default:
		(void)snprintf(dst, size, "refused: the cgroup controller %s %s", cg_v2_name[c],
		    whys[t->why[c]]);
		break;
	}
}

/* The first limit asked for that needs the controller. */
static const char *
field(const struct limits *l, enum cg_controller c)
{
	switch (c) {
	case CG_CPU:
		return ("limits.cpu_cores");
	case CG_MEMORY:
		return ("limits.memory_bytes");
	case CG_PIDS:
		return ("limits.pids");
	default:
		if (l->io_rbps != 0)
			return ("limits.io_read_bytes_per_second");
		if (l->io_wbps != 0)
			return ("limits.io_write_bytes_per_second");
		return (l->io_riops != 0 ? "limits.io_read_iops" : "limits.io_write_iops");
	}
}

static enum status_code
warn(char *warnings[JOB_WARNINGS_MAX + 1], struct status *st, const char *text)
{
	size_t i;

	for (i = 0; warnings[i] != NULL; i++)
		;
	if (i < JOB_WARNINGS_MAX && (warnings[i] = strdup(text)) == NULL)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "out of memory"));
	return (ST_OK);
}

/* More than all cores would be no limit: whoever asks so is mistaken. */
static enum status_code
admit_cpu(const struct limits *l, struct status *st)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1 || l->cpu_millis <= (unsigned long)cores * 1000)
		return (ST_OK);
	return (status_set(st, ST_INVALID_ARGUMENT, field(l, CG_CPU),
	    "limits.cpu_cores: %u.%03u is more than this host's %ld core%s; the maximum is %ld",
	    l->cpu_millis / 1000, l->cpu_millis % 1000, cores, cores == 1 ? "" : "s", cores));
}

static enum status_code
admit_io(const struct cgtree *t, const struct limits *l, char **warnings, struct status *st)
{
	struct disk *disks;
	size_t n;

	if (t->where[CG_IO] == CG_V1 && !t->weak_io)
		return (status_set(st, ST_FAILED_PRECONDITION, field(l, CG_IO),
		    "%s: on this host the cgroup controller io is on cgroup v1 (blkio), which "
		    "holds " WEAK_IO "; remedy: the administrator allows that with "
		    "\"WeakLimits io\", or boots with systemd.unified_cgroup_hierarchy=1",
		    field(l, CG_IO)));
	if (disk_list_host(&disks, &n) != 0)
		n = 0;
	else
		free(disks);
	if (n == 0)
		return (status_set(st, ST_FAILED_PRECONDITION, field(l, CG_IO),
		    "%s: this host has no disk whose I/O the cgroup controller io can limit; "
		    "remedy: ask for no limit on I/O", field(l, CG_IO)));
	if (t->where[CG_IO] == CG_V1)
		return (warn(warnings, st, "limit on disk I/O: " WEAK_IO));
	return (ST_OK);
}

/* Swap is none unless asked for; where it cannot be limited only that is refused. */
static enum status_code
admit_swap(const struct cgtree *t, struct limits *l, char **warnings, struct status *st)
{
	if (t->swap) {
		if (l->swap_bytes == NO_LIMIT)
			l->swap_bytes = 0;
		return (ST_OK);
	}
	if (l->swap_bytes != NO_LIMIT)
		return (status_set(st, ST_FAILED_PRECONDITION, "limits.swap_bytes",
		    "limits.swap_bytes: the cgroup controller memory of this host's kernel does "
		    "not account for swap; remedy: boot with swapaccount=1, or ask for no "
		    "limit on swap"));
	return (warn(warnings, st, "swap is not limited: the kernel does not account for it"));
}

/*
 * The default for pids. On v1 it is RLIMIT_NPROC, since joining the controller
 * is slow (see cgjob_new); where there is no controller it cannot be held.
 */
static enum status_code
default_pids(const struct cgtree *t, struct limits *l, char **warnings, struct status *st)
{
	char text[400];

	if (l->pids != 0 || t->default_pids == 0)
		return (ST_OK);
	if (t->where[CG_PIDS] != CG_ABSENT) {
		l->pids = t->default_pids;
		return (ST_OK);
	}
	(void)snprintf(text, sizeof(text),
	    "processes are not limited: the cgroup controller pids %s", whys[t->why[CG_PIDS]]);
	return (warn(warnings, st, text));
}

static enum status_code
check_present(const struct cgtree *t, const struct limits *l, struct status *st)
{
	enum cg_controller c;

	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (cg_asked(l, c) && t->where[c] == CG_ABSENT)
			return (status_set(st, ST_FAILED_PRECONDITION, field(l, c),
			    "%s: this host cannot limit %s: the cgroup controller %s %s",
			    field(l, c), things[c], cg_v2_name[c], whys[t->why[c]]));
	return (ST_OK);
}

enum status_code
cgtree_admit(struct cgtree *t, struct limits *l, char *warnings[JOB_WARNINGS_MAX + 1],
    struct status *st)
{
	enum status_code code;

	status_ok(st);
	if ((code = admit_cpu(l, st)) != ST_OK ||
	    (code = check_present(t, l, st)) != ST_OK)
		return (code);
	if (cg_asked(l, CG_IO) && (code = admit_io(t, l, warnings, st)) != ST_OK)
		return (code);
	if (cg_asked(l, CG_MEMORY) && (code = admit_swap(t, l, warnings, st)) != ST_OK)
		return (code);
	return (default_pids(t, l, warnings, st));
}
