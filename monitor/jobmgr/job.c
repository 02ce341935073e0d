/* SPDX-License-Identifier: ISC */

/*
 * One job as an object: its copy of what was asked, its life as a reference
 * count, and how it is shown. An ended job keeps its argv, its end and its usage.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/strv.h"
#include "monitor/jobmgr/jobmgr_internal.h"

/* A string of one byte takes 32. */
#define MALLOC_OVERHEAD	32

int64_t
realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

enum status_code
out_of_memory(struct status *st)
{
	return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "the server is out of memory"));
}

static char **
strv_copy(char *const *v)
{
	char **copy;
	size_t i, n = strv_count(v);

	if ((copy = calloc(n + 1, sizeof(*copy))) == NULL)
		return (NULL);
	for (i = 0; i < n; i++)
		if ((copy[i] = strdup(v[i])) == NULL) {
			strv_free(copy);
			return (NULL);
		}
	return (copy);
}

static int
copy_spec(struct jobspec *to, const struct jobspec *from)
{
	to->limits = from->limits;
	to->merge_output = from->merge_output;
	if ((to->argv = strv_copy(from->argv)) == NULL ||
	    (to->env = strv_copy(from->env)) == NULL)
		return (-ENOMEM);
	if (from->workdir != NULL && (to->workdir = strdup(from->workdir)) == NULL)
		return (-ENOMEM);
	return (0);
}

static int
copy_owner(struct job_owner *to, const struct job_owner *from)
{
	*to = *from;
	if (from->home != NULL && (to->home = strdup(from->home)) == NULL)
		return (-ENOMEM);
	return (0);
}

struct job *
job_new(struct jobmgr *mgr, const struct job_owner *owner, const struct jobspec *spec)
{
	struct job *job;

	if ((job = calloc(1, sizeof(*job))) == NULL)
		return (NULL);
	job->mgr = mgr;
	job->refs = 1;
	job->state = JOB_CREATED;
	job->created = realtime_ns();
	usage_init(&job->usage);
	jobspec_init(&job->spec);
	TAILQ_INIT(&job->ops);
	if (copy_owner(&job->owner, owner) != 0 || copy_spec(&job->spec, spec) != 0) {
		job_unref(job);
		return (NULL);
	}
	return (job);
}

void
job_ref(struct job *job)
{
	job->refs++;
}

void
job_unref(struct job *job)
{
	size_t i;

	if (--job->refs > 0)
		return;
	for (i = 0; job->warnings[i] != NULL; i++)
		free(job->warnings[i]);
	free((char *)(uintptr_t)job->owner.home);
	free(job->request);
	free(job->stage);
	jobspec_free(&job->spec);
	sd_event_source_disable_unref(job->stop_timer);
	free(job);
}

/* With a request id all of the spec is kept, for comparison with a repeated request. */
void
job_shrink(struct job *job)
{
	free((char *)(uintptr_t)job->owner.home);
	job->owner.home = NULL;
	if (job->request != NULL)
		return;
	strv_free(job->spec.env);
	free(job->spec.workdir);
	job->spec.env = NULL;
	job->spec.workdir = NULL;
}

static size_t
strv_memory(char *const *v)
{
	size_t i, n = strv_count(v), sum = (n + 1) * sizeof(*v);

	for (i = 0; i < n; i++)
		sum += strlen(v[i]) + MALLOC_OVERHEAD;
	return (sum);
}

size_t
job_memory(const struct job *job)
{
	return (sizeof(*job) + strv_memory(job->spec.argv) + strv_memory(job->spec.env));
}

static void
view_end(const struct job *job, struct job_end *end)
{
	if (!job_state_ended(job->state))
		return;
	end->reason = job->reason;
	end->has_status = job->has_status;
	end->wait_status = job->wait_status;
	end->error = job->error;
	if (job->stage != NULL)
		snprintf(end->stage, sizeof(end->stage), "%s", job->stage);
	if (job->reason == END_STOPPED)
		memcpy(end->stopped_by, job->stopped_by, sizeof(end->stopped_by));
}

void
job_view(const struct job *job, struct jobinfo *info)
{
	jobinfo_init(info);
	info->id = job->id;
	memcpy(info->owner, job->owner.user, sizeof(info->owner));
	info->state = job->state;
	info->argv = job->spec.argv;
	info->created = job->created;
	info->started = job->started;
	info->ended = job->ended;
	info->limits = job->spec.limits;
	info->has_usage = job->has_usage;
	info->usage = job->usage;
	if (job->run != NULL && job->started != 0) {
		info->has_usage = true;
		job->mgr->backend->usage(job->run, &info->usage);
	}
	memcpy(info->warnings, job->warnings, sizeof(info->warnings));
	view_end(job, &info->end);
}

int
job_info(const struct job *job, struct jobinfo *info)
{
	struct jobinfo view;
	size_t i;

	job_view(job, &view);
	*info = view;
	memset(info->warnings, 0, sizeof(info->warnings));
	if ((info->argv = strv_copy(view.argv)) == NULL)
		return (-ENOMEM);
	for (i = 0; view.warnings[i] != NULL; i++)
		if ((info->warnings[i] = strdup(view.warnings[i])) == NULL) {
			jobinfo_free(info);
			return (-ENOMEM);
		}
	return (0);
}
