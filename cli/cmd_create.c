/* SPDX-License-Identifier: ISC */

/*
 * create: makes a job and prints its id, alone on a line.
 */

#include <stdio.h>

#include "cli/request.h"

static int
run_create(int argc, char **argv)
{
	struct telepilot *c;
	char job_id[37];
	int r;

	if ((r = request_check()) == 0 && (r = client_open(&c)) == 0) {
		if (request_create(c, argc, argv, job_id) != 0)
			r = client_failed(c);
		else
			puts(job_id);
		telepilot_close(c);
	}
	request_free();
	return (r);
}

const struct command cmd_create = {
	.name = "create",
	.operands = "COMMAND [ARG...]",
	.summary = "make a job; nothing runs yet",
	.options = { request_options },
	.min = 1,
	.max = -1,
	.posix = true,
	.run = run_create,
};
