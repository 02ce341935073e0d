/* SPDX-License-Identifier: ISC */

/*
 * wait: ends when the jobs have ended, as the first of them that failed. The
 * server answers only after all of a job's output can be read.
 */

#include "cli/cli.h"
#include "cli/report.h"

static int
run_wait(int argc, char **argv)
{
	struct telepilot *c;
	telepilot_job *job;
	int code, i, r;

	if ((r = client_open(&c)) != 0)
		return (r);
	for (i = 0; i < argc; i++) {
		if (telepilot_wait(c, argv[i], &job) != 0)
			code = argc > 1 ? client_failed_job(c, argv[i]) : client_failed(c);
		else {
			code = report_end(job);
			telepilot_job_free(job);
		}
		if (r == 0)
			r = code;
	}
	telepilot_close(c);
	return (r);
}

const struct command cmd_wait = {
	.name = "wait",
	.operands = "ID...",
	.summary = "wait until jobs have ended, and exit as the first that failed",
	.min = 1,
	.max = -1,
	.run = run_wait,
};
