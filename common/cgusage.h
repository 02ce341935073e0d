/*
 * A job's usage, read from its cgroup's files. Used by the monitor while the
 * job lives and by the supervisor at its end.
 */
#ifndef COMMON_CGUSAGE_H
#define COMMON_CGUSAGE_H

#include "jobinfo.h"

/* -1 for a file that this host does not have. The caller owns them. */
struct usage_fds {
	int cpu_stat;
	int memory_current;
	int memory_peak;
	int io_stat;
	int v1_io_bytes;
	int pids_current;
};

void usage_fds_init(struct usage_fds *);	/* all -1 */
/* Fills in what can be read, leaves the rest as it is (see usage_init). */
void usage_read(const struct usage_fds *, struct usage *);

/*
 * The value of "key VALUE" in a flat keyed cgroup file (cgroup.events,
 * memory.events, cpu.stat ...), read from offset 0. 0, -ENOENT or -errno.
 */
int cg_read_key(int fd, const char *key, uint64_t *);
int cg_read_u64(int fd, uint64_t *);		/* a file with one number; "max": NO_LIMIT */

#endif
