/*
 * The job manager's backend on a real host: a cgroup, files, and a spawner
 * process a job. See struct job_backend in jobmgr.h.
 */
#ifndef MONITOR_RUNNER_H
#define MONITOR_RUNNER_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "monitor/cgroup.h"
#include "monitor/jobmgr.h"

struct runner;

/* Descriptors of this process that a running job takes at most, a follower one more. */
#define RUNNER_FDS_MAX	10

/*
 * state_fd: the state directory; jobs are made in jobs/ below it. spawner_fd:
 * O_PATH descriptor of telepilot-spawner, run by execveat(2). Both and the
 * cgroup tree are borrowed. Leftovers of an earlier daemon (directories without
 * a job, since no record outlives it) are logged and removed by a child, for which
 * nothing waits. 0 or -errno.
 */
int runner_new(struct runner **, sd_event *, int state_fd, int spawner_fd,
    struct cgtree *);
void runner_free(struct runner *);

extern const struct job_backend runner_backend;		/* ctx: struct runner * */

/* 0, or -errno with words: the file system cannot punch holes, is NFS, CIFS, FUSE. */
int runner_check_state_dir(int state_fd, char *why, size_t size);
bool runner_state_in_memory(int state_fd);		/* on tmpfs */

#endif
