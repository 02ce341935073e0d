/* SPDX-License-Identifier: ISC */

/*
 * What the files of the job manager's core share. The backend's files (runner)
 * do not include this: they see no more than monitor/jobmgr.h.
 */
#ifndef MONITOR_JOBMGR_INTERNAL_H
#define MONITOR_JOBMGR_INTERNAL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/jobmgr.h"

struct slot {
	uint64_t seq;
	struct job *job;
};

/* Of one user's jobs. A few strings of one byte take fifty times what they say. */
#define JOB_USER_MEMORY_MAX	(64 * 1024 * 1024)

/* In order of creation. A deleted job leaves a hole (NULL) until holes prevail. */
struct joblist {
	struct slot *slots;
	size_t n, size, holes;
};

/* Exists while it has jobs. */
struct user {
	char name[JOB_USER_MAX + 1];	/* first: the key */
	struct joblist list;
	void *requests;			/* tsearch(3) of struct request */
	uint32_t njobs, nrunning;
	size_t memory;			/* of them all: job_memory */
};

struct request {
	char id[JOB_REQUEST_ID_MAX + 1];	/* first: the key */
	struct limits asked;		/* the spec's own, before defaults */
	struct job *job;
};

enum op_kind { OP_START, OP_STOP, OP_WAIT, OP_FOLLOW };

struct jobop {
	TAILQ_ENTRY(jobop) entry;	/* in job->ops, or in mgr->due */
	struct job *job;		/* a reference */
	enum op_kind kind;
	bool due;
	union {
		jobop_done *info;
		jobop_follow_done *follow;
	} done;
	void *arg;
};

TAILQ_HEAD(jobop_list, jobop);

struct job {
	struct uuid id;			/* first: the key */
	struct jobmgr *mgr;
	struct user *user;		/* NULL once deleted */
	unsigned int refs;		/* the tables' one, and one an operation */
	uint64_t seq;
	struct request *request;	/* NULL: none was given */
	struct job_owner owner;		/* home is ours until the start */
	struct jobspec spec;		/* limits: as enforced */
	char *warnings[JOB_WARNINGS_MAX + 1];
	enum job_state state;
	int64_t created, started, ended;
	size_t memory;			/* counted for its user */
	TAILQ_ENTRY(job) live;		/* in mgr->live unless it has ended */
	struct jobop_list ops;		/* those that wait for something */
	uint32_t nfollow;		/* follow operations not yet answered */

	struct job_run *run;		/* from the start to the end */
	bool has_files;
	bool term_sent, kill_sent;
	sd_event_source *stop_timer;

	/* How it ended: struct job_end in little. */
	enum end_reason reason;
	bool has_status, has_usage;
	int wait_status, error;
	char *stage;
	char stopped_by[JOB_USER_MAX + 1];	/* who asked first */
	struct usage usage;
};

TAILQ_HEAD(job_queue, job);

struct jobmgr {
	sd_event *event;
	struct jobmgr_config config;
	const struct job_backend *backend;
	void *ctx;			/* the backend's */
	void *jobs;			/* tsearch(3) of struct job */
	void *users;			/* tsearch(3) of struct user */
	uint32_t njobs, nrunning;
	uint64_t last_seq;
	struct job_queue live;
	struct jobop_list due;
	sd_event_source *due_source;

	bool draining;
	sd_event_source *deadline, *finish;
	void (*drained)(void *);
	void *drained_arg;
};

/* table.c: who has which job. */
struct job *table_find(struct jobmgr *, const char *user, const struct uuid *,
    struct status *);
struct user *table_user(struct jobmgr *, const char *name);
struct user *table_user_make(struct jobmgr *, const char *name);
void table_user_drop(struct jobmgr *, struct user *);	/* if it has no job */
struct request *table_request(struct user *, const char *id);
/* Gives the job its seq. 0 or -ENOMEM, and then nothing has changed. */
int table_add(struct user *, struct job *);
void table_remove(struct job *);
void table_free(struct jobmgr *);

/* joblist.c */
int joblist_add(struct joblist *, uint64_t seq, struct job *);
void joblist_remove(struct joblist *, uint64_t seq);
size_t joblist_below(const struct joblist *, uint64_t seq);	/* slots with less */
void joblist_free(struct joblist *);

/* job.c: the object. */
struct job *job_new(struct jobmgr *, const struct job_owner *, const struct jobspec *);
void job_ref(struct job *);
void job_unref(struct job *);
/* What it takes, about: its strings as malloc(3) stores them, and itself. */
size_t job_memory(const struct job *);
/* What is not needed once it was started. */
void job_shrink(struct job *);
/* Borrowed from the job: not for jobinfo_free. */
void job_view(const struct job *, struct jobinfo *);
/* The caller's own. 0 or -ENOMEM. */
int job_info(const struct job *, struct jobinfo *);
enum status_code out_of_memory(struct status *);
int64_t realtime_ns(void);

/* ops.c */
struct jobop *op_new(struct job *, enum op_kind, void *arg);
void op_free(struct jobop *);
void op_add(struct jobop *);
void ops_check(struct job *);		/* after each change of its state */
void ops_free_all(struct jobmgr *);
int ops_init(struct jobmgr *);		/* 0 or -errno */

/* lifecycle.c: the changes of state. */
void job_finish(struct job *, enum job_state, enum end_reason);

/* stop.c */
void job_stop(struct job *, uint32_t grace, const char *by);
void job_kill(struct job *);

/* shutdown.c */
enum status_code refuse_if_draining(const struct jobmgr *, struct status *);
int shutdown_init(struct jobmgr *);	/* 0 or -errno */
void shutdown_check(struct jobmgr *);	/* after each end of a run */

#endif
