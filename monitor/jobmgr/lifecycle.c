/* SPDX-License-Identifier: ISC */

/*
 * A job's way from CREATED to its end: the start, and what the backend tells
 * of it. Every change of a job's state that ends it goes through job_finish.
 */

#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "monitor/jobmgr/jobmgr_internal.h"

/* The run, if there was one, is over: the backend may drop what it holds. */
void
job_finish(struct job *job, enum job_state state, enum end_reason reason)
{
	struct jobmgr *mgr = job->mgr;

	job->state = state;
	job->reason = reason;
	job->ended = realtime_ns();
	TAILQ_REMOVE(&mgr->live, job, live);
	job->stop_timer = sd_event_source_disable_unref(job->stop_timer);
	if (job->run != NULL) {
		mgr->backend->free(job->run);
		job->run = NULL;
		mgr->nrunning--;
		job->user->nrunning--;
	}
	job_shrink(job);
	ops_check(job);
	shutdown_check(mgr);
}

static void
on_started(void *arg)
{
	struct job *job = arg;

	job->started = realtime_ns();
	if (job->state == JOB_STARTING)
		job->state = JOB_RUNNING;
	else
		job_kill(job);		/* it was stopped meanwhile */
	job_shrink(job);
	ops_check(job);
}

/* A job that was never executed has no output to keep. */
static void
drop_files(struct job *job)
{
	if (job->mgr->backend->remove(job->mgr->ctx, &job->id) == 0)
		job->has_files = false;
}

static void
on_failed(void *arg, const char *stage, int error)
{
	struct job *job = arg;

	if (job->state == JOB_STOPPING)
		job_finish(job, JOB_EXITED, END_STOPPED);
	else {
		job->stage = strdup(stage);
		job->error = error;
		job_finish(job, JOB_FAILED, END_FAILED_TO_START);
	}
	drop_files(job);
}

/*
 * Was it our signal? A death by another one was not; nor was an exit when only
 * SIGKILL was sent, which lets nobody exit.
 */
static bool
ended_by_us(const struct job *job, const struct job_end *end)
{
	if (!end->has_status)
		return (false);
	if (WIFEXITED(end->wait_status))
		return (job->term_sent);
	return ((WTERMSIG(end->wait_status) == SIGTERM && job->term_sent) ||
	    (WTERMSIG(end->wait_status) == SIGKILL && job->kill_sent));
}

static void
on_ended(void *arg, const struct job_end *end, const struct usage *usage)
{
	struct job *job = arg;
	enum end_reason reason = end->reason;

	job->has_usage = true;
	job->usage = *usage;
	job->has_status = end->has_status;
	job->wait_status = end->wait_status;
	if ((reason == END_EXITED || reason == END_SIGNALED) && ended_by_us(job, end))
		reason = END_STOPPED;
	job_finish(job, reason == END_SUPERVISOR_LOST ? JOB_FAILED : JOB_EXITED, reason);
}

static const struct job_backend_events job_events = {
	.started = on_started,
	.failed = on_failed,
	.ended = on_ended,
};

static enum status_code
check_startable(const struct job *job, struct status *st)
{
	uint32_t max = job->mgr->config.max_running_user;

	if (job_state_ended(job->state))
		return (status_set(st, ST_FAILED_PRECONDITION, NULL,
		    "the job has ended; it cannot be started again"));
	if (job->state != JOB_CREATED)
		return (status_set(st, ST_FAILED_PRECONDITION, NULL,
		    "the job was started before"));
	if (job->user->nrunning >= max)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "%u of your jobs are running, the most a user may have "
		    "(MaxRunningPerUser)", max));
	return (ST_OK);
}

static enum status_code
begin(struct job *job, struct status *st)
{
	struct jobmgr *mgr = job->mgr;
	char id[UUID_STRLEN + 1];
	int r;

	status_ok(st);
	r = mgr->backend->start(mgr->ctx, &job->id, &job->owner, &job->spec,
	    &mgr->config, &job_events, job, &job->run, st);
	if (r != 0) {
		uuid_format(&job->id, id);
		log_error("job %s: cannot begin its start: %s", id, strerror(-r));
		if (st->code == ST_OK)
			status_set(st, ST_UNAVAILABLE, NULL, "the job cannot be started now");
		return (st->code);
	}
	job->state = JOB_STARTING;
	job->has_files = true;
	mgr->nrunning++;
	job->user->nrunning++;
	return (ST_OK);
}

enum status_code
jobmgr_start(struct jobmgr *mgr, const char *user, const struct uuid *id,
    jobop_done *done, void *arg, struct jobop **out, struct status *st)
{
	struct jobop *op;
	struct job *job;

	if ((job = table_find(mgr, user, id, st)) == NULL ||
	    refuse_if_draining(mgr, st) != ST_OK ||
	    check_startable(job, st) != ST_OK)
		return (st->code);
	if ((op = op_new(job, OP_START, arg)) == NULL)
		return (out_of_memory(st));
	op->done.info = done;
	if (begin(job, st) != ST_OK) {
		op_free(op);
		return (st->code);
	}
	op_add(op);
	*out = op;
	return (ST_OK);
}
