/* SPDX-License-Identifier: ISC */
/*
 * What the files of the cgroup tree share. See monitor/cgroup.h for what it is.
 */
#ifndef JOBMGR_CGROUP_PRIV_H
#define JOBMGR_CGROUP_PRIV_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/cgroup.h"
#include "monitor/jobmgr/scope.h"

/* --- cgroup_parse.c: /proc texts, changed in place ------------------------- */

struct cg_mount {		/* one mount of cgroup type, borrowed from the text */
	const char *root;	/* which part of the hierarchy */
	const char *point;
	const char *options;	/* of the super block: v1 has its controllers here */
	bool v2;
};

struct cg_member {		/* one line of /proc/PID/cgroup */
	const char *controllers;	/* "" for v2 */
	const char *path;
};

/* The next cgroup mount of a mountinfo text. 1, or 0 at the end. */
int cg_next_mount(char **text, struct cg_mount *);
/* The next well-formed line of a /proc/PID/cgroup text. 1, or 0 at the end. */
int cg_next_member(char **text, struct cg_member *);
/* Is word in a list separated by commas or white space? */
bool cg_in_list(const char *list, const char *word);
/* path without root before it ("" for root itself), or NULL if it is not below. */
const char *cg_below(const char *root, const char *path);
/* The only number in the text of a cgroup.procs file: 1 with *pid set, 0 for
   none, -EBUSY for several, -EBADMSG for what is no pid. */
int cg_only_pid(const char *text, pid_t *pid);

/* --- cgroup_host.c: where this process's groups are ------------------------ */

/* Absolute paths, owned; NULL for what is not mounted where we see it. */
struct cg_host {
	char *v2_mount;
	char *v2_own;			/* of this process */
	char *v1_own[CG_NCONTROLLERS];
};

extern const char *const cg_v2_name[CG_NCONTROLLERS];
extern const char *const cg_v1_name[CG_NCONTROLLERS];

/* Both texts are changed. 0 or -errno; without any v2 mount v2_mount is NULL. */
int cg_host_parse(struct cg_host *, char *mountinfo, char *self);
int cg_host_find(struct cg_host *);		/* of this process */
void cg_host_free(struct cg_host *);
bool cg_host_unified(const struct cg_host *);	/* no v1 controller of ours */

/* --- cgroup_file.c: files and directories of cgroups ----------------------- */

int cg_open_dir(int at, const char *name);	/* fd or -errno */
int cg_make_dir(int at, const char *name, bool *made);	/* fd or -errno; made may be NULL */
int cg_open_file(int at, const char *name, int flags);	/* fd or -errno */
/* NUL-terminated and cut at size. Length or -errno. */
ssize_t cg_read(int at, const char *name, char *text, size_t size);
int cg_write(int at, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));	/* 0 or -errno */
bool cg_lists(int at, const char *name, const char *word);
/*
 * Gives a controller to the children of dir. -EBUSY where processes are in dir
 * itself: for some controllers the kernel would take it, and make the group a
 * threaded one, whose children can hold no job.
 */
int cg_enable(int dir, const char *controller);
int cg_kill(int dir);				/* 0 or -errno */
int cg_populated(int dir);			/* 1, 0 or -errno */
/* Waits until nothing lives below dir. 0, -EBUSY or -errno. */
int cg_wait_empty(int dir, unsigned int ms);
/* Depth first; 0 also if it is not there, else -errno. */
int cg_remove(int at, const char *name);
/* act(arg, dir, NAME), which gives 0 or -errno, for each group in dir. The last error. */
int cg_each(int dir, int (*act)(const void *arg, int dir, const char *name), const void *arg);

/* --- the tree -------------------------------------------------------------- */

/* Why a controller is absent: indexes a table of words in cgroup_admit.c. */
enum cg_why {
	CG_WHY_NONE,
	CG_WHY_KERNEL,		/* in no hierarchy that we see */
	CG_WHY_PARENT,		/* v2 has it, the tree's parent does not */
	CG_WHY_BUSY,		/* processes in the tree's parent forbid it */
	CG_WHY_V1,		/* v1 has it, but our group takes none below it */
};

/* Removal of one job's groups that the kernel still refuses. */
struct cg_reap {
	TAILQ_ENTRY(cg_reap) entry;
	unsigned int tries;
	char user[JOB_USER_MAX + 1];
	char id[UUID_STRLEN + 1];
};

struct cgtree {
	sd_event *event;
	bool weak_io;
	uint64_t default_pids;

	char *path;			/* of the root, for people */
	char *name;			/* its last component: the v1 groups' name too */
	int above_fd;			/* the root's parent; -1 if it is not ours to change */
	int root_fd, users_fd;
	bool made_root;			/* else it is left in place at the end */
	unsigned int enabled_above;	/* bits of controllers that we enabled there */
	bool moved;			/* this process was moved to above/daemon */
	struct scope *scope;

	int v1_own_fd[CG_NCONTROLLERS];	/* -1 where not used */
	int v1_root_fd[CG_NCONTROLLERS];
	enum cg_where where[CG_NCONTROLLERS];
	enum cg_why why[CG_NCONTROLLERS];
	bool swap;			/* swap can be limited */
	bool state_in_memory;		/* so the supervisors' memory is not limited */

	TAILQ_HEAD(cg_reaps, cg_reap) reaps;
	sd_event_source *retry;
	uint64_t retry_usec;
};

struct cgjob {
	struct cgtree *tree;
	char user[JOB_USER_MAX + 1];
	char id[UUID_STRLEN + 1];
	int dir_fd, job_fd, sup_fd;
	int v1_fd[CG_NCONTROLLERS];	/* -1 if not joined */
	uint64_t nproc;			/* RLIMIT_NPROC in place of pids.max */
};

/* cgroup_tree.c: without any group, or NULL. */
struct cgtree *cg_tree_new(sd_event *, const struct cgtree_config *);

/* cgroup_root.c: its path and name, and the group above it. 0 or -errno. */
int cg_root_locate(struct cgtree *, const char *path, char *why, size_t size);
/* The path of a root without CgroupParent and systemd: id tells it from others'. */
int cg_root_own_path(char **path, const struct cg_host *, const char *id, char *why,
    size_t size);
/* Is there a v2 hierarchy at all? 0 or -ENOENT. */
int cg_root_check(const struct cg_host *, char *why, size_t size);
/* Would the root be systemd's scope? */
bool cg_root_by_systemd(const struct cg_host *, const char *parent);
/* Opens or makes the root, by the configuration. 0 or -errno. */
int cg_root_open(struct cgtree *, const struct cg_host *, const char *parent,
    char *why, size_t size);
void cg_root_close(struct cgtree *);
/* Offers a controller of the parent to the root, if the parent is ours to change. */
int cg_root_enable(struct cgtree *, enum cg_controller);

/* cgroup_detect.c: where each controller is; makes v1 roots. 0 or -errno. */
int cg_detect(struct cgtree *, const struct cg_host *, char *why, size_t size);
/* The words for a root without cgroup.kill, and its error. */
int cg_no_kill(const struct cgtree *, char *why, size_t size);
/* From what came of trying a controller on v2 and on v1, 0 or -errno. */
void cg_classify(struct cgtree *, const struct cg_host *, enum cg_controller, int v2, int v1);

/* cgroup_limits.c, cgroup_v1.c: one writer a controller. 0 or -errno with stage set. */
typedef int cg_writer(struct cgjob *, const struct limits *, char *stage, size_t size);
extern cg_writer *const cg_v2_writers[CG_NCONTROLLERS];
extern cg_writer *const cg_v1_writers[CG_NCONTROLLERS];
bool cg_asked(const struct limits *, enum cg_controller);
/* The group of a job in a v1 hierarchy, joined by this job. 0 or -errno. */
int cg_v1_make(struct cgjob *, enum cg_controller);

/* cgroup_job.c: what every job's groups get. 0 or -errno with stage set. */
int cg_write_fixed(struct cgjob *, char *stage, size_t size);

/* A stage for people, and r again. */
int cg_stage(char *stage, size_t size, int r, const char *what);

/* cgroup_reap.c: removes a job's groups, at once or in time. */
void cg_reap_job(struct cgtree *, const char *user, const char *id);
/* The last try before the end: waits a little, logs what stays. */
void cg_reap_finish(struct cgtree *);

/* cgroup_sweep.c: ends and removes what an earlier daemon's jobs left. 0 or -errno. */
int cg_sweep_users(int users_fd);
void cg_sweep_v1(int root_fd);		/* the empty groups of v1 */
/* cgroup_stale.c: the trees beside ours that their daemons left behind. */
void cg_sweep_stale(struct cgtree *, const struct cg_host *);

/* cgroup_admit.c: "cgroup v1 (cpu.cfs_quota_us)" or why not. */
void cg_where_words(const struct cgtree *, enum cg_controller, char *dst, size_t size);

#endif
