/*
 * The job manager: owns jobs from creation to deletion.
 *
 * It knows nothing of TLS, gRPC or who is connected: callers name a user, and
 * every function that takes a user and an id checks, in one place, that the job
 * is that user's. Another's job and an unknown id give the same outcome.
 * Single-threaded, on the caller's sd-event loop; nothing here blocks on
 * another process. Asynchronous functions call back exactly once, never before
 * they return, unless cancelled before.
 */
#ifndef MONITOR_JOBMGR_H
#define MONITOR_JOBMGR_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/jobinfo.h"
#include "common/jobspec.h"
#include "common/status.h"
#include "common/uuid.h"

struct jobmgr;
struct jobop;			/* an asynchronous operation under way */

/* Who owns a job, and as whom it runs. The caller fills it in (monitor/ids). */
struct job_owner {
	char user[JOB_USER_MAX + 1];
	uid_t uid;		/* root in the job; never 0 */
	gid_t gid;
	uid_t sup_uid;		/* of the job's supervisor; never 0 */
	gid_t sup_gid;
	const char *home;	/* copied; NULL: "/" */
};

struct jobmgr_config {
	uint32_t max_jobs;		/* of all users, ended ones included */
	uint32_t max_jobs_user;		/* of one user, ended ones included */
	uint32_t max_running_user;
	uint32_t max_followers_job;
	uint32_t stop_grace;		/* seconds */
	uint64_t log_max;		/* bytes of output kept a job; 0: all */
	bool log_block;
};

/*
 * How a job is really run. The daemon gives monitor/jobmgr's own runner
 * (see runner.h); unit tests give a fake one. A run belongs to the backend from
 * start() until free(). The functions that return int give 0 or -errno.
 */
struct job_run;			/* the backend's own */

struct job_backend_events {
	/* The job's program was executed. */
	void (*started)(void *job);
	/* It could not be; stage and errno. The run is over. */
	void (*failed)(void *job, const char *stage, int error);
	/* It ended; all its output is on disk. end->reason is EXITED, SIGNALED,
	   OOM or SUPERVISOR_LOST. The run is over. */
	void (*ended)(void *job, const struct job_end *end, const struct usage *);
};

struct job_backend {
	/*
	 * Checks that this host can hold the limits, fills defaults in, and adds
	 * warnings for defaults that it cannot hold. Called at creation.
	 * ST_FAILED_PRECONDITION names the controller and the remedy.
	 */
	enum status_code (*admit)(void *ctx, struct limits *,
	    char *warnings[JOB_WARNINGS_MAX + 1], struct status *);
	/*
	 * Starts; events come later from the event loop, never from inside. An
	 * error (with status) is a start that was not begun: the job may be started
	 * again. Whatever fails after that is told by the event failed.
	 */
	int (*start)(void *ctx, const struct uuid *, const struct job_owner *,
	    const struct jobspec *, const struct jobmgr_config *,
	    const struct job_backend_events *, void *job, struct job_run **,
	    struct status *);
	/*
	 * Sends a signal to the job's first process. 1 if it cannot have an effect
	 * (pid 1 with no handler): the caller need not wait out the grace time.
	 */
	int (*signal)(struct job_run *, int sig);
	int (*kill)(struct job_run *);		/* all of it, at once */
	void (*usage)(struct job_run *, struct usage *);
	/* A new follower's descriptors: output, index, and doorbell or -1. */
	int (*follow)(struct job_run *, int fds[3]);
	/* How many of those followers still hold their doorbell. */
	uint32_t (*followers)(struct job_run *);
	/* The run is over: close what it holds, remove its cgroups. May be called
	   from inside failed and ended. */
	void (*free)(struct job_run *);
	/* Output of a job whose run is over: output, index. */
	int (*open_output)(void *ctx, const struct uuid *, int fds[2]);
	/* Removes the job's files. */
	int (*remove)(void *ctx, const struct uuid *);
};

/* mgr keeps a reference to the event loop and borrows backend and ctx. 0 or -errno. */
int jobmgr_new(struct jobmgr **, sd_event *, const struct jobmgr_config *,
    const struct job_backend *, void *backend_ctx);
/* All jobs must have ended (jobmgr_shutdown). NULL is allowed. */
void jobmgr_free(struct jobmgr *);
/* New limits and quotas for what comes after. */
void jobmgr_reconfigure(struct jobmgr *, const struct jobmgr_config *);

/* request_id may be empty. Sets *id. */
enum status_code jobmgr_create(struct jobmgr *, const struct job_owner *,
    const char *request_id, const struct jobspec *, struct uuid *id,
    struct status *);

/*
 * On success *info is the caller's, to be ended with jobinfo_free.
 */
enum status_code jobmgr_status(struct jobmgr *, const char *user,
    const struct uuid *, struct jobinfo *info, struct status *);

enum status_code jobmgr_delete(struct jobmgr *, const char *user,
    const struct uuid *, struct status *);

/*
 * Calls each for the user's jobs, the newest first, beginning after cursor (0:
 * from the newest), until it returns non-zero. *next is the cursor to go on
 * with, or 0 after the last. A job for which each returned non-zero comes again.
 */
void jobmgr_list(struct jobmgr *, const char *user, uint64_t cursor,
    int (*each)(void *arg, const struct jobinfo *), void *arg, uint64_t *next);

/* st is ST_OK or why not; info is borrowed and valid only in the callback (NULL on error). */
typedef void jobop_done(void *arg, const struct status *st, const struct jobinfo *info);

/*
 * Each returns ST_OK with *op set and calls done later, or another code with st
 * set, and never calls it. After done, op is gone. jobop_cancel forgets the
 * callback; what was begun (a start, a stop) goes on.
 */
enum status_code jobmgr_start(struct jobmgr *, const char *user,
    const struct uuid *, jobop_done *, void *arg, struct jobop **op,
    struct status *);
/* grace in seconds, or IPC_DEFAULT. Done when the job has ended. */
enum status_code jobmgr_stop(struct jobmgr *, const char *user,
    const struct uuid *, uint32_t grace, jobop_done *, void *arg,
    struct jobop **op, struct status *);
/* Done when the job has ended. */
enum status_code jobmgr_wait(struct jobmgr *, const char *user,
    const struct uuid *, jobop_done *, void *arg, struct jobop **op,
    struct status *);

/*
 * Output for one follower, when the job has started: fds are output, index and
 * doorbell's read end (-1: the job has ended); all -1 when it never ran. The
 * callback owns the descriptors.
 */
typedef void jobop_follow_done(void *arg, const struct status *st, const int fds[3]);
enum status_code jobmgr_follow(struct jobmgr *, const char *user,
    const struct uuid *, jobop_follow_done *, void *arg, struct jobop **op,
    struct status *);

void jobop_cancel(struct jobop *);

/*
 * Refuses new jobs and starts (ST_UNAVAILABLE), stops all that run as
 * "telepilotd", and calls done when none is left. At deadline_seconds it kills.
 */
void jobmgr_shutdown(struct jobmgr *, uint32_t deadline_seconds,
    void (*done)(void *arg), void *arg);

uint32_t jobmgr_running(const struct jobmgr *);

#endif
