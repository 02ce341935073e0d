/* SPDX-License-Identifier: ISC */

/*
 * From our form of a job to the API's. The enumerations have the same numbers
 * on both sides, which is proved here. A number that the host does not tell is left out.
 */

#include <sys/wait.h>

#include <stdio.h>
#include <string.h>

#include "netd/job_view.h"

_Static_assert((int)TELEPILOT__V1__JOB_STATE__JOB_STATE_CREATED == (int)JOB_CREATED &&
    (int)TELEPILOT__V1__JOB_STATE__JOB_STATE_EXITED == (int)JOB_EXITED &&
    (int)TELEPILOT__V1__JOB_STATE__JOB_STATE_LOST == (int)JOB_LOST, "states");
_Static_assert((int)TELEPILOT__V1__END_REASON__END_REASON_EXITED == (int)END_EXITED &&
    (int)TELEPILOT__V1__END_REASON__END_REASON_STOPPED == (int)END_STOPPED &&
    (int)TELEPILOT__V1__END_REASON__END_REASON_SUPERVISOR_LOST == (int)END_SUPERVISOR_LOST,
    "reasons");

#define NS_PER_SECOND	INT64_C(1000000000)

void
timestamp_set(Google__Protobuf__Timestamp *t, int64_t ns)
{
	google__protobuf__timestamp__init(t);
	t->seconds = ns / NS_PER_SECOND;
	t->nanos = (int32_t)(ns % NS_PER_SECOND);
	if (t->nanos < 0) {
		t->nanos += (int32_t)NS_PER_SECOND;
		t->seconds--;
	}
}

static Google__Protobuf__Timestamp *
view_time(Google__Protobuf__Timestamp *t, int64_t ns)
{
	if (ns == 0)
		return (NULL);
	timestamp_set(t, ns);
	return (t);
}

static void
view_limits(Telepilot__V1__Limits *to, const struct limits *from)
{
	telepilot__v1__limits__init(to);
	to->cpu_cores = from->cpu_millis / 1000.0;
	to->memory_bytes = from->memory_bytes;
	if (from->swap_bytes != NO_LIMIT) {
		to->swap_case = TELEPILOT__V1__LIMITS__SWAP_SWAP_BYTES;
		to->swap_bytes = from->swap_bytes;
	}
	to->io_read_bytes_per_second = from->io_rbps;
	to->io_write_bytes_per_second = from->io_wbps;
	to->io_read_iops = from->io_riops;
	to->io_write_iops = from->io_wiops;
	to->pids = from->pids;
}

static void
view_usage(Telepilot__V1__Usage *to, const struct usage *from)
{
	telepilot__v1__usage__init(to);
	if (from->cpu_usec != USAGE_UNKNOWN) {
		to->cpu_case = TELEPILOT__V1__USAGE__CPU_CPU_USEC;
		to->cpu_usec = from->cpu_usec;
	}
	if (from->memory_bytes != USAGE_UNKNOWN) {
		to->memory_case = TELEPILOT__V1__USAGE__MEMORY_MEMORY_BYTES;
		to->memory_bytes = from->memory_bytes;
	}
	if (from->memory_peak_bytes != USAGE_UNKNOWN) {
		to->memory_peak_case = TELEPILOT__V1__USAGE__MEMORY_PEAK_MEMORY_PEAK_BYTES;
		to->memory_peak_bytes = from->memory_peak_bytes;
	}
	if (from->io_read_bytes != USAGE_UNKNOWN) {
		to->io_read_case = TELEPILOT__V1__USAGE__IO_READ_IO_READ_BYTES;
		to->io_read_bytes = from->io_read_bytes;
	}
	if (from->io_write_bytes != USAGE_UNKNOWN) {
		to->io_write_case = TELEPILOT__V1__USAGE__IO_WRITE_IO_WRITE_BYTES;
		to->io_write_bytes = from->io_write_bytes;
	}
	if (from->pids != USAGE_UNKNOWN) {
		to->pids_case = TELEPILOT__V1__USAGE__PIDS_PIDS_CURRENT;
		to->pids_current = from->pids;
	}
	to->output_bytes = from->output_bytes;
	to->output_dropped_bytes = from->output_dropped;
}

static void
view_failure(struct job_view *v)
{
	struct job_end *end = &v->info.end;

	telepilot__v1__start_failure__init(&v->failure);
	v->failure.stage = end->stage;
	v->failure.errno_number = end->error;
	(void)snprintf(v->failure_text, sizeof(v->failure_text), "%s: %s", end->stage,
	    strerror(end->error));
	v->failure.message = v->failure_text;
	v->end.failure = &v->failure;
}

static void
view_end(struct job_view *v)
{
	struct job_end *end = &v->info.end;

	telepilot__v1__job_end__init(&v->end);
	v->end.reason = (Telepilot__V1__EndReason)end->reason;
	v->end.stopped_by = end->stopped_by;
	if (end->has_status && WIFEXITED(end->wait_status)) {
		v->end.status_case = TELEPILOT__V1__JOB_END__STATUS_EXIT_CODE;
		v->end.exit_code = WEXITSTATUS(end->wait_status);
	} else if (end->has_status && WIFSIGNALED(end->wait_status)) {
		v->end.status_case = TELEPILOT__V1__JOB_END__STATUS_SIGNAL;
		v->end.signal = WTERMSIG(end->wait_status);
	}
	if (end->reason == END_FAILED_TO_START)
		view_failure(v);
	v->job.end = &v->end;
}

static void
view_command(Telepilot__V1__Job *job, char **argv)
{
	if (argv == NULL || argv[0] == NULL)
		return;
	job->command = argv[0];
	job->args = argv + 1;
	while (job->args[job->n_args] != NULL)
		job->n_args++;
}

int
job_view_get(struct rbuf *b, struct job_view *v)
{
	struct jobinfo *info = &v->info;
	Telepilot__V1__Job *job = &v->job;
	int r;

	jobinfo_init(info);
	if ((r = jobinfo_get(b, info)) != 0)
		return (r);
	telepilot__v1__job__init(job);
	uuid_format(&info->id, v->id);
	job->id = v->id;
	job->owner = info->owner;
	job->state = (Telepilot__V1__JobState)info->state;
	view_command(job, info->argv);
	job->args_truncated = info->argv_truncated;
	job->create_time = view_time(&v->created, info->created);
	job->start_time = view_time(&v->started, info->started);
	job->end_time = view_time(&v->ended, info->ended);
	view_limits(&v->limits, &info->limits);
	job->limits = &v->limits;
	if (info->has_usage) {
		view_usage(&v->usage, &info->usage);
		job->usage = &v->usage;
	}
	if (info->end.reason != END_NONE)
		view_end(v);
	job->warnings = info->warnings;
	while (info->warnings[job->n_warnings] != NULL)
		job->n_warnings++;
	return (0);
}

void
job_view_free(struct job_view *v)
{
	jobinfo_free(&v->info);
}
