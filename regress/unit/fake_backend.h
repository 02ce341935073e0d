/* SPDX-License-Identifier: ISC */

/*
 * A backend that runs nothing: the tests of the job manager say when a job
 * starts and how it ends, and see what was asked of it.
 */
#ifndef REGRESS_UNIT_FAKE_BACKEND_H
#define REGRESS_UNIT_FAKE_BACKEND_H

#include "monitor/jobmgr.h"

#define FAKE_RUNS_MAX	4096

struct job_run {
	struct fake *fake;
	struct uuid id;
	const struct job_backend_events *events;
	void *job;
	struct limits limits;
	int signals, kills;		/* how many were asked for */
	int signal_result;		/* what signal() returns */
	uint32_t followers;
	bool freed;
};

struct fake {
	struct job_run *runs[FAKE_RUNS_MAX];
	size_t nruns;
	enum status_code admit;		/* other than ST_OK: refuses */
	const char *warning;		/* given with each admission */
	uint64_t default_pids;
	int start_error, follow_error, remove_error;
	int signal_result;		/* for runs to come */
	int removed, freed, opened, followed;
};

extern const struct job_backend fake_backend;

void fake_started(struct job_run *);
void fake_exited(struct job_run *, int code);
void fake_killed(struct job_run *, int sig, enum end_reason);
void fake_lost(struct job_run *);

/* A manager on a fake backend, with its event loop. */
struct world {
	sd_event *event;
	struct jobmgr *mgr;
	struct jobmgr_config config;
	struct fake fake;
	struct status st;		/* of the last call */
};

int world_setup(void **state);
int world_teardown(void **state);
void pump(struct world *);		/* until nothing is left to do now */
void pump_until(struct world *, const int *counter, int value);	/* at most 5 s */

/* Creates "true", and asserts that it worked. */
struct uuid make_job(struct world *, const char *user);
enum status_code create(struct world *, const char *user, const char *request_id,
    const char *command, struct uuid *);
struct job_run *start_job(struct world *, const char *user, const struct uuid *);
struct job_run *run_job(struct world *, const char *user, const struct uuid *);	/* started, too */
enum job_state state_of(struct world *, const char *user, const struct uuid *);

/* What a callback saw. */
struct seen {
	int calls;
	struct status st;
	bool has_info;
	enum job_state state;
	struct job_end end;
	int fds[3];
	struct jobop *op;
};

void on_info(void *arg, const struct status *, const struct jobinfo *);
void on_follow(void *arg, const struct status *, const int fds[3]);

#endif
