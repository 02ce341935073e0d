/* SPDX-License-Identifier: ISC */

/*
 * How a job is told to people and to the shell. The names here are what scripts
 * read in the JSON form: they are documented in telepilot(1) and do not change.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/jobtext.h"
#include "cli/text.h"

#define EXIT_NOT_EXECUTABLE	126	/* as the shell's */
#define EXIT_NOT_FOUND		127

static const char *const states[] = {
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_CREATED] = "created",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_STARTING] = "starting",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_RUNNING] = "running",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_PAUSED] = "paused",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_STOPPING] = "stopping",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_EXITED] = "exited",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_FAILED] = "failed",
	[TELEPILOT__V1__JOB_STATE__JOB_STATE_LOST] = "lost",
};

static const char *const reasons[] = {
	[TELEPILOT__V1__END_REASON__END_REASON_EXITED] = "exited",
	[TELEPILOT__V1__END_REASON__END_REASON_SIGNALED] = "signaled",
	[TELEPILOT__V1__END_REASON__END_REASON_OUT_OF_MEMORY] = "out_of_memory",
	[TELEPILOT__V1__END_REASON__END_REASON_STOPPED] = "stopped",
	[TELEPILOT__V1__END_REASON__END_REASON_FAILED_TO_START] = "failed_to_start",
	[TELEPILOT__V1__END_REASON__END_REASON_SUPERVISOR_LOST] = "supervisor_lost",
};

static const char *
name_of(const char *const *names, size_t n, int i)
{
	return (i < 0 || (size_t)i >= n || names[i] == NULL ? "unknown" : names[i]);
}

const char *
job_state_name(Telepilot__V1__JobState state)
{
	return (name_of(states, sizeof(states) / sizeof(states[0]), (int)state));
}

const char *
job_reason_name(Telepilot__V1__EndReason reason)
{
	return (name_of(reasons, sizeof(reasons) / sizeof(reasons[0]), (int)reason));
}

const char *
job_signal_name(int signo, char *dst, size_t size)
{
	const char *name = sigabbrev_np(signo);

	if (name != NULL)
		snprintf(dst, size, "SIG%s", name);
	else
		snprintf(dst, size, "signal %d", signo);
	return (dst);
}

int
job_ended(const Telepilot__V1__Job *job)
{
	return (job->state == TELEPILOT__V1__JOB_STATE__JOB_STATE_EXITED ||
	    job->state == TELEPILOT__V1__JOB_STATE__JOB_STATE_FAILED ||
	    job->state == TELEPILOT__V1__JOB_STATE__JOB_STATE_LOST);
}

int
job_has_run(const Telepilot__V1__Job *job)
{
	return (job->end != NULL &&
	    job->end->status_case != TELEPILOT__V1__JOB_END__STATUS__NOT_SET);
}

/* By the errno of the stage that executes the program, never by any text. */
static int
exit_code_of_failure(const Telepilot__V1__StartFailure *failure)
{
	if (failure == NULL || strncmp(failure->stage, "exec ", strlen("exec ")) != 0)
		return (EXIT_TELEPILOT);
	return (failure->errno_number == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

int
job_exit_code(const Telepilot__V1__Job *job)
{
	const Telepilot__V1__JobEnd *end = job->end;

	if (end == NULL)
		return (EXIT_TELEPILOT);
	if (end->reason == TELEPILOT__V1__END_REASON__END_REASON_FAILED_TO_START)
		return (exit_code_of_failure(end->failure));
	if (end->reason == TELEPILOT__V1__END_REASON__END_REASON_SUPERVISOR_LOST)
		return (EXIT_TELEPILOT);
	switch (end->status_case) {
	case TELEPILOT__V1__JOB_END__STATUS_EXIT_CODE:
		return (end->exit_code & 0xff);
	case TELEPILOT__V1__JOB_END__STATUS_SIGNAL:
		return (128 + (end->signal & 0x7f));
	default:
		return (EXIT_TELEPILOT);
	}
}

/* --- words -------------------------------------------------------------------- */

static char *
outcome_of_end(const Telepilot__V1__JobEnd *end)
{
	char *s = NULL, name[32];
	int n;

	switch (end->reason) {
	case TELEPILOT__V1__END_REASON__END_REASON_EXITED:
		n = asprintf(&s, "exited (%d)", end->exit_code);
		break;
	case TELEPILOT__V1__END_REASON__END_REASON_SIGNALED:
		n = asprintf(&s, "killed by %s", job_signal_name(end->signal, name, sizeof(name)));
		break;
	case TELEPILOT__V1__END_REASON__END_REASON_OUT_OF_MEMORY:
		n = asprintf(&s, "out of memory");
		break;
	case TELEPILOT__V1__END_REASON__END_REASON_STOPPED:
		n = asprintf(&s, "stopped by %s", end->stopped_by);
		break;
	case TELEPILOT__V1__END_REASON__END_REASON_FAILED_TO_START:
		n = asprintf(&s, "failed: %s", end->failure != NULL ? end->failure->message :
		    "could not start");
		break;
	case TELEPILOT__V1__END_REASON__END_REASON_SUPERVISOR_LOST:
		n = asprintf(&s, "killed: its supervisor was lost");
		break;
	default:
		n = asprintf(&s, "ended");
	}
	return (n == -1 ? NULL : s);
}

char *
job_outcome(const Telepilot__V1__Job *job)
{
	char *words, *safe;

	if (job->end == NULL)
		words = strdup(job_state_name(job->state));
	else
		words = outcome_of_end(job->end);
	if (words == NULL)
		return (NULL);
	safe = text_escape(words, strlen(words));
	free(words);
	return (safe);
}

char *
job_command(const Telepilot__V1__Job *job)
{
	char *line = NULL, *word;
	size_t size, i;
	FILE *f;

	if ((f = open_memstream(&line, &size)) == NULL)
		return (NULL);
	for (i = 0; i <= job->n_args; i++) {
		word = text_quote(i == 0 ? job->command : job->args[i - 1]);
		fprintf(f, "%s%s", i == 0 ? "" : " ", word != NULL ? word : "?");
		free(word);
	}
	if (job->args_truncated)
		fputs(" ...", f);
	if (fclose(f) != 0) {
		free(line);
		return (NULL);
	}
	return (line);
}

/* --- times -------------------------------------------------------------------- */

void
format_span(int64_t s, char *dst, size_t size)
{
	if (s < 120)
		snprintf(dst, size, "%lld s", (long long)(s < 0 ? 0 : s));
	else if (s < 120 * 60)
		snprintf(dst, size, "%lld min", (long long)(s / 60));
	else if (s < 48 * 3600)
		snprintf(dst, size, "%lld h", (long long)(s / 3600));
	else
		snprintf(dst, size, "%lld d", (long long)(s / 86400));
}

void
format_usec(uint64_t usec, char *dst, size_t size)
{
	uint64_t s = usec / 1000000;

	if (s < 60)
		snprintf(dst, size, "%llu.%03u s", (unsigned long long)s,
		    (unsigned int)(usec % 1000000 / 1000));
	else if (s < 3600)
		snprintf(dst, size, "%llu min %llu s", (unsigned long long)(s / 60),
		    (unsigned long long)(s % 60));
	else
		snprintf(dst, size, "%llu h %llu min", (unsigned long long)(s / 3600),
		    (unsigned long long)(s % 3600 / 60));
}

void
format_time(const Google__Protobuf__Timestamp *t, char *dst, size_t size)
{
	time_t s = (time_t)t->seconds;
	struct tm tm;

	if (localtime_r(&s, &tm) == NULL || strftime(dst, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(dst, size, "?");
}

void
format_ago(const Google__Protobuf__Timestamp *t, time_t now, char *dst, size_t size)
{
	char span[32];
	int64_t ago;

	if (__builtin_sub_overflow((int64_t)now, t->seconds, &ago))
		ago = 0;
	format_span(ago, span, sizeof(span));
	snprintf(dst, size, "%s ago", span);
}
