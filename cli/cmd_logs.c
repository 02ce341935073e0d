/* SPDX-License-Identifier: ISC */

/*
 * logs: a job's output from its first byte, live until the job has ended.
 */

#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static uint64_t offset = NOT_GIVEN;
static const char *stream;

static const struct opt logs_options[] = {
	{ 0, OPT_OFFSET, "offset", &offset, "N", "leave out the first N bytes" },
	{ 0, OPT_TEXT, "stream", &stream, "NAME", "only stdout or only stderr" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static int
run_logs(int argc, char **argv)
{
	struct output out = { 0, 0, 0 };
	struct telepilot *c;
	int r;

	(void)argc;
	if (offset != NOT_GIVEN)
		out.offset = offset;
	if (stream != NULL && strcmp(stream, "stdout") == 0)
		out.only = TELEPILOT__V1__STREAM__STREAM_STDOUT;
	else if (stream != NULL && strcmp(stream, "stderr") == 0)
		out.only = TELEPILOT__V1__STREAM__STREAM_STDERR;
	else if (stream != NULL)
		return (complain("--stream: \"%s\" is no stream; give stdout or stderr", stream));
	if ((r = client_open(&c)) != 0)
		return (r);
	if (telepilot_logs(c, argv[0], out.offset, output_entry, &out) != 0)
		r = out.error != 0 ? output_failed(out.error) : client_failed(c);
	telepilot_close(c);
	return (r);
}

const struct command cmd_logs = {
	.name = "logs",
	.operands = "ID",
	.summary = "show a job's output until it has ended",
	.options = { logs_options },
	.min = 1,
	.max = 1,
	.run = run_logs,
};
