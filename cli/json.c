/* SPDX-License-Identifier: ISC */

/*
 * The machine's view of a job: snake_case names as in telepilot.proto, sizes in
 * bytes, times in RFC 3339. What the server does not know is absent. Anything
 * outside ASCII is escaped, since the texts are of others and may end up on a
 * terminal.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/jobtext.h"
#include "cli/json.h"
#include "cli/text.h"

/* Sets *bad instead of failing, so that a list of puts reads as the form. */
static void
put(json_t *o, int *bad, const char *name, json_t *value)
{
	if (json_object_set_new(o, name, value) != 0)
		*bad = 1;
}

/* Strings that are no UTF-8 cannot be JSON's: their bytes are written as \xHH. */
static json_t *
string(const char *s)
{
	json_t *value;
	char *safe;

	if ((value = json_string(s)) != NULL || (safe = text_escape(s, strlen(s))) == NULL)
		return (value);
	value = json_string(safe);
	free(safe);
	return (value);
}

static json_t *
number(uint64_t n)
{
	return (n <= INT64_MAX ? json_integer((json_int_t)n) : json_real((double)n));
}

static void
put_number(json_t *o, int *bad, const char *name, uint64_t n)
{
	if (n != 0)
		put(o, bad, name, number(n));
}

static json_t *
strings(char **v, size_t n)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		if (json_array_append_new(array, string(v[i])) != 0) {
			json_decref(array);
			return (NULL);
		}
	return (array);
}

static void
put_time(json_t *o, int *bad, const char *name, const Google__Protobuf__Timestamp *t)
{
	char text[64];
	struct tm tm;
	time_t s;
	size_t n;

	if (t == NULL)
		return;
	s = (time_t)t->seconds;
	if (gmtime_r(&s, &tm) == NULL ||
	    (n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm)) == 0)
		return;
	snprintf(text + n, sizeof(text) - n, ".%09dZ",
	    t->nanos >= 0 && t->nanos <= 999999999 ? t->nanos : 0);
	put(o, bad, name, json_string(text));
}

/* NULL if anything is missing in it. */
static json_t *
finished(json_t *o, int bad)
{
	if (!bad)
		return (o);
	json_decref(o);
	return (NULL);
}

static json_t *
limits(const Telepilot__V1__Limits *l)
{
	json_t *o = json_object();
	int bad = 0;

	if (l->cpu_cores > 0)
		put(o, &bad, "cpu_cores", json_real(l->cpu_cores));
	put_number(o, &bad, "memory_bytes", l->memory_bytes);
	if (l->swap_case == TELEPILOT__V1__LIMITS__SWAP_SWAP_BYTES)
		put(o, &bad, "swap_bytes", number(l->swap_bytes));
	put_number(o, &bad, "io_read_bytes_per_second", l->io_read_bytes_per_second);
	put_number(o, &bad, "io_write_bytes_per_second", l->io_write_bytes_per_second);
	put_number(o, &bad, "io_read_iops", l->io_read_iops);
	put_number(o, &bad, "io_write_iops", l->io_write_iops);
	put_number(o, &bad, "pids", l->pids);
	return (finished(o, bad));
}

static json_t *
usage(const Telepilot__V1__Usage *u)
{
	json_t *o = json_object();
	int bad = 0;

	if (u->cpu_case == TELEPILOT__V1__USAGE__CPU_CPU_USEC)
		put(o, &bad, "cpu_usec", number(u->cpu_usec));
	if (u->memory_case == TELEPILOT__V1__USAGE__MEMORY_MEMORY_BYTES)
		put(o, &bad, "memory_bytes", number(u->memory_bytes));
	if (u->memory_peak_case == TELEPILOT__V1__USAGE__MEMORY_PEAK_MEMORY_PEAK_BYTES)
		put(o, &bad, "memory_peak_bytes", number(u->memory_peak_bytes));
	if (u->io_read_case == TELEPILOT__V1__USAGE__IO_READ_IO_READ_BYTES)
		put(o, &bad, "io_read_bytes", number(u->io_read_bytes));
	if (u->io_write_case == TELEPILOT__V1__USAGE__IO_WRITE_IO_WRITE_BYTES)
		put(o, &bad, "io_write_bytes", number(u->io_write_bytes));
	if (u->pids_case == TELEPILOT__V1__USAGE__PIDS_PIDS_CURRENT)
		put(o, &bad, "pids_current", number(u->pids_current));
	put(o, &bad, "output_bytes", number(u->output_bytes));
	put(o, &bad, "output_dropped_bytes", number(u->output_dropped_bytes));
	return (finished(o, bad));
}

static json_t *
failure(const Telepilot__V1__StartFailure *f)
{
	json_t *o = json_object();
	int bad = 0;

	put(o, &bad, "stage", string(f->stage));
	put(o, &bad, "errno", json_integer(f->errno_number));
	put(o, &bad, "message", string(f->message));
	return (finished(o, bad));
}

static json_t *
end(const Telepilot__V1__JobEnd *e)
{
	json_t *o = json_object();
	char name[32];
	int bad = 0;

	put(o, &bad, "reason", json_string(job_reason_name(e->reason)));
	if (e->status_case == TELEPILOT__V1__JOB_END__STATUS_EXIT_CODE)
		put(o, &bad, "exit_code", json_integer(e->exit_code));
	if (e->status_case == TELEPILOT__V1__JOB_END__STATUS_SIGNAL) {
		put(o, &bad, "signal", json_integer(e->signal));
		put(o, &bad, "signal_name",
		    json_string(job_signal_name(e->signal, name, sizeof(name))));
	}
	if (e->stopped_by[0] != '\0')
		put(o, &bad, "stopped_by", string(e->stopped_by));
	if (e->failure != NULL)
		put(o, &bad, "failure", failure(e->failure));
	return (finished(o, bad));
}

json_t *
json_job(const Telepilot__V1__Job *job)
{
	json_t *o = json_object();
	int bad = 0;

	put(o, &bad, "id", string(job->id));
	put(o, &bad, "owner", string(job->owner));
	put(o, &bad, "state", json_string(job_state_name(job->state)));
	put(o, &bad, "command", string(job->command));
	put(o, &bad, "args", strings(job->args, job->n_args));
	put(o, &bad, "args_truncated", json_boolean(job->args_truncated));
	put_time(o, &bad, "create_time", job->create_time);
	put_time(o, &bad, "start_time", job->start_time);
	put_time(o, &bad, "end_time", job->end_time);
	if (job->limits != NULL)
		put(o, &bad, "limits", limits(job->limits));
	if (job->usage != NULL)
		put(o, &bad, "usage", usage(job->usage));
	if (job->end != NULL)
		put(o, &bad, "end", end(job->end));
	put(o, &bad, "warnings", strings(job->warnings, job->n_warnings));
	return (finished(o, bad));
}

int
json_print(json_t *value)
{
	int r;

	if (value == NULL)
		return (-1);
	r = json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	json_decref(value);
	putchar('\n');
	return (r);
}
