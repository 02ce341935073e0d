/* SPDX-License-Identifier: ISC */

/*
 * Finds a method by its path, and what all groups of methods need.
 */

#include <string.h>

#include "netd/rpc.h"

static const struct method *const groups[] = {
	rpc_jobs,
	rpc_logs,
	rpc_health,
	rpc_reflection,
};

const struct method *
rpc_find(const char *path, size_t len)
{
	const struct method *m;
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (m = groups[i]; m->path != NULL; m++)
			if (strlen(m->path) == len && memcmp(m->path, path, len) == 0)
				return (m);
	return (NULL);
}

int
rpc_job_id(struct call *c, const char *text, struct uuid *id)
{
	int r;

	if ((r = uuid_parse(text, id)) != 0)
		call_fail(c, ST_INVALID_ARGUMENT, "job_id", "job_id: a job's id is expected, "
		    "as in 01234567-89ab-4def-8123-456789abcdef");
	return (r);
}
