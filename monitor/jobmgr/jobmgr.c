/* SPDX-License-Identifier: ISC */

/*
 * The job manager itself, and those of its calls that are answered at once:
 * status, list, delete. What a caller is told about a job he does not own is
 * decided in table.c alone.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "monitor/jobmgr/jobmgr_internal.h"

int
jobmgr_new(struct jobmgr **out, sd_event *event, const struct jobmgr_config *config,
    const struct job_backend *backend, void *backend_ctx)
{
	struct jobmgr *mgr;
	int r;

	if ((mgr = calloc(1, sizeof(*mgr))) == NULL)
		return (-ENOMEM);
	mgr->event = sd_event_ref(event);
	mgr->config = *config;
	mgr->backend = backend;
	mgr->ctx = backend_ctx;
	TAILQ_INIT(&mgr->live);
	TAILQ_INIT(&mgr->due);
	if ((r = ops_init(mgr)) < 0 || (r = shutdown_init(mgr)) < 0) {
		jobmgr_free(mgr);
		return (r);
	}
	*out = mgr;
	return (0);
}

void
jobmgr_free(struct jobmgr *mgr)
{
	struct job *job;

	if (mgr == NULL)
		return;
	ops_free_all(mgr);
	TAILQ_FOREACH(job, &mgr->live, live)
		if (job->run != NULL)
			mgr->backend->free(job->run);
	table_free(mgr);
	sd_event_source_disable_unref(mgr->due_source);
	sd_event_source_disable_unref(mgr->deadline);
	sd_event_source_disable_unref(mgr->finish);
	sd_event_unref(mgr->event);
	free(mgr);
}

void
jobmgr_reconfigure(struct jobmgr *mgr, const struct jobmgr_config *config)
{
	mgr->config = *config;
}

uint32_t
jobmgr_running(const struct jobmgr *mgr)
{
	return (mgr->nrunning);
}

enum status_code
jobmgr_status(struct jobmgr *mgr, const char *user, const struct uuid *id,
    struct jobinfo *info, struct status *st)
{
	struct job *job;

	if ((job = table_find(mgr, user, id, st)) == NULL)
		return (st->code);
	if (job_info(job, info) != 0)
		return (out_of_memory(st));
	status_ok(st);
	return (ST_OK);
}

/* next is one more than the job to go on with, since 0 stands for "no more". */
void
jobmgr_list(struct jobmgr *mgr, const char *user, uint64_t cursor,
    int (*each)(void *, const struct jobinfo *), void *arg, uint64_t *next)
{
	struct user *u = table_user(mgr, user);
	struct jobinfo info;
	struct slot *slot;
	size_t i;

	*next = 0;
	if (u == NULL)
		return;
	i = cursor == 0 ? u->list.n : joblist_below(&u->list, cursor);
	while (i-- > 0) {
		slot = &u->list.slots[i];
		if (slot->job == NULL)
			continue;
		job_view(slot->job, &info);
		if (each(arg, &info) != 0) {
			*next = slot->seq + 1;
			return;
		}
	}
}

static int
remove_files(struct job *job)
{
	char id[UUID_STRLEN + 1];
	int r;

	if (!job->has_files)
		return (0);
	if ((r = job->mgr->backend->remove(job->mgr->ctx, &job->id)) != 0) {
		uuid_format(&job->id, id);
		log_error("job %s: cannot remove its files: %s", id, strerror(-r));
		return (r);
	}
	job->has_files = false;
	return (0);
}

enum status_code
jobmgr_delete(struct jobmgr *mgr, const char *user, const struct uuid *id,
    struct status *st)
{
	struct job *job;

	if ((job = table_find(mgr, user, id, st)) == NULL)
		return (st->code);
	if (job->run != NULL)
		return (status_set(st, ST_FAILED_PRECONDITION, NULL,
		    "the job is running; stop it first"));
	if (remove_files(job) != 0)
		return (status_set(st, ST_INTERNAL, NULL,
		    "the job's output could not be removed; it is still there"));
	if (!job_state_ended(job->state))
		TAILQ_REMOVE(&mgr->live, job, live);
	table_remove(job);
	ops_check(job);
	job_unref(job);
	status_ok(st);
	return (ST_OK);
}
