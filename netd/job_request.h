/* SPDX-License-Identifier: ISC */

/*
 * A CreateJobRequest as the body of NETD_CREATE.
 */
#ifndef NETD_JOB_REQUEST_H
#define NETD_JOB_REQUEST_H

#include "common/buf.h"
#include "common/status.h"
#include "telepilot/v1/telepilot.pb-c.h"

/* Checked, and put into b. ST_OK, or st says what is wrong. */
enum status_code job_request_put(struct buf *b, const Telepilot__V1__CreateJobRequest *,
    struct status *st);

#endif
