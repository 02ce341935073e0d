/*
 * The cgroup tree of the jobs, on unified (v2) and hybrid (v2 for life and
 * death, v1 controllers for limits) hosts. cgroups(7), the kernel's
 * admin-guide/cgroup-v2.rst and cgroup-v1/.
 *
 * ROOT/users/NAME/UUID/{job,sup}: cpu, memory, pids and kill act on job, io.max
 * on UUID, so that what a job writes through its stdout counts as its own.
 */
#ifndef MONITOR_CGROUP_H
#define MONITOR_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/cgusage.h"
#include "common/ipc.h"
#include "common/jobspec.h"
#include "common/status.h"

struct cgtree;			/* the daemon's tree */
struct cgjob;			/* one job's groups */

enum cg_controller { CG_CPU, CG_MEMORY, CG_IO, CG_PIDS, CG_NCONTROLLERS };

/* Where a controller lives on this host. */
enum cg_where { CG_ABSENT, CG_V2, CG_V1 };

struct cgtree_config {
	const char *parent;	/* absolute path below a cgroup v2 mount, or NULL: a
				   transient scope under systemd, else below our own */
	bool weak_io;		/* WeakLimits io */
	uint64_t default_pids;	/* 0: none */
	bool state_in_memory;	/* the state directory is on tmpfs: a supervisor's memory
				   is not limited, since the output counts as its */
};

/*
 * Makes (or takes over) the tree and enables what controllers there are. On
 * failure why says what was expected and the remedy. The event loop (for retried
 * removals) may be NULL when no job is made. 0 or -errno.
 */
int cgtree_open(struct cgtree **, sd_event *, const struct cgtree_config *, char *why, size_t size);
/*
 * The same for cgtree_describe and cgtree_admit only: by looking, without making,
 * locking, ending or removing anything, beside a running daemon too.
 */
int cgtree_probe(struct cgtree **, const struct cgtree_config *, char *why, size_t size);
/* Removes what is empty. NULL is allowed. */
void cgtree_close(struct cgtree *);
enum cg_where cgtree_where(const struct cgtree *, enum cg_controller);
/* Lines for -T and the start log: "limit cpu: cgroup v1 (cpu.cfs_quota_us)". */
void cgtree_describe(const struct cgtree *, void (*line)(void *, const char *), void *);
void cgtree_reconfigure(struct cgtree *, const struct cgtree_config *);

/* As job_backend.admit. */
enum status_code cgtree_admit(struct cgtree *, struct limits *,
    char *warnings[JOB_WARNINGS_MAX + 1], struct status *);

/* Makes the job's groups and writes its limits. 0 or -errno, stage says where. */
int cgjob_new(struct cgjob **, struct cgtree *, const char *user,
    const struct uuid *, const struct limits *, char *stage, size_t size);
/*
 * Removes its directories, and keeps trying while the kernel says busy: the
 * tree owns it from here on. NULL is allowed.
 */
void cgjob_free(struct cgjob *);

/* The spawner's descriptors: appended to roles and fds (at most max). Owned by
   the caller. Count added or -errno. nproc: RLIMIT_NPROC in place of pids.max. */
int cgjob_spawn_fds(struct cgjob *, uint8_t *roles, int *fds, size_t max, uint64_t *nproc);
int cgjob_sup_fd(const struct cgjob *);		/* borrowed: directory of sup, for clone3 */
/* The only process in job: its pidfd, checked again after opening. fd or -errno. */
int cgjob_open_init(struct cgjob *);
int cgjob_kill(struct cgjob *);			/* job's tree. 0 or -errno */
int cgjob_kill_all(struct cgjob *);		/* sup too */
int cgjob_populated(const struct cgjob *);	/* 1, 0 or -errno: of job */
void cgjob_usage(const struct cgjob *, struct usage *);

#endif
