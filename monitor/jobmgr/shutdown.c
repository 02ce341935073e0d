/* SPDX-License-Identifier: ISC */

/*
 * The end of the manager: nothing new is begun, all that lives is stopped in
 * the daemon's name, and what is left at the deadline is killed.
 */

#include <string.h>
#include <time.h>

#include "common/log.h"
#include "monitor/jobmgr/jobmgr_internal.h"

#define STOPPED_BY	"telepilotd"
#define SECOND_USEC	UINT64_C(1000000)

enum status_code
refuse_if_draining(const struct jobmgr *mgr, struct status *st)
{
	if (mgr->draining)
		return (status_set(st, ST_UNAVAILABLE, NULL, "the server is shutting down"));
	return (ST_OK);
}

/* Those who waited for the jobs get their answers first. done may free mgr. */
static int
on_finish(sd_event_source *source, void *arg)
{
	struct jobmgr *mgr = arg;

	if (!TAILQ_EMPTY(&mgr->due)) {
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
		return (0);
	}
	mgr->drained(mgr->drained_arg);
	return (0);
}

void
shutdown_check(struct jobmgr *mgr)
{
	if (mgr->drained == NULL || mgr->nrunning > 0)
		return;
	mgr->deadline = sd_event_source_disable_unref(mgr->deadline);
	sd_event_source_set_enabled(mgr->finish, SD_EVENT_ONESHOT);
}

static void
each_live(struct jobmgr *mgr, void (*act)(struct job *, uint32_t), uint32_t arg)
{
	struct job *job, *next;

	for (job = TAILQ_FIRST(&mgr->live); job != NULL; job = next) {
		next = TAILQ_NEXT(job, live);
		act(job, arg);
	}
}

static void
stop_one(struct job *job, uint32_t grace)
{
	job_stop(job, grace, STOPPED_BY);
}

static int
on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	struct jobmgr *mgr = arg;

	(void)source;
	(void)usec;
	log_warn("jobs that have not ended in time and are killed: %u", mgr->nrunning);
	each_live(mgr, stop_one, 0);
	return (0);
}

static int
set_deadline(struct jobmgr *mgr, uint32_t seconds)
{
	mgr->deadline = sd_event_source_disable_unref(mgr->deadline);
	return (sd_event_add_time_relative(mgr->event, &mgr->deadline, CLOCK_MONOTONIC,
	    seconds * SECOND_USEC, 0, on_deadline, mgr));
}

int
shutdown_init(struct jobmgr *mgr)
{
	int r;

	if ((r = sd_event_add_defer(mgr->event, &mgr->finish, on_finish, mgr)) < 0)
		return (r);
	return (sd_event_source_set_enabled(mgr->finish, SD_EVENT_OFF));
}

/* Without a timer all are killed at once, rather than waited for without end. */
void
jobmgr_shutdown(struct jobmgr *mgr, uint32_t deadline_seconds, void (*done)(void *), void *arg)
{
	uint32_t grace = mgr->config.stop_grace;
	int r;

	mgr->draining = true;
	mgr->drained = done;
	mgr->drained_arg = arg;
	if ((r = set_deadline(mgr, deadline_seconds)) < 0) {
		log_error("shutdown: no timer: %s", strerror(-r));
		grace = 0;
	}
	each_live(mgr, stop_one, grace < deadline_seconds ? grace : deadline_seconds);
	shutdown_check(mgr);
}
