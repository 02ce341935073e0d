/* SPDX-License-Identifier: ISC */

/*
 * Stopping: the stop signal, the grace time, the kill. What was sent is
 * remembered, since only that makes an end one of ours (lifecycle.c).
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/ipc.h"
#include "common/log.h"
#include "monitor/jobmgr/jobmgr_internal.h"

#define SECOND_USEC		UINT64_C(1000000)
#define TIMER_ACCURACY_USEC	UINT64_C(10000)

static void
log_job(const struct job *job, const char *what, int error)
{
	char id[UUID_STRLEN + 1];

	uuid_format(&job->id, id);
	log_error("job %s: %s: %s", id, what, strerror(error));
}

/* May be called again: a kill that is repeated does no harm. */
void
job_kill(struct job *job)
{
	int r;

	job->stop_timer = sd_event_source_disable_unref(job->stop_timer);
	if ((r = job->mgr->backend->kill(job->run)) != 0)
		log_job(job, "cannot kill it", -r);
	else
		job->kill_sent = true;
}

static int
on_grace_over(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	job_kill(arg);
	return (0);
}

/* Sets the kill's time, or brings it forward. Without a timer there is no grace. */
static void
arm(struct job *job, uint32_t grace)
{
	sd_event *event = job->mgr->event;
	uint64_t now, then;
	int r;

	if ((r = sd_event_now(event, CLOCK_MONOTONIC, &now)) < 0)
		goto fail;
	now += grace * SECOND_USEC;
	if (job->stop_timer == NULL)
		r = sd_event_add_time(event, &job->stop_timer, CLOCK_MONOTONIC, now,
		    TIMER_ACCURACY_USEC, on_grace_over, job);
	else if ((r = sd_event_source_get_time(job->stop_timer, &then)) >= 0 && now < then)
		r = sd_event_source_set_time(job->stop_timer, now);
	if (r >= 0)
		return;
fail:
	log_job(job, "cannot set the stop timer", -r);
	job_kill(job);
}

/* 0: there is nothing to wait for. */
static int
send_term(struct job *job)
{
	int r = job->mgr->backend->signal(job->run, SIGTERM);

	if (r == 0)
		job->term_sent = true;
	else if (r < 0 && r != -ESRCH)
		log_job(job, "cannot send the stop signal", -r);
	return (r == 0 || r == -ESRCH);	/* gone already: its end is on the way */
}

static void
stop_running(struct job *job, uint32_t grace)
{
	job->state = JOB_STOPPING;
	if (grace == 0 || !send_term(job))
		job_kill(job);
	else
		arm(job, grace);
}

static void
stop_again(struct job *job, uint32_t grace)
{
	if (job->kill_sent)
		return;
	if (grace == 0)
		job_kill(job);
	else
		arm(job, grace);
}

void
job_stop(struct job *job, uint32_t grace, const char *by)
{
	if (job_state_ended(job->state))
		return;
	if (job->stopped_by[0] == '\0')
		snprintf(job->stopped_by, sizeof(job->stopped_by), "%s", by);
	switch (job->state) {
	case JOB_CREATED:
		job_finish(job, JOB_EXITED, END_STOPPED);
		break;
	case JOB_STARTING:
		job->state = JOB_STOPPING;
		job_kill(job);
		break;
	case JOB_STOPPING:
		stop_again(job, grace);
		break;
	default:
		stop_running(job, grace);
		break;
	}
}

enum status_code
jobmgr_stop(struct jobmgr *mgr, const char *user, const struct uuid *id, uint32_t grace,
    jobop_done *done, void *arg, struct jobop **out, struct status *st)
{
	struct jobop *op;
	struct job *job;

	if ((job = table_find(mgr, user, id, st)) == NULL)
		return (st->code);
	if ((op = op_new(job, OP_STOP, arg)) == NULL)
		return (out_of_memory(st));
	op->done.info = done;
	job_stop(job, grace == IPC_DEFAULT ? mgr->config.stop_grace : grace, user);
	op_add(op);
	*out = op;
	status_ok(st);
	return (ST_OK);
}
