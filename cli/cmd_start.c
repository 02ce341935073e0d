/* SPDX-License-Identifier: ISC */

/*
 * start, stop and rm: one call for each job named. A failure does not keep the
 * others from their turn; the ids of those that succeeded are printed.
 */

#include <stdio.h>

#include "cli/cli.h"

#define GRACE_MAX	(UINT32_MAX - 1)

static uint64_t grace = NOT_GIVEN;
static bool force;

static const struct opt stop_options[] = {
	{ 't', OPT_TIME, "time", &grace, "TIME",
	    "between the stop signal and SIGKILL; 0: SIGKILL at once" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static const struct opt rm_options[] = {
	{ 'f', OPT_FLAG, "force", &force, NULL, "kill a job that still runs" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static int
each_job(int argc, char **argv, int (*act)(struct telepilot *, const char *))
{
	struct telepilot *c;
	int i, r;

	if ((r = client_open(&c)) != 0)
		return (r);
	for (i = 0; i < argc; i++) {
		if (act(c, argv[i]) == 0)
			puts(argv[i]);
		else
			r = argc > 1 ? client_failed_job(c, argv[i]) : client_failed(c);
	}
	telepilot_close(c);
	return (r);
}

static int
start_one(struct telepilot *c, const char *id)
{
	return (telepilot_start(c, id, NULL));
}

static int
stop_one(struct telepilot *c, const char *id)
{
	return (telepilot_stop(c, id,
	    grace == NOT_GIVEN ? TELEPILOT_GRACE_DEFAULT : (uint32_t)grace, NULL));
}

static int
rm_one(struct telepilot *c, const char *id)
{
	int r;

	if (force && (r = telepilot_stop(c, id, 0, NULL)) != 0)
		return (r);
	return (telepilot_delete(c, id));
}

static int
run_start(int argc, char **argv)
{
	return (each_job(argc, argv, start_one));
}

static int
run_stop(int argc, char **argv)
{
	if (grace != NOT_GIVEN && grace > GRACE_MAX)
		return (complain("--time: that is too long"));
	return (each_job(argc, argv, stop_one));
}

static int
run_rm(int argc, char **argv)
{
	return (each_job(argc, argv, rm_one));
}

const struct command cmd_start = {
	.name = "start",
	.operands = "ID...",
	.summary = "start jobs",
	.min = 1,
	.max = -1,
	.run = run_start,
};

const struct command cmd_stop = {
	.name = "stop",
	.operands = "ID...",
	.summary = "stop jobs, and wait until they have ended",
	.options = { stop_options },
	.min = 1,
	.max = -1,
	.run = run_stop,
};

const struct command cmd_rm = {
	.name = "rm",
	.operands = "ID...",
	.summary = "delete ended jobs with their output",
	.options = { rm_options },
	.min = 1,
	.max = -1,
	.run = run_rm,
};
