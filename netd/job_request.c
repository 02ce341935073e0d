/* SPDX-License-Identifier: ISC */

/*
 * From the API's form of a job to ours. Here only what the conversion itself
 * could hide is checked (a double that is no number of cores, a value that means
 * "not asked for" to us); the rest is jobspec_check's.
 */

#include <stdlib.h>
#include <string.h>

#include "common/jobspec.h"
#include "netd/job_request.h"

#define CORES_MAX	1024.0

/* Not 0 and not a number, or so small that it would round to "not asked for": refused. */
static enum status_code
convert_cores(double cores, uint32_t *millis, struct status *st)
{
	*millis = 0;
	if (cores == 0)
		return (ST_OK);
	if (!(cores >= 0.01 && cores <= CORES_MAX))
		return (status_set(st, ST_INVALID_ARGUMENT, "limits.cpu_cores",
		    "limits.cpu_cores: 0.01 to 1024 is expected"));
	*millis = (uint32_t)(cores * 1000 + 0.5);
	return (ST_OK);
}

static enum status_code
convert_limits(const Telepilot__V1__Limits *from, struct limits *to, struct status *st)
{
	if (from == NULL)
		return (ST_OK);
	to->memory_bytes = from->memory_bytes;
	to->io_rbps = from->io_read_bytes_per_second;
	to->io_wbps = from->io_write_bytes_per_second;
	to->io_riops = from->io_read_iops;
	to->io_wiops = from->io_write_iops;
	to->pids = from->pids;
	if (from->swap_case == TELEPILOT__V1__LIMITS__SWAP_SWAP_BYTES) {
		if (from->swap_bytes == NO_LIMIT)
			return (status_set(st, ST_INVALID_ARGUMENT, "limits.swap_bytes",
			    "limits.swap_bytes: the number is too large"));
		to->swap_bytes = from->swap_bytes;
	}
	return (convert_cores(from->cpu_cores, &to->cpu_millis, st));
}

/* NULL-terminated, first (or not, if NULL) before the n of v; borrows the strings. */
static char **
list(char *first, char **v, size_t n)
{
	size_t at = 0;
	char **l;

	if ((l = calloc(n + 2, sizeof(*l))) == NULL)
		return (NULL);
	if (first != NULL)
		l[at++] = first;
	if (n > 0)
		memcpy(l + at, v, n * sizeof(*l));
	return (l);
}

static enum status_code
check_and_put(struct buf *b, const Telepilot__V1__CreateJobRequest *req,
    const struct jobspec *spec, struct status *st)
{
	enum status_code code;

	if ((code = jobspec_check(spec, st)) != ST_OK)
		return (code);
	if (buf_put_str(b, req->request_id) != 0 || jobspec_put(b, spec) != 0)
		return (status_set(st, ST_RESOURCE_EXHAUSTED, NULL,
		    "the job's description is too long"));
	return (ST_OK);
}

enum status_code
job_request_put(struct buf *b, const Telepilot__V1__CreateJobRequest *req,
    struct status *st)
{
	struct jobspec spec;
	enum status_code code;

	if (strlen(req->request_id) > JOB_REQUEST_ID_MAX)
		return (status_set(st, ST_INVALID_ARGUMENT, "request_id",
		    "request_id: at most %d bytes are expected", JOB_REQUEST_ID_MAX));
	jobspec_init(&spec);
	if ((code = convert_limits(req->limits, &spec.limits, st)) != ST_OK)
		return (code);
	spec.argv = list(req->command, req->args, req->n_args);
	spec.env = list(NULL, req->env, req->n_env);
	spec.workdir = req->workdir[0] == '\0' ? NULL : req->workdir;
	spec.merge_output = req->merge_output;
	if (spec.argv == NULL || spec.env == NULL)
		code = status_set(st, ST_RESOURCE_EXHAUSTED, NULL, "out of memory");
	else
		code = check_and_put(b, req, &spec, st);
	/* Only the lists are ours: the strings are the request's. */
	free(spec.argv);
	free(spec.env);
	return (code);
}
