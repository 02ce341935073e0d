/* SPDX-License-Identifier: ISC */

/*
 * Builds a CreateJobRequest from the command line. What a value may be is the
 * server's to say; here only its form is checked.
 */

#include <stdlib.h>
#include <string.h>

#include "cli/env.h"
#include "cli/request.h"
#include "telepilot/v1/telepilot.pb-c.h"

static struct {
	uint64_t cpu, memory, swap, pids;
	uint64_t io, io_read, io_write, io_read_iops, io_write_iops;
	struct strlist env, env_files;
	const char *workdir, *request_id;
	bool merge_output;
} o = {
	.cpu = NOT_GIVEN,
	.memory = NOT_GIVEN,
	.swap = NOT_GIVEN,
	.pids = NOT_GIVEN,
	.io = NOT_GIVEN,
	.io_read = NOT_GIVEN,
	.io_write = NOT_GIVEN,
	.io_read_iops = NOT_GIVEN,
	.io_write_iops = NOT_GIVEN,
};

static struct env env;

const struct opt request_options[] = {
	{ 0, OPT_CPU, "cpu", &o.cpu, "CORES", "CPU time: 0.5 is half a core" },
	{ 'm', OPT_SIZE, "memory", &o.memory, "SIZE", "memory, such as 512MB, 512MiB or 1.5G" },
	{ 0, OPT_SIZE0, "swap", &o.swap, "SIZE", "swap beside --memory; without it none" },
	{ 0, OPT_RATE, "io", &o.io, "RATE", "reads and writes, each, such as 10MB/s" },
	{ 0, OPT_RATE, "io-read", &o.io_read, "RATE", "reads on each disk" },
	{ 0, OPT_RATE, "io-write", &o.io_write, "RATE", "writes on each disk" },
	{ 0, OPT_COUNT, "io-read-iops", &o.io_read_iops, "N", "read operations a second" },
	{ 0, OPT_COUNT, "io-write-iops", &o.io_write_iops, "N", "write operations a second" },
	{ 0, OPT_COUNT, "pids", &o.pids, "N", "processes and threads" },
	{ 'e', OPT_LIST, "env", &o.env, "NAME[=VALUE]", "a variable; without a value our own" },
	{ 0, OPT_LIST, "env-file", &o.env_files, "FILE", "variables, a line each" },
	{ 'w', OPT_TEXT, "workdir", &o.workdir, "DIR", "where the job starts; else /" },
	{ 0, OPT_FLAG, "merge-output", &o.merge_output, NULL,
	    "stderr into stdout, in the exact order of writing" },
	{ 0, OPT_TEXT, "request-id", &o.request_id, "ID",
	    "the same id again makes no second job" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

int
request_check(void)
{
	char why[ENV_WHY_SIZE];
	size_t i;

	for (i = 0; i < o.env_files.n; i++)
		if (env_add_file(&env, o.env_files.v[i], why) != 0)
			return (complain("--env-file: %s", why));
	for (i = 0; i < o.env.n; i++)
		if (env_add(&env, o.env.v[i], why) != 0)
			return (complain("--env: %s", why));
	return (0);
}

/* The first that was given, or 0, which asks for nothing. */
static uint64_t
first_given(uint64_t a, uint64_t b)
{
	if (a != NOT_GIVEN)
		return (a);
	return (b != NOT_GIVEN ? b : 0);
}

static void
fill_limits(Telepilot__V1__Limits *l)
{
	l->cpu_cores = (double)first_given(o.cpu, 0) / 1000;
	l->memory_bytes = first_given(o.memory, 0);
	if (o.swap != NOT_GIVEN) {
		l->swap_case = TELEPILOT__V1__LIMITS__SWAP_SWAP_BYTES;
		l->swap_bytes = o.swap;
	}
	l->io_read_bytes_per_second = first_given(o.io_read, o.io);
	l->io_write_bytes_per_second = first_given(o.io_write, o.io);
	l->io_read_iops = first_given(o.io_read_iops, 0);
	l->io_write_iops = first_given(o.io_write_iops, 0);
	l->pids = first_given(o.pids, 0);
}

/* protobuf-c's strings are not const, but packing only reads them. */
static char *
borrow(const char *s)
{
	return ((char *)(uintptr_t)(s != NULL ? s : ""));
}

int
request_create(struct telepilot *c, int argc, char **argv, char job_id[37])
{
	Telepilot__V1__CreateJobRequest request = TELEPILOT__V1__CREATE_JOB_REQUEST__INIT;
	Telepilot__V1__Limits limits = TELEPILOT__V1__LIMITS__INIT;

	fill_limits(&limits);
	request.limits = &limits;
	request.command = argv[0];
	request.args = argv + 1;
	request.n_args = (size_t)argc - 1;
	request.env = env.v;
	request.n_env = env.n;
	request.workdir = borrow(o.workdir);
	request.request_id = borrow(o.request_id);
	request.merge_output = o.merge_output;
	return (telepilot_create(c, &request, job_id));
}

void
request_free(void)
{
	env_free(&env);
	free(o.env.v);
	free(o.env_files.v);
}
