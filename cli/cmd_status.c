/* SPDX-License-Identifier: ISC */

/*
 * status: all there is to know of a job, for people or as JSON.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/jobtext.h"
#include "cli/json.h"
#include "cli/text.h"
#include "common/units.h"

#define LABEL_WIDTH	12

static const char *format;

static const struct opt status_options[] = {
	{ 0, OPT_TEXT, "format", &format, "FORMAT", "json: an object a line" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static void __attribute__((format(printf, 2, 3)))
line(const char *label, const char *fmt, ...)
{
	va_list ap;

	printf("%-*s ", LABEL_WIDTH, label);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* Takes the text over. */
static void
text_line(const char *label, char *text)
{
	line(label, "%s", text != NULL ? text : "out of memory");
	free(text);
}

static void
time_line(const char *label, const Google__Protobuf__Timestamp *t)
{
	char when[32], ago[40];

	if (t == NULL)
		return;
	format_time(t, when, sizeof(when));
	format_ago(t, time(NULL), ago, sizeof(ago));
	line(label, "%s (%s)", when, ago);
}

static void
size_line(const char *label, uint64_t bytes, const char *per)
{
	char size[16];

	if (bytes != 0)
		line(label, "%s%s", format_size(bytes, size, sizeof(size)), per);
}

static void
print_limits(const Telepilot__V1__Limits *l)
{
	char size[16];

	if (l == NULL)
		return;
	if (l->cpu_cores > 0)
		line("CPU limit:", "%g core%s", l->cpu_cores, l->cpu_cores == 1 ? "" : "s");
	size_line("Mem. limit:", l->memory_bytes, "");
	if (l->swap_case == TELEPILOT__V1__LIMITS__SWAP_SWAP_BYTES)
		line("Swap limit:", "%s", format_size(l->swap_bytes, size, sizeof(size)));
	size_line("Read limit:", l->io_read_bytes_per_second, "/s on each disk");
	size_line("Write limit:", l->io_write_bytes_per_second, "/s on each disk");
	if (l->io_read_iops != 0)
		line("Read limit:", "%llu operations/s", (unsigned long long)l->io_read_iops);
	if (l->io_write_iops != 0)
		line("Write limit:", "%llu operations/s", (unsigned long long)l->io_write_iops);
	if (l->pids != 0)
		line("Pids limit:", "%llu", (unsigned long long)l->pids);
}

static void
print_memory(const Telepilot__V1__Usage *u)
{
	char now[16] = "", peak[16] = "";

	if (u->memory_case == TELEPILOT__V1__USAGE__MEMORY_MEMORY_BYTES)
		format_size(u->memory_bytes, now, sizeof(now));
	if (u->memory_peak_case == TELEPILOT__V1__USAGE__MEMORY_PEAK_MEMORY_PEAK_BYTES)
		format_size(u->memory_peak_bytes, peak, sizeof(peak));
	if (now[0] != '\0' && peak[0] != '\0')
		line("Memory:", "%s, at most %s", now, peak);
	else if (now[0] != '\0')
		line("Memory:", "%s", now);
	else if (peak[0] != '\0')
		line("Memory:", "at most %s", peak);
}

static void
print_usage(const Telepilot__V1__Usage *u)
{
	char text[32];

	if (u == NULL)
		return;
	if (u->cpu_case == TELEPILOT__V1__USAGE__CPU_CPU_USEC) {
		format_usec(u->cpu_usec, text, sizeof(text));
		line("CPU time:", "%s", text);
	}
	print_memory(u);
	if (u->io_read_case == TELEPILOT__V1__USAGE__IO_READ_IO_READ_BYTES)
		line("Disk read:", "%s", format_size(u->io_read_bytes, text, sizeof(text)));
	if (u->io_write_case == TELEPILOT__V1__USAGE__IO_WRITE_IO_WRITE_BYTES)
		line("Disk write:", "%s", format_size(u->io_write_bytes, text, sizeof(text)));
	if (u->pids_case == TELEPILOT__V1__USAGE__PIDS_PIDS_CURRENT)
		line("Processes:", "%llu", (unsigned long long)u->pids_current);
	line("Output:", "%s", format_size(u->output_bytes, text, sizeof(text)));
	size_line("Lost output:", u->output_dropped_bytes, " (the disk was full)");
}

static void
print_job(const Telepilot__V1__Job *job)
{
	char *words;
	size_t i;

	text_line("Job:", text_escape(job->id, strlen(job->id)));
	text_line("Owner:", text_escape(job->owner, strlen(job->owner)));
	text_line("Command:", job_command(job));
	text_line("State:", job_outcome(job));
	if (job_has_run(job) && job->end->reason != TELEPILOT__V1__END_REASON__END_REASON_EXITED)
		line("Exit code:", "%d", job_exit_code(job));
	time_line("Created:", job->create_time);
	time_line("Started:", job->start_time);
	time_line("Ended:", job->end_time);
	print_limits(job->limits);
	print_usage(job->usage);
	for (i = 0; i < job->n_warnings; i++) {
		words = text_escape(job->warnings[i], strlen(job->warnings[i]));
		text_line("Warning:", words);
	}
}

static int
show(struct telepilot *c, const char *id, bool first)
{
	telepilot_job *job;
	int r = 0;

	if ((r = telepilot_status(c, id, &job)) != 0)
		return (r);
	if (format != NULL)
		r = json_print(json_job(job));
	else {
		if (!first)
			putchar('\n');
		print_job(job);
	}
	telepilot_job_free(job);
	return (r);
}

static int
run_status(int argc, char **argv)
{
	struct telepilot *c;
	int i, r;

	if (format != NULL && strcmp(format, "json") != 0)
		return (complain("--format: \"%s\" is no format; there is json", format));
	if ((r = client_open(&c)) != 0)
		return (r);
	for (i = 0; i < argc; i++)
		if (show(c, argv[i], i == 0) != 0)
			r = argc > 1 ? client_failed_job(c, argv[i]) : client_failed(c);
	telepilot_close(c);
	return (r);
}

const struct command cmd_status = {
	.name = "status",
	.operands = "ID...",
	.summary = "show state, limits and usage of jobs",
	.options = { status_options },
	.min = 1,
	.max = -1,
	.run = run_status,
};
