/* SPDX-License-Identifier: ISC */

/*
 * What the monitor tells of a job, as the API's Job.
 */
#ifndef NETD_JOB_VIEW_H
#define NETD_JOB_VIEW_H

#include "common/jobinfo.h"
#include "telepilot/v1/telepilot.pb-c.h"

#define FAILURE_TEXT_MAX	(JOB_STAGE_MAX + 128)

/* The message with all that it points to. */
struct job_view {
	Telepilot__V1__Job job;
	struct jobinfo info;
	char id[UUID_STRLEN + 1];
	Google__Protobuf__Timestamp created, started, ended;
	Telepilot__V1__Limits limits;
	Telepilot__V1__Usage usage;
	Telepilot__V1__JobEnd end;
	Telepilot__V1__StartFailure failure;
	char failure_text[FAILURE_TEXT_MAX];
};

/* Reads a jobinfo. 0 or -errno; then there is nothing to free. */
int job_view_get(struct rbuf *, struct job_view *);
void job_view_free(struct job_view *);

void timestamp_set(Google__Protobuf__Timestamp *, int64_t realtime_ns);

#endif
