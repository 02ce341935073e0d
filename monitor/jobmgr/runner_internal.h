/* SPDX-License-Identifier: ISC */

/*
 * What the files of the runner share: the runner, and one run of a job from
 * start() to free().
 */
#ifndef MONITOR_RUNNER_INTERNAL_H
#define MONITOR_RUNNER_INTERNAL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "monitor/jobmgr/remover.h"
#include "monitor/runner.h"

#define SPAWNER_ENV_MAX	5	/* with its NULL */

struct runner {
	sd_event *event;
	int jobs_fd;			/* STATE/jobs */
	struct remover *remover;	/* STATE/jobs/removed */
	int spawner_fd;			/* borrowed */
	struct cgtree *tree;		/* borrowed */
	struct msg *msg;		/* what is received, one at a time */
	char *spawner_env[SPAWNER_ENV_MAX];
};

/* What the spawner has said so far. Each step is said once, in this order. */
enum run_phase {
	RUN_BEGUN,			/* nothing: it builds the job */
	RUN_CLONED,			/* and was told to go on */
	RUN_STARTED,
	RUN_FAILED,			/* the last word; it exits */
	RUN_ENDED,			/* the same */
};

/* The monitor's own copy of a doorbell's write end: it tells when the reader goes. */
struct follower {
	LIST_ENTRY(follower) entry;
	struct job_run *run;
	int fd;
	sd_event_source *gone;
};

struct job_run {
	struct runner *runner;
	char id[UUID_STRLEN + 1];
	const struct job_backend_events *events;
	void *job;
	struct cgjob *cg;
	enum run_phase phase;
	bool killed;			/* by kill(), before it could run */
	int control;			/* to the supervisor */
	int sup_pidfd;			/* -1 once it was reaped */
	int init_pidfd;			/* the job's first process; -1: not yet */
	sd_event_source *control_source, *exit_source, *timer;
	uint64_t poll_usec;
	LIST_HEAD(, follower) followers;
	uint32_t nfollowers;

	/* RUN_FAILED */
	char stage[JOB_STAGE_MAX];
	int error;
	/* RUN_ENDED */
	struct job_end end;
	struct usage usage;
};

/* runner_start.c, runner.c: struct job_backend's. */
int run_start(void *ctx, const struct uuid *, const struct job_owner *,
    const struct jobspec *, const struct jobmgr_config *,
    const struct job_backend_events *, void *job, struct job_run **, struct status *);
int run_kill(struct job_run *);
void run_usage(struct job_run *, struct usage *);
void run_free(struct job_run *);

/* runner_spawn.c: a spawner in the cgroup, its channel and pidfd. 0 or -errno. */
int spawner_exec(const struct runner *, int cgroup_fd, int *control, int *pidfd);
void spawner_env_make(struct runner *);
void spawner_env_free(struct runner *);

/* runner_watch.c: the supervisor's messages, its exit, the end of the run. */
int run_prepare(struct job_run *);		/* first of all: 0 or -errno */
int run_watch(struct job_run *);		/* 0 or -errno */
/* The run could not be begun: stage and error are set. Told from the event loop. */
void run_fail_later(struct job_run *);
void run_kill_later(struct job_run *);		/* everything, if it does not end */

/* runner_message.c: one message. 0, or -EBADMSG: it may not say that (now). */
int run_message(struct job_run *, struct msg *);

/* runner_signal.c */
int run_signal(struct job_run *, int sig);
/* From the text of /proc/PID/status: 1 if sig would have no effect on a pid 1. */
int status_ignores(const char *text, int sig);

/* runner_follow.c */
int run_follow(struct job_run *, int fds[3]);
uint32_t run_followers(struct job_run *);
void followers_free(struct job_run *);

/* runner_files.c: jobs/UUID/{output,index,end}. */
enum { FILE_OUTPUT, FILE_INDEX, FILE_END, NFILES };

int files_make(int jobs_fd, const char *id, int fds[NFILES]);
int files_open(int jobs_fd, const char *id, int fds[2]);
uint64_t files_output_size(int jobs_fd, const char *id);
/* Gives the remover what an earlier daemon's jobs left. How many, or -errno. */
int files_sweep(int jobs_fd, struct remover *);

#endif
