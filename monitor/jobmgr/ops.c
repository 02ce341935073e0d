/* SPDX-License-Identifier: ISC */

/*
 * Operations that are answered later. Each waits in its job's list for a state;
 * when that is reached it moves to the manager's queue, from which the event
 * loop takes one at a time. So a callback comes exactly once, never from inside
 * a call, and may itself cancel, delete or begin whatever it likes: what waits
 * in the queue holds a reference to its job, not a result that could be stale.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "monitor/jobmgr/jobmgr_internal.h"

struct jobop *
op_new(struct job *job, enum op_kind kind, void *arg)
{
	struct jobop *op;

	if ((op = calloc(1, sizeof(*op))) == NULL)
		return (NULL);
	job_ref(job);
	op->job = job;
	op->kind = kind;
	op->arg = arg;
	if (kind == OP_FOLLOW)
		job->nfollow++;
	return (op);
}

/* For one that is in no list. */
void
op_free(struct jobop *op)
{
	if (op->kind == OP_FOLLOW)
		op->job->nfollow--;
	job_unref(op->job);
	free(op);
}

static bool
op_satisfied(const struct jobop *op)
{
	const struct job *job = op->job;

	if (job->user == NULL || job_state_ended(job->state))
		return (true);
	return ((op->kind == OP_START || op->kind == OP_FOLLOW) && job->started != 0);
}

static void
op_make_due(struct jobop *op)
{
	struct jobmgr *mgr = op->job->mgr;

	op->due = true;
	TAILQ_INSERT_TAIL(&mgr->due, op, entry);
	sd_event_source_set_enabled(mgr->due_source, SD_EVENT_ONESHOT);
}

void
op_add(struct jobop *op)
{
	if (op_satisfied(op))
		op_make_due(op);
	else
		TAILQ_INSERT_TAIL(&op->job->ops, op, entry);
}

void
ops_check(struct job *job)
{
	struct jobop *op, *next;

	for (op = TAILQ_FIRST(&job->ops); op != NULL; op = next) {
		next = TAILQ_NEXT(op, entry);
		if (!op_satisfied(op))
			continue;
		TAILQ_REMOVE(&job->ops, op, entry);
		op_make_due(op);
	}
}

void
jobop_cancel(struct jobop *op)
{
	if (op->due)
		TAILQ_REMOVE(&op->job->mgr->due, op, entry);
	else
		TAILQ_REMOVE(&op->job->ops, op, entry);
	op_free(op);
}

static enum status_code
deleted(struct status *st)
{
	return (status_set(st, ST_FAILED_PRECONDITION, NULL, "the job was deleted"));
}

static enum status_code
start_outcome(const struct job *job, struct status *st)
{
	if (job->started != 0)
		return (ST_OK);
	if (job->reason == END_STOPPED)
		return (status_set(st, ST_FAILED_PRECONDITION, NULL,
		    "the job was stopped by %s before it ran", job->stopped_by));
	if (job->reason == END_SUPERVISOR_LOST)
		return (status_set(st, ST_INTERNAL, NULL,
		    "the job's supervisor was lost while it was started"));
	if (job->error == EMFILE || job->error == ENFILE)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "%s: the server has no file descriptor left for another job",
		    job->stage != NULL ? job->stage : "start"));
	return (status_set(st, ST_FAILED_PRECONDITION, NULL, "%s: %s",
	    job->stage != NULL ? job->stage : "start", strerror(job->error)));
}

static void
call_info(struct jobop *op)
{
	const struct job *job = op->job;
	struct jobinfo info;
	struct status st;

	status_ok(&st);
	if (!job_state_ended(job->state) && job->user == NULL)
		deleted(&st);
	else if (op->kind == OP_START)
		start_outcome(job, &st);
	if (st.code == ST_OK)
		job_view(job, &info);
	op->done.info(op->arg, &st, st.code == ST_OK ? &info : NULL);
}

static enum status_code
follow_failed(const struct job *job, int error, struct status *st)
{
	char id[UUID_STRLEN + 1];

	uuid_format(&job->id, id);
	log_warn("job %s: cannot open its output: %s", id, strerror(error));
	if (error == EAGAIN)
		return (status_set(st, ST_UNAVAILABLE, NULL,
		    "the job's supervisor is busy; try again"));
	if (error == EMFILE || error == ENFILE || error == ENOMEM)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the server has no file descriptor or memory left for this"));
	return (status_set(st, ST_INTERNAL, NULL, "the job's output cannot be opened"));
}

static void
call_follow(struct jobop *op)
{
	const struct job *job = op->job;
	const struct job_backend *backend = job->mgr->backend;
	int fds[3] = { -1, -1, -1 };
	struct status st;
	int r = 0;

	status_ok(&st);
	if (job->user == NULL)
		deleted(&st);
	else if (job->run != NULL)
		r = backend->follow(job->run, fds);
	else if (job->started != 0)
		r = backend->open_output(job->mgr->ctx, &job->id, fds);
	if (r != 0)
		follow_failed(job, -r, &st);
	op->done.follow(op->arg, &st, fds);
}

/* One a turn, so that a crowd of waiters does not hold up the event loop. */
static int
on_due(sd_event_source *source, void *arg)
{
	struct jobmgr *mgr = arg;
	struct jobop *op;

	if ((op = TAILQ_FIRST(&mgr->due)) == NULL)
		return (0);
	TAILQ_REMOVE(&mgr->due, op, entry);
	if (!TAILQ_EMPTY(&mgr->due))
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (op->kind == OP_FOLLOW)
		call_follow(op);
	else
		call_info(op);
	op_free(op);
	return (0);
}

int
ops_init(struct jobmgr *mgr)
{
	int r;

	if ((r = sd_event_add_defer(mgr->event, &mgr->due_source, on_due, mgr)) < 0)
		return (r);
	return (sd_event_source_set_enabled(mgr->due_source, SD_EVENT_OFF));
}

static void
free_list(struct jobop_list *list)
{
	struct jobop *op;

	while ((op = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, op, entry);
		op_free(op);
	}
}

void
ops_free_all(struct jobmgr *mgr)
{
	struct job *job;

	free_list(&mgr->due);
	TAILQ_FOREACH(job, &mgr->live, live)
		free_list(&job->ops);
}

enum status_code
jobmgr_wait(struct jobmgr *mgr, const char *user, const struct uuid *id,
    jobop_done *done, void *arg, struct jobop **out, struct status *st)
{
	struct jobop *op;
	struct job *job;

	if ((job = table_find(mgr, user, id, st)) == NULL)
		return (st->code);
	if ((op = op_new(job, OP_WAIT, arg)) == NULL)
		return (out_of_memory(st));
	op->done.info = done;
	op_add(op);
	*out = op;
	status_ok(st);
	return (ST_OK);
}

/* Of an ended job anybody may read: no doorbell is needed for it. */
static enum status_code
check_followers(const struct job *job, struct status *st)
{
	const struct jobmgr *mgr = job->mgr;
	uint64_t n = job->nfollow;

	if (job_state_ended(job->state))
		return (ST_OK);
	if (job->run != NULL)
		n += mgr->backend->followers(job->run);
	if (n >= mgr->config.max_followers_job)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the job has %u followers, the most it may have (MaxFollowersPerJob)",
		    mgr->config.max_followers_job));
	return (ST_OK);
}

enum status_code
jobmgr_follow(struct jobmgr *mgr, const char *user, const struct uuid *id,
    jobop_follow_done *done, void *arg, struct jobop **out, struct status *st)
{
	struct jobop *op;
	struct job *job;

	if ((job = table_find(mgr, user, id, st)) == NULL ||
	    check_followers(job, st) != ST_OK)
		return (st->code);
	if ((op = op_new(job, OP_FOLLOW, arg)) == NULL)
		return (out_of_memory(st));
	op->done.follow = done;
	op_add(op);
	*out = op;
	status_ok(st);
	return (ST_OK);
}
