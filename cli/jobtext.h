/*
 * A job in words and numbers. Pure.
 */
#ifndef CLI_JOBTEXT_H
#define CLI_JOBTEXT_H

#include <stdint.h>
#include <time.h>

#include "telepilot/v1/telepilot.pb-c.h"

/* "running", "exited"; "unknown" for what this version does not know. */
const char *job_state_name(Telepilot__V1__JobState);
/* "exited", "out_of_memory" */
const char *job_reason_name(Telepilot__V1__EndReason);
/* "SIGKILL"; dst is returned. */
const char *job_signal_name(int, char *dst, size_t size);

/* 1 if the job will not run (any more). */
int job_ended(const Telepilot__V1__Job *);
/* 1 if it has ended and its program had run. */
int job_has_run(const Telepilot__V1__Job *);

/*
 * What run and wait exit with: the job's exit code, 128 + its signal, 126 or 127
 * if its program could not be executed, 125 if it never ran for another reason.
 */
int job_exit_code(const Telepilot__V1__Job *);

/* New strings, safe to print; NULL when out of memory. */
char *job_outcome(const Telepilot__V1__Job *);	/* "exited (3)", "out of memory" */
char *job_command(const Telepilot__V1__Job *);	/* as it could be typed */

/* "3 s", "2 min", "5 h", "12 d" */
void format_span(int64_t seconds, char *dst, size_t size);
/* "12.3 s", "2 min 5 s" */
void format_usec(uint64_t usec, char *dst, size_t size);
/* "2025-11-25 14:03:22" in local time. */
void format_time(const Google__Protobuf__Timestamp *, char *dst, size_t size);
/* "2 min ago" */
void format_ago(const Google__Protobuf__Timestamp *, time_t now, char *dst, size_t size);

#endif
