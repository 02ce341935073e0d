/*
 * What the steps of the spawner share. One struct, made by main, holds all
 * there is to know of the one job of this process.
 *
 * Every step returns 0 or a negative errno and, on failure, has named its
 * stage by stage_fail(): "exec /bin/nope" and ENOENT are what the user reads.
 */
#ifndef SPAWNER_SPAWNER_H
#define SPAWNER_SPAWNER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc.h"
#include "common/jobinfo.h"
#include "spawner/output.h"

#define ROLE_LAST	ROLE_PIDS_CURRENT
#define V1_PROCS_MAX	8

/* In the job's process until its exec: the one channel to the supervisor. */
#define CHILD_SYNC_FD	3

/* Also what the child sends: error 0 says that it is about to call execve. */
struct failure {
	int32_t error;			/* positive errno */
	char stage[JOB_STAGE_MAX];
};

struct oom {
	int eventfd;			/* cgroup v1 only, else -1 */
	uint64_t v1_kills;		/* counters before the job ran */
	uint64_t v2_kills;
	int64_t recheck_until;		/* monotonic ms; 0: no notice is open */
	bool happened;
};

struct spawner {
	int control;			/* the monitor */
	struct spawn_spec spec;
	int role[ROLE_LAST + 1];	/* by enum spawn_role; -1 if not given */
	int v1_procs[V1_PROCS_MAX];
	size_t nv1_procs;
	char **envp;			/* the job's */
	int null_fd;			/* /dev/null, read-write */
	int out_r, out_w;		/* the job's stdout */
	int err_r, err_w;		/* its stderr; -1 with merge_output */
	int sync, sync_child;		/* both ends of the start-up channel */
	int proc_fd;			/* /proc, checked */
	pid_t pid;			/* the job's first process; 0: none yet */
	int pidfd;
	struct oom oom;
	struct output output;
	struct failure fail;
};

/* stage.c: names the stage; returns -error. */
int stage_fail(struct failure *, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* channel.c: the monitor's socket. tell waits while the monitor does not read. */
int channel_check(int fd);			/* 0 or -errno */
int channel_wait_go(struct spawner *);
int channel_tell(struct spawner *, uint16_t type, const struct buf *);

/* The steps before the job exists. */
int spec_receive(struct spawner *);		/* spec.c */
int env_build(struct spawner *);		/* env.c */
int pipes_open(struct spawner *);		/* pipes.c */
int limits_set(struct spawner *);		/* limits.c */
int proc_open(struct spawner *);		/* idmap.c */
int end_reserve(struct spawner *);		/* end.c */
int oom_arm(struct spawner *);			/* oom.c */

/* The steps with a child that waits. */
int clone_job(struct spawner *);		/* clone.c */
int v1_join(struct spawner *);			/* clone.c */
int idmap_write(struct spawner *);		/* idmap.c */
int child_release(struct spawner *);		/* clone.c */
int child_wait_exec(struct spawner *);		/* clone.c */
int drop_privileges(struct spawner *);		/* drop.c */
/* Kills and reaps whatever there is of the job. */
void job_abort(struct spawner *);		/* clone.c */

/* The job's own side: never returns, ends in execve or _exit. */
void child_main(const struct spawner *) __attribute__((noreturn));	/* child.c */
int loopback_up(void);				/* net.c */
/* As execvpe(3), but no shell is tried. Returns only with -errno. */
int exec_search(char *const argv[], char *const envp[]);		/* exec.c */

/* Everything after the exec; returns when the job has wholly ended. */
int supervise(struct spawner *);		/* supervise.c */
int job_kill_tree(const struct spawner *);	/* oom.c */
/* end.c: writes and syncs `end`, tells the monitor if there is one. 0 or -errno. */
int end_report(struct spawner *, int wait_status, bool oom);

/* oom.c */
void oom_notice(struct spawner *);		/* the eventfd is readable */
void oom_recheck(struct spawner *);		/* while a notice is open */
bool oom_settle(struct spawner *);		/* at the end: was it out of memory? */

int64_t monotonic_ms(void);			/* stage.c */

#endif
