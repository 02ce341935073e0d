/* SPDX-License-Identifier: ISC */

/*
 * Creation: the spec is checked, a repeated request is recognised, quotas are
 * counted, the host is asked whether it can hold the limits. Nothing runs yet.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/jobmgr/jobmgr_internal.h"

static bool
strv_equal(char *const *a, char *const *b)
{
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return (false);
	return (*a == NULL && *b == NULL);
}

static bool
env_equal(char *const *a, char *const *b)
{
	static char *none[] = { NULL };

	return (strv_equal(a != NULL ? a : none, b != NULL ? b : none));
}

static bool
text_equal(const char *a, const char *b)
{
	return (strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0);
}

/* The API's name of the first field in which they differ, or NULL. */
static const char *
limits_difference(const struct limits *a, const struct limits *b)
{
	const struct {
		const char *field;
		bool same;
	} fields[] = {
		{ "limits.cpu_cores",		a->cpu_millis == b->cpu_millis },
		{ "limits.memory_bytes",	a->memory_bytes == b->memory_bytes },
		{ "limits.swap_bytes",		a->swap_bytes == b->swap_bytes },
		{ "limits.io_read_bytes_per_second", a->io_rbps == b->io_rbps },
		{ "limits.io_write_bytes_per_second", a->io_wbps == b->io_wbps },
		{ "limits.io_read_iops",	a->io_riops == b->io_riops },
		{ "limits.io_write_iops",	a->io_wiops == b->io_wiops },
		{ "limits.pids",		a->pids == b->pids },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!fields[i].same)
			return (fields[i].field);
	return (NULL);
}

static const char *
difference(const struct request *req, const struct jobspec *spec)
{
	const struct jobspec *old = &req->job->spec;
	const char *field;

	if (strcmp(old->argv[0], spec->argv[0]) != 0)
		return ("command");
	if (!strv_equal(old->argv, spec->argv))
		return ("args");
	if ((field = limits_difference(&req->asked, &spec->limits)) != NULL)
		return (field);
	if (!env_equal(old->env, spec->env))
		return ("env");
	if (!text_equal(old->workdir, spec->workdir))
		return ("workdir");
	return (old->merge_output != spec->merge_output ? "merge_output" : NULL);
}

static enum status_code
repeat(const struct request *req, const struct jobspec *spec, struct uuid *id,
    struct status *st)
{
	const char *field;

	if ((field = difference(req, spec)) != NULL)
		return (status_set(st, ST_ALREADY_EXISTS, "request_id",
		    "request_id was used for another request: %s differs", field));
	*id = req->job->id;
	status_ok(st);
	return (ST_OK);
}

static enum status_code
check_quota(const struct jobmgr *mgr, const struct user *u, struct status *st)
{
	const struct jobmgr_config *c = &mgr->config;

	if ((u != NULL ? u->njobs : 0) >= c->max_jobs_user)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "you have %u jobs, the most a user may have (MaxJobsPerUser); "
		    "delete ended ones", c->max_jobs_user));
	if (mgr->njobs >= c->max_jobs)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the server has %u jobs, the most it may have (MaxJobs)", c->max_jobs));
	return (ST_OK);
}

/* All jobs are kept in memory until they are deleted. */
static enum status_code
check_memory(const struct job *job, struct status *st)
{
	const struct user *u = table_user(job->mgr, job->owner.user);

	if (u == NULL || u->memory + job_memory(job) <= JOB_USER_MEMORY_MAX)
		return (ST_OK);
	return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
	    "the commands and environments of your jobs take %d MiB, the most that a user's "
	    "may take; delete ended ones", JOB_USER_MEMORY_MAX / (1024 * 1024)));
}

static enum status_code
check_request(const struct job_owner *owner, const char *request_id,
    const struct jobspec *spec, struct status *st)
{
	if (owner->uid == 0 || owner->gid == 0 || owner->sup_uid == 0 ||
	    owner->sup_gid == 0 || !user_name_valid(owner->user))
		return (status_set(st, ST_INTERNAL, NULL, "the job's owner is not valid"));
	if (strlen(request_id) > JOB_REQUEST_ID_MAX)
		return (status_set(st, ST_INVALID_ARGUMENT, "request_id",
		    "request_id is longer than %d bytes", JOB_REQUEST_ID_MAX));
	return (jobspec_check(spec, st));
}

static int
add_request(struct job *job, const char *request_id)
{
	struct request *req;

	if (request_id[0] == '\0')
		return (0);
	if ((req = calloc(1, sizeof(*req))) == NULL)
		return (-ENOMEM);
	memcpy(req->id, request_id, strlen(request_id) + 1);
	req->asked = job->spec.limits;
	req->job = job;
	job->request = req;
	return (0);
}

static int
register_job(struct jobmgr *mgr, struct job *job)
{
	struct user *u;
	int r;

	if ((u = table_user_make(mgr, job->owner.user)) == NULL)
		return (-ENOMEM);
	if ((r = table_add(u, job)) != 0) {
		table_user_drop(mgr, u);
		return (r);
	}
	TAILQ_INSERT_TAIL(&mgr->live, job, live);
	return (0);
}

static enum status_code
make_job(struct jobmgr *mgr, const struct job_owner *owner, const char *request_id,
    const struct jobspec *spec, struct uuid *id, struct status *st)
{
	struct job *job;

	if ((job = job_new(mgr, owner, spec)) == NULL)
		return (out_of_memory(st));
	if (check_memory(job, st) != ST_OK)
		goto fail;
	if (uuid_generate(&job->id) != 0) {
		status_set(st, ST_UNAVAILABLE, NULL, "no random numbers for a job id");
		goto fail;
	}
	if (add_request(job, request_id) != 0) {
		out_of_memory(st);
		goto fail;
	}
	if (mgr->backend->admit(mgr->ctx, &job->spec.limits, job->warnings, st) != ST_OK)
		goto fail;
	if (register_job(mgr, job) != 0) {
		out_of_memory(st);
		goto fail;
	}
	*id = job->id;
	status_ok(st);
	return (ST_OK);
fail:
	job_unref(job);
	return (st->code);
}

enum status_code
jobmgr_create(struct jobmgr *mgr, const struct job_owner *owner, const char *request_id,
    const struct jobspec *spec, struct uuid *id, struct status *st)
{
	struct request *req;
	struct user *u;

	if (refuse_if_draining(mgr, st) != ST_OK ||
	    check_request(owner, request_id, spec, st) != ST_OK)
		return (st->code);
	u = table_user(mgr, owner->user);
	if (u != NULL && request_id[0] != '\0' &&
	    (req = table_request(u, request_id)) != NULL)
		return (repeat(req, spec, id, st));
	if (check_quota(mgr, u, st) != ST_OK)
		return (st->code);
	return (make_job(mgr, owner, request_id, spec, id, st));
}
